"""The data directory: key, lock, stack file, logs."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from tokenlane_cli.errors import StackRunningError, UsageError
from tokenlane_cli.stack import files
from tokenlane_cli.stack.files import LaneInfo, ProcessInfo, StackInfo
from tokenlane_cli.stack.log_tail import last_line
from tokenlane_cli.stack.welcome import lines


def info(pid: int) -> StackInfo:
    return StackInfo(
        url="http://127.0.0.1:8080",
        api_key="tl-key",
        tenant="demo",
        nats_url="nats://127.0.0.1:4222",
        pid=pid,
        engine="sim",
        model="it's a model",
        simulated=True,
        lanes=(LaneInfo("short", 512, 2048), LaneInfo("long", None, 2048)),
        processes=(ProcessInfo("worker-short-1", "worker", "short", pid, "http://127.0.0.1:1/metrics"),),
    )


def test_the_stack_file_comes_back_as_it_was_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    files.write_stack(tmp_path, info(os.getpid()))
    assert files.read_stack(tmp_path) == info(os.getpid())
    assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600
    files.remove_stack(tmp_path)
    assert files.read_stack(tmp_path) is None


def test_the_file_of_a_stack_that_was_killed_is_ignored(tmp_path: Path) -> None:
    files.write_stack(tmp_path, info(2**22 + 1))
    assert files.read_stack(tmp_path) is None


def test_a_broken_stack_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(UsageError, match=r"stack\.json"):
        files.read_stack(tmp_path)


def test_the_second_owner_is_told_where_the_first_is(tmp_path: Path) -> None:
    held = files.lock(tmp_path)
    files.write_stack(tmp_path, info(os.getpid()))
    with pytest.raises(StackRunningError, match=r"http://127\.0\.0\.1:8080"):
        files.lock(tmp_path)
    held.release()
    files.lock(tmp_path).release()


def test_a_data_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--data-dir"):
        files.lock(tmp_path / "file" / "below")


def test_the_key_stays_and_the_keys_file_holds_its_hash(tmp_path: Path) -> None:
    key, keys_file = files.ensure_api_key(tmp_path)
    assert key.startswith("tl-")
    assert json.loads(keys_file.read_text()) == {hashlib.sha256(key.encode()).hexdigest(): "demo"}
    assert files.ensure_api_key(tmp_path)[0] == key
    assert (tmp_path / "api-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("first\nlast\n\n", "last"),
        ('{"event": "cannot go on", "reason": "no bus"}\n', "cannot go on: no bus"),
        ('{"event": "stopped"}\n', "stopped"),
        ('["event"]\n', '["event"]'),
        ("x" * 20_000, "x" * 300),
    ],
)
def test_last_words(tmp_path: Path, log: str, line: str) -> None:
    (tmp_path / "log").write_text(log)
    assert last_line(tmp_path / "log") == line


def test_no_log_no_words(tmp_path: Path) -> None:
    assert last_line(tmp_path / "none") == ""


def test_lines_to_paste_survive_quotes_in_the_models_name() -> None:
    pasted = "\n".join(lines(info(1)))
    assert "http://127.0.0.1:8080/v1/chat/completions" in pasted
    assert "tl-key" in pasted
    assert "'\"'\"'" in pasted
    assert "pub requests.demo" in pasted
