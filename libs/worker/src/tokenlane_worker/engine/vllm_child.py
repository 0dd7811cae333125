"""The engine that belongs to the worker: a `vllm serve` child on a Unix socket."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import msgspec
import structlog

from tokenlane_worker.engine.backoff import until
from tokenlane_worker.engine.child_log import ChildLog
from tokenlane_worker.engine.child_process import ChildProcess
from tokenlane_worker.engine.endpoint import Endpoint
from tokenlane_worker.engine.errors import EngineError, EngineStartError, EngineUnavailableError
from tokenlane_worker.engine.http1 import Http1Client
from tokenlane_worker.engine.openai_api import KnownLimits, OpenAIApi
from tokenlane_worker.engine.protocol import EngineInfo, EngineStats, Sink
from tokenlane_worker.engine.vllm_command import (
    VllmChildConfig,
    child_environment,
    max_num_batched_tokens,
    max_num_seqs,
    serve_command,
)

MAX_SOCKET_PATH = 100


class VllmChildEngine:
    def __init__(self, config: VllmChildConfig, on_log: Callable[[str], None] | None = None) -> None:
        """`on_log` gets the child's log lines; without it they go to `config.log_file`, else to structlog at debug."""
        self._config = config
        self._on_log = on_log
        self._child: ChildProcess | None = None
        self._resources = ExitStack()
        self._dead: asyncio.Future[str] | None = None
        self._stopping = False

    async def start(self) -> EngineInfo:
        self._dead = asyncio.get_running_loop().create_future()
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> EngineInfo:
        config, log = self._config, ChildLog(self._log_writer())
        socket_path = self._claim_socket()
        command = serve_command(config, socket_path)
        limits = KnownLimits(_checked_max_num_seqs(command))
        if shutil.which(command[0]) is None:
            raise EngineStartError(f"engine command not found: {command[0]}")
        environment = child_environment(os.environ, config)
        self._child = child = await ChildProcess.start(command, environment, log, config.stop_grace_s)
        endpoint = Endpoint(socket_path=str(socket_path))
        self._client = Http1Client(endpoint, connect_timeout_s=config.connect_timeout_s)
        self._api = OpenAIApi(self._client)
        await self._until_healthy(child, log)
        try:
            info = await self._api.describe("", limits)
            info = replace(info, max_num_batched_tokens=_step_budget(command))
            await self._warm_up(info.model)
        except EngineStartError:
            raise
        except EngineError as error:
            raise EngineStartError(f"the engine failed at its first request: {log.failure()}") from error
        self._watch = asyncio.create_task(self._report_end(child, log))
        return info

    async def _until_healthy(self, child: ChildProcess, log: ChildLog) -> None:
        async def settled() -> bool:
            return not child.alive or await self._api.healthy()

        if not await until(settled, self._config.start_timeout_s):
            seconds = f"{self._config.start_timeout_s:g}"
            raise EngineStartError(f"the engine was not healthy within {seconds} s; its last line: {log.failure()}")
        if not child.alive:
            raise EngineStartError(f"the engine ended with code {await child.ended()}: {log.failure()}")

    async def _warm_up(self, model: str) -> None:
        """The first answer builds the tokenizer and the sampler; here, so that no client waits for it."""
        request = {"model": model, "prompt": "Hello", "max_tokens": 2, "temperature": 0, "logprobs": 1}
        await self._api.generate("/v1/completions", msgspec.json.encode(request), _Discard())
        request = {"model": model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
        await self._api.generate("/v1/chat/completions", msgspec.json.encode(request), _Discard())

    async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        if self._child is None or not self._child.alive:
            raise EngineUnavailableError("the engine is not running")
        await self._api.generate(path, body, sink, request_id)

    async def count_tokens(self, text: str, model: str) -> int | None:
        if self._child is None or not self._child.alive:
            return None
        return await self._api.count_tokens(text, model)

    async def stats(self) -> EngineStats:
        return await self._api.stats()

    async def wait_dead(self) -> str:
        assert self._dead is not None, "start first"
        return await asyncio.shield(self._dead)

    async def stop(self) -> None:
        self._stopping = True
        if self._child is not None:
            await self._child.stop()
            self._client.close()
        self._resources.close()
        self._report("the engine was stopped")

    async def _report_end(self, child: ChildProcess, log: ChildLog) -> None:
        code = await child.ended()
        if not self._stopping:
            self._report(f"the engine ended with code {code}: {log.failure()}")

    def _report(self, reason: str) -> None:
        if self._dead is not None and not self._dead.done():
            self._dead.set_result(reason)

    def _claim_socket(self) -> Path:
        path = self._config.socket_path
        if path is None:
            folder = tempfile.TemporaryDirectory(prefix="tokenlane-", ignore_cleanup_errors=True)
            path = Path(self._resources.enter_context(folder)) / "engine.sock"
        if len(os.fsencode(path)) > MAX_SOCKET_PATH:
            raise EngineStartError(f"socket path too long (over {MAX_SOCKET_PATH} bytes): {path}")
        path.unlink(missing_ok=True)
        self._resources.callback(path.unlink, missing_ok=True)
        return path

    def _log_writer(self) -> Callable[[str], None]:
        if self._on_log is not None:
            return self._on_log
        if self._config.log_file is None:
            log = structlog.get_logger("tokenlane.engine")
            return lambda line: log.debug("engine", line=line)
        file: TextIO = self._resources.enter_context(self._config.log_file.open("a", buffering=1))
        return lambda line: print(line, file=file)


class _Discard:
    def head(self, status: int, content_type: str) -> None:
        """A refusal is an answer too: not every model has a chat template."""

    def data(self, chunk: bytes) -> None: ...


def _step_budget(command: list[str]) -> int:
    """For people to see: what cannot be read is not known."""
    try:
        return max_num_batched_tokens(command)
    except ValueError:
        return 0


def _checked_max_num_seqs(command: list[str]) -> int:
    try:
        return max_num_seqs(command)
    except ValueError as error:
        raise EngineStartError(f"engine arguments: {error}") from error
