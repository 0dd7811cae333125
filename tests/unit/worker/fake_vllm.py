"""A stand-in for the `vllm` command: `python fake_vllm.py MODE [--note FILE] serve MODEL --uds PATH ...`.

MODE: serve | fail | hang | stubborn (serves, ignores SIGTERM, and has a child in its group). It answers as vLLM does.
"""

import http.server
import json
import os
import signal
import socketserver
import subprocess
import sys
import time

METRICS = 'vllm:cache_config_info{block_size="16",num_gpu_blocks="11"} 1.0\nvllm:num_requests_running 0.0\n'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        models = {"data": [{"id": argument("--served-model-name"), "max_model_len": 128}]}
        self.answer({"/v1/models": json.dumps(models), "/metrics": METRICS}.get(self.path, ""))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if b"die" in body:
            print("ValueError: out of luck", flush=True)
            os._exit(3)
        self.answer("{}")

    def answer(self, text: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None: ...

    def address_string(self) -> str:
        return "socket"


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def argument(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


def main() -> None:
    mode = sys.argv[1]
    if mode == "fail":
        print("(EngineCore pid=7) ERROR 01-01 00:00:00 [core.py:1] ValueError: not enough memory", flush=True)
        print("RuntimeError: Engine core initialization failed. See root cause above.", flush=True)
        raise SystemExit(1)
    if mode == "hang":
        print("loading", flush=True)
        time.sleep(600)
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(f"child {child.pid}", flush=True)
    print(f"leader {os.getpid()}", flush=True)
    Server(argument("--uds"), Handler).serve_forever()


if __name__ == "__main__":
    main()
