"""Facts of units on their way into the database, and read for a decision: at a million of one rollout, and
of two hundred rollouts at once.

The control plane's own intake and reading alone: what is told is their CPU time, without nodes and queue.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.capacity import Pace
from benchmarks.measures import Measure
from benchmarks.servers import ROOT

AT_ONCE, IN_ALL = 100_000, 1_000_000
ROLLOUTS, OF_EACH = 200, 500
_NODES, _UNITS, _GOLDEN = 4, 1_000_000, 0x9E3779B97F4A7C15
_MOST_SECONDS_A_FLUSH, _MOST_SECONDS_TO_READ, _MOST_SECONDS_A_TICK = 10.0, 1.0, 2.0
_SECONDS = 1800.0
_PROGRAM = "import django; django.setup(); from benchmarks.evidence import main; main()"


def measure(folder: Path, pace: Pace) -> list[Measure]:
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ASSAY_", "S3_"))}
    own |= {"DJANGO_SETTINGS_MODULE": "config.settings", "ASSAY_DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        check=True,
        cwd=ROOT,
        env=own,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_SECONDS,
    )
    return _found(json.loads(done.stdout.splitlines()[-1]))


def _found(took: dict[str, Any]) -> list[Measure]:
    taken, again, read, tick = (took[name] for name in ("taken", "again", "read", "tick"))
    return [
        Measure(
            f"{AT_ONCE:,} new facts of one rollout taken in",
            max(taken),
            "s",
            f"CPU, the longest of {len(taken)}, up to {IN_ALL:,} facts; {taken[0]:.1f} s the first",
            _MOST_SECONDS_A_FLUSH,
        ),
        Measure(f"the same {AT_ONCE:,} facts once more", again, "s", "nothing of them is new"),
        Measure(
            f"counts of a rollout after {IN_ALL:,} facts",
            statistics.median(read),
            "s",
            f"median of {len(read)}, the longest {max(read):.2f} s",
            _MOST_SECONDS_TO_READ,
        ),
        Measure(
            f"a look at each of {ROLLOUTS} rollouts",
            statistics.median(tick),
            "s",
            f"{OF_EACH} facts each; read together, decided by and kept; median of {len(tick)}",
            _MOST_SECONDS_A_TICK,
        ),
    ]


def main() -> None:
    """Make a database, take facts in, read them; the seconds of each, as JSON."""
    from django.core.management import call_command

    from registry import wakeups

    wakeups.install(lambda queue: None)
    call_command("prepare")
    print(json.dumps({**_one_large(), "tick": _many()}))


def _one_large() -> dict[str, Any]:
    from releases.rollout.gathering import counts_of

    (rollout,) = _rollouts(1)
    parts = [list(_facts(AT_ONCE, seed)) for seed in range(IN_ALL // AT_ONCE)]
    taken = [_timed(lambda part=part: _take(rollout, part)) for part in parts]  # type: ignore[misc]
    again = _timed(lambda: _take(rollout, parts[0]))
    return {"taken": taken, "again": again, "read": _times(lambda: counts_of(rollout, [], _now()), 5)}


def _many() -> list[float]:
    rollouts = under_way(ROLLOUTS)

    def look() -> None:
        from releases.services import deciding, looking

        deciding.EVERY_S = 1
        looking.look_at_all(rollouts[0].environment, [])

    return _times(look, 5)


def under_way(many: int) -> list[Any]:
    """So many rollouts that share units out, with facts of some."""
    from benchmarks import bulk
    from registry.transactions import write
    from releases.models import Route
    from releases.rollout.strategies.base import Standing
    from releases.rollout.written import to_json

    rollouts, now = _rollouts(many, first=1), time.time()
    with bulk.unguarded(), write():
        for rollout in rollouts:
            rollout.origin = Route.objects.filter(stage__rollout=rollout).order_by("revision").first()
            rollout.standing = to_json(Standing(stage=2, begun=now, since=now))
            rollout.save()
    for rollout in rollouts:
        feed(rollout, OF_EACH)
    return rollouts


def feed(rollout: Any, many: int) -> None:
    """Tell so many facts of it."""
    _take(rollout, list(_facts(many, Random().randrange(_UNITS))))  # noqa: S311


def _times(what: Callable[[], object], many: int) -> list[float]:
    return [_timed(what) for _ in range(many)]


def _timed(what: Callable[[], object]) -> float:
    began = time.process_time()
    what()
    return time.process_time() - began


def _now() -> Any:
    from django.utils import timezone

    return timezone.now()


def _design() -> Any:
    from releases.rollout.designs.design import Asked, Design, Kind
    from releases.rollout.strategies import STRATEGIES

    return Design(Kind.CANARY, "1", ("2",), STRATEGIES[Kind.CANARY].preset(Asked(("2",), "1")))


def _facts(many: int, seed: int) -> Iterator[list[Any]]:
    """As nodes tell them: most units were seen, some were bad, and a growing share has moved some."""
    from releases.rollout.designs.design import weights

    chance, design = Random(seed), _design()  # noqa: S311
    shares = [weights(stage.shares, design.arms)[0][1] for stage in design.stages]
    for _ in range(many):
        unit, place = chance.randrange(_UNITS) * _GOLDEN % 2**64, chance.choice((1, 2, 3))
        version = 2 if unit >> 11 < shares[place] else 1
        kind = "errors" if chance.random() < 0.02 else "seen"
        yield [kind, 10 + place, version, 0, unit, 0]


def _take(rollout: Any, facts: list[list[Any]]) -> None:
    from registry.transactions import write
    from releases.dataplane import Batch
    from releases.traffic import evidence

    now, shared = time.time(), len(facts) // _NODES
    batches = [
        Batch("", f"n{n}", "b", 0, 1, {"to": now, "rollouts": {str(rollout.pk): {"facts": part}}})
        for n in range(_NODES)
        if (part := facts[n * shared : (n + 1) * shared])
    ]
    with write():
        evidence.take(rollout.environment, batches)


def _rollouts(many: int, first: int = 0) -> list[Any]:
    """Rows that are read here, and what they cannot be without; the guards want releases with a past."""
    from benchmarks import bulk
    from registry.events import record
    from registry.models import ModelVersion, Person, RegisteredModel
    from registry.transactions import write
    from releases.events import Kind
    from releases.models import Environment, Release, Rollout, Route, Stage
    from releases.rollout.designs.design import weights
    from releases.rollout.written import to_json

    ada = Person.objects.get_or_create(username="benchmark")[0]
    environment, design = Environment.objects.get_or_create(name="production")[0], _design()
    made = []
    with bulk.unguarded(), write():
        event = record(Kind.ROUTE_REVISED, "route/production/x", actor="system/benchmark")
        for number in range(first, first + many):
            model = RegisteredModel.objects.create(name=f"m-{number}", created_by=ada)
            version = ModelVersion.objects.create(
                model=model, number=1, digest=f"{number:064x}", manifest={}, signature={}, uploaded_by=ada
            )
            where = {"model": model, "environment": environment}
            release = Release.objects.create(version=version, opened_by=ada, **where)
            rollout = Rollout.objects.create(release=release, salt="00" * 16, design=to_json(design), **where)
            for place, stage in enumerate(design.stages):
                row = Stage.objects.create(rollout=rollout, place=place, kind=stage.kind)
                arms = [
                    {"version": int(arm), "weight": weight, "reason": "x"}
                    for arm, weight in weights(stage.shares, design.arms)
                    if weight
                ]
                Route.objects.create(
                    revision=10 + place, entry={"arms": arms}, event=event, stage=row, **where
                )
            made.append(rollout)
    return made
