"""What a system forbids that bubblewrap needs, and the line that allows it: one for each kind of system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A switch of the kernel by its place under /proc/sys, the values that are in the way, and what to do."""

    switch: str
    forbids: Callable[[str], bool]
    advice: str


OBSTACLES = (
    Obstacle(
        "kernel/unprivileged_userns_clone",
        lambda value: value == "0",
        "allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    Obstacle(
        "user/max_user_namespaces",
        lambda value: value == "0",
        "allow user namespaces: sysctl -w user.max_user_namespaces=15000",
    ),
    Obstacle(
        "kernel/apparmor_restrict_unprivileged_userns",
        lambda value: value not in {"", "0"},
        "AppArmor keeps programs from user namespaces (Ubuntu 23.10 and newer): give bwrap a profile with"
        " 'userns,' (package apparmor-profiles: bwrap-userns-restrict), or"
        " sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
IN_A_CONTAINER = (
    "give the container that proves security_opt seccomp:unconfined, apparmor:unconfined and"
    " systempaths=unconfined, as docker-compose.yml does"
)
MARKS = ("/.dockerenv", "/run/.containerenv")


def advice(proc: Path = PROC, marks: tuple[str, ...] = MARKS) -> str:
    """What to do so that user namespaces may be made here; general words where no switch is in the way."""
    found = [one.advice for one in OBSTACLES if one.forbids(_value(proc / "sys" / one.switch))]
    if any(Path(mark).exists() for mark in marks):
        found.append(IN_A_CONTAINER)
    if not found:
        return "Allow user namespaces to the user that proves"
    words = "; ".join(found)
    return words[0].upper() + words[1:]


def _value(switch: Path) -> str:
    try:
        return switch.read_text().strip()
    except OSError:
        return ""
