"""How to go on with a running stack: its address, its key, and commands to paste."""

import json
import shlex

from rich.console import Console
from rich.text import Text

from tokenlane_cli.stack.files import StackInfo
from tokenlane_proto import subjects, topology


def welcome(console: Console, stack: StackInfo) -> None:
    """Print it. Lines to paste are not wrapped."""
    if stack.simulated:
        console.print("[bold yellow]SIMULATED ENGINE[/]: every answer is made up, and says so.")
    for line in lines(stack):
        console.print(Text(line), soft_wrap=True)


def lines(stack: StackInfo) -> list[str]:
    """Address, key, and the same question by curl, by Python and on the bus."""
    question = json.dumps({"model": stack.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 32})
    data, key = shlex.quote(question), stack.api_key
    python = (
        f"import openai; print(openai.OpenAI(base_url={stack.url + '/v1'!r}, api_key={key!r})"
        f".chat.completions.create(**{json.loads(question)!r}).choices[0].message.content)"
    )
    return [
        f"URL   {stack.url}/v1",
        f"Key   {key}",
        f"Model {stack.model}",
        f"Bus   {stack.nats_url}",
        "",
        f"curl {stack.url}/v1/chat/completions -H 'Authorization: Bearer {key}' -d {data}",
        "",
        f"python -c {_quoted(python)}",
        "",
        f"nats -s {stack.nats_url} pub requests.{stack.tenant} -H Tokenlane-Request-Id:hello-1 {data}",
        f"nats -s {stack.nats_url} stream get {topology.RESULTS} -S {subjects.result(stack.tenant, 'hello-1')}",
        "",
        "Ctrl-C drains and stops everything.",
    ]


def _quoted(text: str) -> str:
    """Quoted for a shell; with double quotes where they change nothing, as single ones inside are hard to read."""
    return shlex.quote(text) if set(text) & set('"$`\\!') else f'"{text}"'
