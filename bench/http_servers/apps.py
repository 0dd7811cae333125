"""The same two routes on each candidate: read the body, answer 1 KB of JSON or 32 server-sent events.

Frameworks are used without their validation and serialisation: the door passes bytes and would not use them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bench.http_servers.payloads import ANSWER, EVENTS, JSON_HEADERS, JSON_PATH, STREAM_HEADERS, STREAM_PATH

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


_START_JSON = {"type": "http.response.start", "status": 200, "headers": _raw(JSON_HEADERS)}
_START_STREAM = {"type": "http.response.start", "status": 200, "headers": _raw(STREAM_HEADERS)}


async def raw_asgi(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise RuntimeError(f"{scope['type']} is not served here")
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == JSON_PATH:
        await send(_START_JSON)
        await send({"type": "http.response.body", "body": ANSWER})
        return
    await send(_START_STREAM)
    for event in EVENTS:
        await send({"type": "http.response.body", "body": event, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


async def _events() -> AsyncIterator[bytes]:
    for event in EVENTS:
        yield event
        await asyncio.sleep(0)


async def _answer_json(request: Request) -> Response:
    await request.body()
    return Response(ANSWER, headers=JSON_HEADERS)


async def _answer_stream(request: Request) -> Response:
    await request.body()
    return StreamingResponse(_events(), headers=STREAM_HEADERS)


starlette_app = Starlette(
    routes=[
        Route(JSON_PATH, _answer_json, methods=["POST"]),
        Route(STREAM_PATH, _answer_stream, methods=["POST"]),
    ]
)
fastapi_app = FastAPI(openapi_url=None)
fastapi_app.post(JSON_PATH)(_answer_json)
fastapi_app.post(STREAM_PATH)(_answer_stream)


async def _aiohttp_json(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, headers=JSON_HEADERS)


async def _aiohttp_stream(request: web.Request) -> web.StreamResponse:
    await request.read()
    response = web.StreamResponse(headers=STREAM_HEADERS)
    await response.prepare(request)
    for event in EVENTS:
        await response.write(event)
        await asyncio.sleep(0)
    await response.write_eof()
    return response


def aiohttp_app() -> web.Application:
    app = web.Application()
    app.router.add_post(JSON_PATH, _aiohttp_json)
    app.router.add_post(STREAM_PATH, _aiohttp_stream)
    return app
