"""How well this machine holds an untrusted program: tried once by breaking out, shown on the health page."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from registry.sandbox import calls, command, kernel
from registry.sandbox.breakout import ATTEMPTS, MEMORY_BYTES, PROCESSES
from registry.sandbox.folders import private_folder
from registry.sandbox.handing import handed
from registry.sandbox.limits import Limits

PROBE_SECONDS = 30
"""The attempt takes half a second; on a machine that swaps, twenty."""
HOW = "Install bubblewrap (Debian: apt-get install bubblewrap)"
OR_ELSE = "on a development machine ASSAY_ALLOW_UNISOLATED=true runs models without isolation"
UNFILTERED = "start another program"
"""What can be kept from a cell only where its system calls can be filtered."""


@dataclass(frozen=True, slots=True)
class Level:
    """`name` for programs, `sentence` for people; nothing untrusted runs where `isolated` is false."""

    name: str
    isolated: bool
    sentence: str


class NoCell(Exception):
    """No cell could be made, so that nothing was tried."""


_found: list[Level] = []


def level() -> Level:
    """The level in force. Good news is remembered; bad news is checked again, it may have been mended."""
    if not _found:
        try:
            got = _tried()
        except NoCell as trouble:
            todo = HOW if command.bubblewrap() is None else kernel.advice()
            return Level("none", False, f"No sandbox: {str(trouble).rstrip('.')}. {todo}; {OR_ELSE}.")
        if leaks := [name for name in got if name != UNFILTERED or calls.program()]:
            said = f"The sandbox does not hold: a program in a cell could {', '.join(leaks)}."
            return Level("leaking", False, f"{said} Nothing that is not yet proven runs here; {OR_ELSE}.")
        _found.append(_good())
    return _found[0]


def _good() -> Level:
    held = "Untrusted models run in bubblewrap cells, without network, files or other programs."
    tried = f"{len(ATTEMPTS)} ways out were tried when this process started, and none is open."
    if calls.program():
        return Level("bubblewrap", True, f"{held} {tried}")
    here = f"On {os.uname().machine} no system calls are filtered: a cell could start its interpreter again."
    return Level("bubblewrap, unfiltered", True, f"{held.replace(' or other programs', '')} {here}")


def _tried() -> list[str]:
    """What a program in a cell could do that it must not. Raises NoCell."""
    if command.bubblewrap() is None:
        raise NoCell("bubblewrap is not installed")
    with (
        private_folder("breakout-") as folder,
        socket.create_server(("127.0.0.1", 0)) as port,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        secret, name = folder / "secret", f"assay-{secrets.token_hex(8)}"
        secret.write_text("secret")
        _open_to_all(folder, secret)
        abstract.bind(f"\0{name}")
        abstract.listen()
        target = {"secret": str(secret), "folder": str(folder), "port": port.getsockname()[1], "name": name}
        return _played({**target, "pid": os.getpid()})


def _open_to_all(folder: Path, secret: Path) -> None:
    """So that it is the cell that keeps them out, and not that it runs as another user."""
    folder.chmod(0o777)
    secret.chmod(0o666)


def _played(target: dict[str, object]) -> list[str]:
    limits = Limits(memory_bytes=MEMORY_BYTES, processes=PROCESSES)
    refused = handed(calls.program())
    try:
        words = [str(command.bubblewrap()), *command.bubblewrap_arguments((), limits)]
        words += ["--seccomp", str(refused)] if calls.program() else []
        words += ["--", *command.isolated(command.python("registry.sandbox.breakout"), limits)]
        done = subprocess.run(  # noqa: S603 - our own command
            words,
            input=json.dumps(target).encode(),
            env=command.environment(command.CODE),
            cwd="/",
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=False,
            umask=0o022,
            pass_fds=(refused,),
        )
        return [name for name in ATTEMPTS if name in json.loads(done.stdout)]
    except ValueError:
        raise NoCell(done.stderr.decode(errors="replace").strip()[-300:] or "bwrap failed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCell(str(error)) from error
    finally:
        os.close(refused)
