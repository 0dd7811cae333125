"""aiohttp's server as a process: python -m bench.http_servers.serve_aiohttp PORT"""

import sys

import uvloop
from aiohttp import web

from bench.http_servers.apps import aiohttp_app

if __name__ == "__main__":
    web.run_app(
        aiohttp_app(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )
