"""A worker in miniature, to be killed: `owner.py MODEL SOCKET COMMAND ARGS...` starts the engine and waits."""

import asyncio
import sys
from pathlib import Path

from tokenlane_worker.engine.vllm_child import VllmChildEngine
from tokenlane_worker.engine.vllm_command import VllmChildConfig


async def main() -> None:
    model, socket, command, *extra_args = sys.argv[1:]
    config = VllmChildConfig(
        model=model,
        socket_path=Path(socket),
        command=(command,),
        extra_args=tuple(extra_args),
        log_file=Path(f"{socket}.log"),
    )
    engine = VllmChildEngine(config)
    await engine.start()
    print("ready", flush=True)
    await engine.wait_dead()


asyncio.run(main())
