"""`python -m config.serving.web APPLICATION`: the web server as a few processes. Reads no environment."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields

from uvicorn.supervisors import Multiprocess

from config.serving import proxies
from config.serving.door import Bounds, WebConfig
from scoring import open_files

BACKLOG = 4096
STOPS_WITHIN_S = 2


def configuration(arguments: Sequence[str]) -> WebConfig:
    """Everything that a process of the server has to know. Exits on `--help`."""
    parser = argparse.ArgumentParser(prog="python -m config.serving.web")
    parser.add_argument("application", help="module:name of an ASGI application")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trusted", default="", help="addresses and networks of proxies, by comma")
    parser.add_argument("--hangs-after-s", type=int, default=8, help="a silent process is replaced")
    for each in fields(Bounds):
        parser.add_argument("--" + each.name.replace("_", "-"), type=type(each.default), default=each.default)
    given = parser.parse_args(arguments)
    config = WebConfig(
        given.application,
        host=given.host,
        port=given.port,
        workers=given.workers,
        http="config.serving.door:Door",  # by name: each process imports it for itself
        ws="none",
        loop="uvloop",
        lifespan="off",
        interface="asgi3",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=int(given.idle_s),
        timeout_graceful_shutdown=STOPS_WITHIN_S,
        timeout_worker_healthcheck=given.hangs_after_s,
    )
    config.bounds = Bounds(**{each.name: getattr(given, each.name) for each in fields(Bounds)})
    config.trusted = proxies.networks(word.strip() for word in given.trusted.split(",") if word.strip())
    return config


def main() -> int:
    config = configuration(sys.argv[1:])
    open_files.allow(config.bounds.connections)
    # A lone process has a parent as well, which replaces it when it dies or answers no more.
    Multiprocess(config, sockets=[config.bind_socket()]).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
