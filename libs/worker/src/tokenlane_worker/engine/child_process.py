"""One engine process with its keeper, its log, and an end that can be waited for."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tokenlane_worker.engine.child_log import ChildLog

KEEPER = Path(__file__).with_name("keeper.py")
KEEPER_SLACK_S = 5.0
LAST_LINES_S = 1.0
GROUP_LINE = b"keeper: group "
MAX_LOG_LINE = 1 << 20


class ChildProcess:
    """Start with `start`; `ended` resolves with the exit code."""

    def __init__(self, process: asyncio.subprocess.Process, output: "LogPipe", log: ChildLog, grace_s: float) -> None:
        self._process = process
        self._output = output
        self._log = log
        self._grace_s = grace_s
        self._group = 0
        self._watch = asyncio.create_task(self._follow())

    @classmethod
    async def start(
        cls, command: list[str], environment: Mapping[str, str], log: ChildLog, grace_s: float
    ) -> "ChildProcess":
        output = await LogPipe.open()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(KEEPER), str(grace_s), *command),
                stdin=asyncio.subprocess.PIPE,
                stdout=output.write_end,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                # out of the terminal's reach: Ctrl-C is the worker's to handle
                start_new_session=True,
            )
        except BaseException:
            output.close()
            raise
        finally:
            os.close(output.write_end)
        return cls(process, output, log, grace_s)

    async def ended(self) -> int:
        """The exit code, 128 + signal for a killed engine; its log has been read to the end."""
        return await asyncio.shield(self._watch)

    @property
    def alive(self) -> bool:
        return not self._watch.done()

    async def stop(self) -> None:
        """Idempotent. Ends the process group: SIGTERM, the grace period, SIGKILL."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(self._grace_s + KEEPER_SLACK_S):
                await self.ended()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self.ended()

    async def _follow(self) -> int:
        reading = asyncio.create_task(self._read_log())
        code = await self._process.wait()
        # normally at once; a process that escaped its keeper could hold the pipe open
        await asyncio.wait([reading], timeout=LAST_LINES_S)
        reading.cancel()
        self._output.close()
        if code < 0:
            self._kill_group()
        return code

    def _kill_group(self) -> None:
        """The keeper was killed before it could see to this."""
        if self._group:
            with suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGKILL)

    async def _read_log(self) -> None:
        while line := await self._output.next_line():
            if not self._group and line.startswith(GROUP_LINE):
                self._group = int(line.removeprefix(GROUP_LINE))
            else:
                self._log.line(line)


class LogPipe:
    """Read apart from the process: asyncio would take an exit for one only after every holder of the pipe is gone."""

    def __init__(self, write_end: int, transport: asyncio.ReadTransport, reader: asyncio.StreamReader) -> None:
        self.write_end = write_end
        self._transport = transport
        self._reader = reader

    @classmethod
    async def open(cls) -> "LogPipe":
        read_end, write_end = os.pipe()
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=MAX_LOG_LINE)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(read_end, "rb", buffering=0))
        return cls(write_end, transport, reader)

    async def next_line(self) -> bytes:
        """Empty at the end."""
        try:
            return await self._reader.readline()
        except ValueError:
            return b"(a line too long to be read)\n"

    def close(self) -> None:
        self._transport.close()
