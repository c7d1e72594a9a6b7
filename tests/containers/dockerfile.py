"""A Dockerfile's steps, one after the other, on a machine without an engine."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.containers.machine import SHARED, Machine

# The base image brings a Python on the path; here it is the one that the tests run on.
BASE = {"PATH": f"{sys.base_prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass
class Image:
    """What the steps said of the containers to come."""

    environment: dict[str, str] = field(default_factory=lambda: dict(BASE))
    workdir: str = "/"
    user: int = 0
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """(word, rest) of each step; continued lines joined, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def build(machine: Machine, context: Path, shared: Path) -> Image:
    """Play the Dockerfile of `context`. Its stages share the machine's files: copies between them are there.

    shared   the folder that the machine sees as SHARED; what COPY takes goes through it.
    """
    image = Image()
    for word, rest in instructions((context / "Dockerfile").read_text()):
        if word == "FROM":
            image = Image()
        elif word == "RUN":
            machine.run(["sh", "-c", rest], image.environment, image.workdir)
        elif word == "WORKDIR":
            machine.run(["mkdir", "-p", rest], image.environment)
        elif word == "COPY" and not rest.startswith("--from="):
            *sources, target = rest.split()
            _copy(machine, context, shared, sources, str(PurePosixPath(image.workdir, target)))
        _note(image, word, rest)
    return image


def _note(image: Image, word: str, rest: str) -> None:
    match word:
        case "WORKDIR":
            image.workdir = rest
        case "ENV":
            for name, value in re.findall(r"(\w+)=(\S+)", rest):
                image.environment[name] = value.replace("$PATH", image.environment["PATH"])
        case "USER":
            image.user = int(rest.partition(":")[0])
        case "CMD":
            image.command = json.loads(rest)
        case "HEALTHCHECK":
            image.healthcheck = json.loads(rest[rest.index("[") :])


def _copy(machine: Machine, context: Path, shared: Path, sources: list[str], target: str) -> None:
    for source in sources:
        sent = shared / "sent"
        shutil.rmtree(sent, ignore_errors=True)
        _send(context, source, sent)
        found = sent / source
        there = f"{SHARED}/sent/{source}"
        into = target if target.endswith("/") or not found.is_dir() else f"{target}/"
        machine.run(["mkdir", "-p", into if into.endswith("/") else str(PurePosixPath(into).parent)], BASE)
        machine.run(
            ["cp", "-r", "--no-preserve=ownership", f"{there}/." if found.is_dir() else there, into],
            BASE,
        )


def _send(context: Path, source: str, sent: Path) -> None:
    """What the engine would be sent: nothing that .dockerignore leaves out."""
    rules = [line for line in (context / ".dockerignore").read_text().splitlines() if line]
    start = context / source
    for path in [start] if start.is_file() else sorted(start.rglob("*")):
        name = path.relative_to(context).as_posix()
        if path.is_file() and not ignored(name, rules):
            (sent / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, sent / name)
    assert (sent / source).exists(), f".dockerignore keeps {source} from the image that copies it"


def ignored(name: str, rules: list[str]) -> bool:
    """Whether a file stays behind; the last rule that fits it or a folder above it decides."""
    above = [name, *(str(folder) for folder in PurePosixPath(name).parents)]
    verdict = False
    for rule in rules:
        pattern = rule.removeprefix("!").removeprefix("**/")
        names = (
            above
            if not rule.removeprefix("!").startswith("**/")
            else [part for path in above for part in (PurePosixPath(path).name,)]
        )
        if any(fnmatch.fnmatchcase(one, pattern) for one in names):
            verdict = not rule.startswith("!")
    return verdict
