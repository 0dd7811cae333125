"""A simulated engine behind HTTP, as an OpenAI server with what vLLM says of itself."""

import asyncio

from aiohttp import ClientConnectionResetError, web

from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig


class _ToHttp:
    """A sink into a response. The engine writes synchronously; `deliver` sends on."""

    def __init__(self) -> None:
        self.status = 200
        self.content_type = ""
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()

    def head(self, status: int, content_type: str) -> None:
        self.status, self.content_type = status, content_type

    def data(self, chunk: bytes) -> None:
        self.chunks.put_nowait(chunk)

    async def deliver(self, request: web.Request) -> web.StreamResponse:
        first = await self.chunks.get()
        response = web.StreamResponse(status=self.status, headers={"Content-Type": self.content_type})
        await response.prepare(request)
        chunk = first
        while chunk is not None:
            await response.write(chunk)
            chunk = await self.chunks.get()
        await response.write_eof()
        return response


class SimulatedServer:
    """Up on enter, gone on exit. `metrics` False: it says nothing of its engine, as a server other than vLLM."""

    def __init__(self, config: SimulatedEngineConfig, metrics: bool = True) -> None:
        self._engine = SimulatedEngine(config)
        self._metrics = metrics

    async def __aenter__(self) -> "SimulatedServer":
        self._info = await self._engine.start()
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/completions", self._complete)
        if self._metrics:
            app.router.add_get("/metrics", self._show_metrics)
            app.router.add_get("/version", self._version)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._engine.stop()
        await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        model = {"id": self._info.model, "object": "model", "max_model_len": self._info.max_model_len}
        return web.json_response({"object": "list", "data": [model]})

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "0.32.0"})

    async def _show_metrics(self, request: web.Request) -> web.Response:
        blocks = self._info.kv_capacity_tokens // self._info.block_size + 1
        labels = f'block_size="{self._info.block_size}",num_gpu_blocks="{blocks}"'
        return web.Response(text=f"# TYPE vllm:cache_config_info gauge\nvllm:cache_config_info{{{labels}}} 1.0\n")

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        sink = _ToHttp()
        body = await request.read()

        async def answer() -> None:
            try:
                await self._engine.generate(request.path, body, sink)
            finally:
                sink.chunks.put_nowait(None)

        task = asyncio.create_task(answer())
        try:
            return await sink.deliver(request)
        except ClientConnectionResetError:
            return web.Response()
        finally:
            task.cancel()
