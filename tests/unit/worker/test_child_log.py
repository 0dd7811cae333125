"""Why an engine died, in one line."""

import pytest

from tokenlane_worker.engine.child_log import ChildLog, failure_line

TRACEBACK = """\
(EngineCore pid=9) INFO 01-01 00:00:00 [core.py:133] Initializing a V1 LLM engine
(EngineCore pid=9) ERROR 01-01 00:00:01 [core.py:1100] Traceback (most recent call last):
(EngineCore pid=9) ERROR 01-01 00:00:01 [core.py:1100]   File "x.py", line 1, in y
(EngineCore pid=9) ERROR 01-01 00:00:01 [core.py:1100] ValueError: To serve at least one request, more memory is needed.
(APIServer pid=8) Traceback (most recent call last):
(APIServer pid=8) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
nanobind: leaked 64 types!
 - leaked type "triton._C.libtriton.ir.location"
""".splitlines()


def test_the_root_cause_is_told_rather_than_its_consequence() -> None:
    assert failure_line(TRACEBACK) == "ValueError: To serve at least one request, more memory is needed."


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "it said nothing"),
        (["loading", ""], "loading"),
        (["usage: vllm serve", "vllm serve: error: unrecognized arguments: --x"], None),
        (["vllm: No such file or directory"], "vllm: No such file or directory"),
        (["huggingface_hub.errors.HFValidationError: Repo id must be a name", "bye"], None),
    ],
)
def test_without_a_traceback_the_most_telling_line_is_taken(lines: list[str], expected: str | None) -> None:
    assert failure_line(lines) == (expected or next(line for line in lines if "rror: " in line))


def test_lines_are_passed_on_and_remembered() -> None:
    written: list[str] = []
    log = ChildLog(written.append)
    log.line(b"one \xff\n")
    log.line(b"\n")
    assert written == ["one \ufffd"]
    assert log.failure() == "one \ufffd"
