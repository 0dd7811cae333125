from pathlib import Path

import pytest

from tokenlane_worker.engine.vllm_command import VllmChildConfig, child_environment, max_num_seqs, serve_command


def test_the_command_serves_the_model_on_the_socket_under_its_name() -> None:
    config = VllmChildConfig(model="org/model", served_model_name="name", command=("uv", "run", "vllm"))
    command = serve_command(config, Path("/run/s"))
    assert command[:5] == ["uv", "run", "vllm", "serve", "org/model"]
    assert command[command.index("--uds") + 1] == "/run/s"
    assert command[command.index("--served-model-name") + 1] == "name"


def test_extra_arguments_come_last_and_win() -> None:
    config = VllmChildConfig(model="m", max_num_seqs=8, extra_args=("--max-num-seqs=4", "--enforce-eager"))
    command = serve_command(config, Path("/run/s"))
    assert command[-2:] == ["--max-num-seqs=4", "--enforce-eager"]
    assert max_num_seqs(command) == 4


def test_the_worker_s_own_number_holds_if_no_other_is_given() -> None:
    assert max_num_seqs(serve_command(VllmChildConfig(model="m", max_num_seqs=8), Path("/run/s"))) == 8


def test_answers_tell_what_was_cached_unless_that_is_switched_off() -> None:
    config = VllmChildConfig(model="m", extra_args=("--no-enable-prompt-tokens-details",))
    command = serve_command(config, Path("/run/s"))
    assert command.index("--enable-prompt-tokens-details") < command.index("--no-enable-prompt-tokens-details")


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="max-num-seqs"):
        max_num_seqs(["--max-num-seqs", "many"])


def test_usage_reports_are_off_unless_asked_for() -> None:
    config = VllmChildConfig(model="m", env={"A": "2"})
    assert child_environment({"A": "1", "B": "1"}, config) == {"VLLM_NO_USAGE_STATS": "1", "A": "2", "B": "1"}
    assert child_environment({"VLLM_NO_USAGE_STATS": "0"}, config)["VLLM_NO_USAGE_STATS"] == "0"
