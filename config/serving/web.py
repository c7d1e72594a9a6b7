"""`python -m config.serving.web APPLICATION`: the web server as a few processes. Reads no environment."""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib import import_module
from multiprocessing.process import BaseProcess
from socket import socket

from uvicorn.supervisors import Multiprocess, multiprocess

from config.serving import handover, proxies
from config.serving.door import Bounds, WebConfig
from scoring import open_files
from scoring.limits import BACKLOG

STOPS_WITHIN_S = 2
"""Answers under way have this long at a restart; the supervisor kills after `GRACE_S`."""


def configuration(arguments: Sequence[str]) -> WebConfig:
    """Everything that a process of the server has to know. Exits on `--help`."""
    parser = argparse.ArgumentParser(prog="python -m config.serving.web")
    parser.add_argument("application", help="module:name of an ASGI application")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--apart", default="", help="module:name, (method, path) -> is answered apart")
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
        loop="config.serving.turns:PromptLoop",
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
    config.apart = given.apart
    return config


class Apart(Multiprocess):
    """The processes that answer on the port, and half as many that answer what those hand over to them.

    One parent keeps both alive. It holds both ends of the passage between them, so that a process which dies
    takes nothing with it but what it had in its hands.
    """

    def __init__(self, config: WebConfig) -> None:
        config.entrance, exit_ = handover.passage()
        takes = copy.copy(config)
        takes.http, takes.loop = "config.serving.handover:TakingDoor", "config.serving.handover:TakingLoop"
        takes.workers = max(1, config.workers // 2)
        config.http = "config.serving.handover:HandingDoor"
        self._takers = Multiprocess(takes, sockets=[exit_])
        super().__init__(config, sockets=[config.bind_socket()])  # the last one hears the signals
        self._takers.should_exit = self.should_exit

    def init_processes(self) -> None:
        self._takers.init_processes()
        super().init_processes()

    def keep_subprocess_alive(self) -> None:
        self._takers.keep_subprocess_alive()
        super().keep_subprocess_alive()

    def restart_all(self) -> None:
        self._takers.restart_all()
        super().restart_all()

    def terminate_all(self) -> None:
        self._takers.terminate_all()
        super().terminate_all()

    def join_all(self) -> None:
        self._takers.join_all()
        super().join_all()


def fork(config: WebConfig) -> None:
    """Have each process begin as a copy of this one, which has read all code: it answers at once, also in the
    place of one that died, and shares its memory. Left alone where copies of a process may not be relied on.

    Raises RuntimeError where the code has started threads: a copy has none of them, and all of their locks.
    """
    if sys.platform != "linux":
        return
    for name in (config.app, config.http, config.loop):
        import_module(str(name).partition(":")[0])
    if threading.active_count() > 1:
        raise RuntimeError(f"{config.app} has threads before it is served: {threading.enumerate()}")
    multiprocess.get_subprocess = _copy  # type: ignore[assignment, attr-defined]


def _copy(config: WebConfig, target: Callable[..., None], sockets: list[socket]) -> BaseProcess:
    return multiprocessing.get_context("fork").Process(target=_answer, args=(target, sockets))


def _answer(target: Callable[..., None], sockets: list[socket]) -> None:
    for each in multiprocess.SIGNALS:  # of which the first process only makes notes
        signal.signal(each, signal.SIG_DFL)
    with suppress(KeyboardInterrupt):
        target(sockets=sockets)


def main() -> int:
    config = configuration(sys.argv[1:])
    open_files.allow(config.bounds.connections)
    fork(config)
    # A lone process has a parent as well, which replaces it when it dies or answers no more.
    if config.apart and handover.POSSIBLE:
        Apart(config).run()
    else:
        Multiprocess(config, sockets=[config.bind_socket()]).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
