"""Asks tokenlane one thing and shows the answer. Exits 1 when none comes."""

import json
import os
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

url = os.environ["TOKENLANE_URL"]
key = os.environ.get("TOKENLANE_API_KEY")
headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

deadline = time.monotonic() + 120
models: list[str] = []
while not models:
    try:
        with urlopen(Request(f"{url}/v1/models", headers=headers), timeout=10) as response:
            models = [model["id"] for model in json.load(response)["data"]]
    except URLError as error:
        print(f"{url}: {error}")
    if not models:
        if time.monotonic() > deadline:
            raise SystemExit("no worker has registered a model within 120 s")
        time.sleep(2)

body = {"model": models[0], "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16}
question = Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)
with urlopen(question, timeout=120) as response:
    text = json.load(response)["choices"][0]["message"]["content"]
    print(f"{models[0]} in lane {response.headers['x-tokenlane-lane']}: {text!r}")
    if response.headers["x-tokenlane-simulated"]:
        print("The engine is simulated.")
