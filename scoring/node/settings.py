"""A node's settings: arguments of `python -m scoring`, nothing from the environment."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from scoring import addresses
from scoring.limits import Limits
from scoring.node import providers
from scoring.node.files import write_atomically
from scoring.request_ids import KEY_BYTES


class BadSettings(ValueError):
    """Arguments with which no node can start."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `python -m scoring --help` says."""

    node: str
    environment: str
    data: Path
    artifacts: Path | None
    store: str
    plan: Path | None
    plan_key: Path | None
    unsigned: bool
    version: Path | None
    port: int | None
    host: str
    socket: Path | None
    workers: int
    threads: int
    providers: tuple[str, ...]
    provider_options: dict[str, dict[str, object]]
    models: str
    memory_bytes: int
    redis: str | None
    s3_endpoint: str | None
    request_key: Path | None
    address: str | None
    crashpoint_file: Path | None
    limits: Limits


def read(arguments: Sequence[str]) -> Settings:
    """Settings from command-line arguments. Raises BadSettings with a sentence; exits on `--help`."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if (given.port is None) == (given.socket is None):
        raise BadSettings("give either --port or --socket")
    _check_what_it_serves(given)
    if given.workers < 1 or not given.node or "/" in given.node:
        raise BadSettings("--workers is at least 1, and --node is a name without a slash")
    values = vars(given)
    limits = Limits(**{each.name: values.pop(each.name) for each in fields(Limits)})
    _check_networks(limits.trusted)
    values["providers"], values["provider_options"] = providers.read(given.providers, given.provider_options)
    return Settings(limits=limits, **values)


def _check_networks(words: str) -> None:
    try:
        addresses.networks(words)
    except ValueError as error:
        raise BadSettings(f"--trusted: {error}; write addresses or networks by comma") from None


def _check_what_it_serves(given: argparse.Namespace) -> None:
    follows = given.plan is not None or given.redis is not None
    if given.version is not None:
        if follows or given.socket is None:
            raise BadSettings(
                "--version is served alone and on a --socket: clients come to nodes with a plan"
            )
        return
    if given.unsigned == (given.plan_key is not None):
        raise BadSettings("give --plan-key FILE, or --unsigned where plans are not signed (tests only)")
    if not follows:
        raise BadSettings("give --plan PATH, --redis URL, or both: a node follows a plan")


def read_request_key(settings: Settings) -> bytes:
    """The installation's request key: from its file, or this node's own, made once and kept."""
    path = settings.request_key
    if path is None:
        path = settings.data / "request.key"
        if not path.exists():
            write_atomically(path, os.urandom(KEY_BYTES))
            path.chmod(0o600)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise BadSettings(f"{path} has {len(key)} bytes: a request key has {KEY_BYTES} random ones")
    return key


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scoring", description="Answer scoring requests.")
    add = parser.add_argument
    add("--node", default=os.uname().nodename, help="this node's name")
    add("--environment", default="production")
    add("--data", type=Path, required=True, help="folder for artifacts, spool and the last good plan")
    add("--artifacts", type=Path, help="folder for verified artifacts, in the data folder if not given")
    add("--store", required=True, help="file:/folder or s3://bucket/prefix")
    add("--s3-endpoint", default=None, help="URL of an S3 server other than Amazon's")
    add("--plan", type=Path, help="file with the plan, replaced atomically by its writer")
    add("--redis", help="URL of the Redis that carries plans, heartbeats and feedback")
    add("--plan-key", type=Path, help="PEM file with the public keys that sign plans")
    add("--version", type=Path, help="serve the version that this file names, alone: what cells do")
    add("--unsigned", action="store_true", help="accept plans without a signature (tests only)")
    add("--request-key", type=Path, help="file with the 32 bytes that sign request ids")
    add("--port", type=int, help="TCP port; 0 picks a free one")
    add("--host", default="127.0.0.1")
    add("--socket", type=Path, help="Unix socket instead of a port")
    add("--address", help="how others reach this node, for its heartbeat")
    add("--workers", type=int, default=2)
    add("--threads", type=int, default=1, help="threads of onnxruntime in each worker")
    add("--providers", default=providers.CPU, help="execution providers by comma, tried in this order")
    add("--provider-options", default="", help="JSON: provider -> its options")
    add("--models", default="*", help="serve only models whose name matches, such as 'gpu-*'")
    add("--memory-bytes", type=int, default=0, help="ceiling for all workers; 0 takes it from the machine")
    add("--crashpoint-file", type=Path, help=argparse.SUPPRESS)
    for each in fields(Limits):
        kind = type(each.default)
        add("--" + each.name.replace("_", "-"), type=kind, default=each.default, help=argparse.SUPPRESS)
    return parser
