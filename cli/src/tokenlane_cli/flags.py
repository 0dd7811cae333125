"""Command-line flags that more than one command takes."""

from pathlib import Path
from typing import Annotated

import typer

from tokenlane_cli.stack.options import EngineKind

Engine = Annotated[EngineKind, typer.Option(help="What answers: vllm serve children, the simulator, a server by URL.")]
Model = Annotated[str, typer.Option(help="Model to load: a directory or a hub name. With a URL: to ask for.")]
EngineUrl = Annotated[str, typer.Option(help="OpenAI-compatible server; implies --engine url.")]
EngineCommand = Annotated[str, typer.Option(help="The vllm command.")]
EngineArgs = Annotated[
    str | None, typer.Option(help="Arguments for vllm serve, replacing the default ones.", show_default="by machine")
]
Lanes = Annotated[
    str, typer.Option(help="Lanes and their boundaries in tokens, as in short:1024,long.", show_default="by engine")
]
WorkersShort = Annotated[int, typer.Option(min=1, help="Workers that the short lane starts with.")]
WorkersLong = Annotated[int, typer.Option(min=1, help="Workers that the long lane starts with.")]
DataDir = Annotated[Path, typer.Option(help="Streams, logs, key and state of the stack.")]
Port = Annotated[
    int | None, typer.Option(min=0, max=65535, help="HTTP port; 0: any free one.", show_default="8080 if free")
]
SharedEngine = Annotated[
    bool, typer.Option("--shared-engine", help="One worker serves all lanes on one engine, short requests first.")
]
SimProfile = Annotated[str, typer.Option(help="Device and model that the simulator imitates.")]
SimSpeed = Annotated[float | None, typer.Option(min=0.001, help="Simulated seconds a second.")]
Autoscaler = Annotated[bool, typer.Option(help="Let the autoscaler start and stop workers.")]
MaxReplicas = Annotated[int | None, typer.Option(min=1, help="Most workers a lane.", show_default="by engine")]

NatsUrl = Annotated[
    str,
    typer.Option(
        envvar="TOKENLANE_NATS_URL",
        help="Servers of the bus, comma-separated.",
        show_default="the stack running here, else nats://127.0.0.1:4222",
    ),
]
NatsCreds = Annotated[
    Path | None, typer.Option(envvar="TOKENLANE_NATS_CREDS_FILE", help="Credentials file for the bus.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
