"""Calling a node from outside, as a client would, until each of its workers has answered.

No Django: values in, problems out. Reference answers are JSON Lines of our own making, so nothing
untrusted is parsed here.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import urlsplit

from formats.answers import Tolerances, elements, first_difference

MOST_CONNECTIONS = 200
"""The kernel deals them out by chance: of 16 workers one is missed by all once in 25,000 times."""
TIMEOUT_S = 15.0
"""More than the deadline of a node: its own word comes before ours."""
ATTEMPTS, LATE = 3, 504
"""Calls of one row before it is late for good; the status of one that was late."""


class Output(TypedDict):
    """One output in the protocol's JSON."""

    name: str
    datatype: str
    shape: Sequence[int]
    data: Sequence[object]


class Answered(TypedDict, total=False):
    """A node's answer, or its refusal."""

    model_version: str
    outputs: Sequence[Output]
    error: str


class Reference(TypedDict):
    """One row of a set with what it must be answered."""

    set: str
    row: int
    request: Mapping[str, object]
    outputs: Sequence[Output]


@dataclass(frozen=True, slots=True)
class Answers:
    """Reference answers with their tolerances."""

    tolerances: Tolerances
    rows: tuple[Reference, ...]

    @classmethod
    def parse(cls, lines: Sequence[bytes]) -> Answers:
        """From the lines of an answers artifact; the first one is its head."""
        rows = tuple(json.loads(line) for line in lines[1:] if line.strip())
        return cls(Tolerances.from_json(json.loads(lines[0])), rows)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to call: a node's address, its worker slots, the path, the token, the version expected; and whose
    call it is said to be, where units are shared out."""

    node: str
    address: str
    slots: tuple[int, ...]
    path: str
    token: str
    version: int
    unit: str = ""


def verify_node(target: Target, answers: Answers) -> list[str]:
    """Problems in words, empty when every worker answered every row as it was proven.

    A new connection reaches some worker; connections are opened until each has answered, at most
    MOST_CONNECTIONS. Any refusal, wrong version or wrong number is a problem.
    """
    wanted, seen = {f"{target.node}/{slot}" for slot in target.slots}, set[str]()
    for _ in range(MOST_CONNECTIONS):
        if wanted <= seen:
            return []
        try:
            if problem := _verify_worker(target, answers, seen):
                return [f"{target.node}: {problem}"]
        except (OSError, http.client.HTTPException, ValueError) as error:
            return [f"{target.node} did not answer: {type(error).__name__}: {error}"]
    missing = ", ".join(sorted(wanted - seen))
    return [f"{target.node}: no answer from worker {missing} in {MOST_CONNECTIONS} connections"]


def _verify_worker(target: Target, answers: Answers, seen: set[str]) -> str:
    """One connection, so one worker; its rows are asked unless that worker has answered before."""
    parts = urlsplit(target.address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        for asked, row in enumerate(answers.rows or (None,)):
            worker, problem = _ask(connection, target, answers, row)
            if problem:
                return f"worker {worker}: {problem}"
            if asked == 0 and worker in seen:
                return ""
        seen.add(worker)
        return ""
    finally:
        connection.close()


def _ask(
    connection: http.client.HTTPConnection, target: Target, answers: Answers, row: Reference | None
) -> tuple[str, str]:
    if row is None:
        return "", "there are no reference answers to compare with"
    status, worker, body = _answer(connection, target, row)
    if status != 200:
        return worker, f"{row['set']} row {row['row']}: {status} {body.get('error', '')}"
    if body.get("model_version") != str(target.version):
        return worker, f"version {body.get('model_version')} answered, not {target.version}"
    differing = next(_differences(row["outputs"], body["outputs"], answers), "")
    return worker, f"{row['set']} row {row['row']}: {differing}" if differing else ""


def _answer(
    connection: http.client.HTTPConnection, target: Target, row: Reference
) -> tuple[int, str, Answered]:
    """Status, worker and body; a row that is late is asked again, for the node may have been busy."""
    headers = {"Authorization": f"Bearer {target.token}", "Content-Type": "application/json"}
    if target.unit:
        headers["X-Assay-Unit"] = target.unit
    for attempt in range(1, ATTEMPTS + 1):
        connection.request("POST", target.path, json.dumps(row["request"]), headers)
        response = connection.getresponse()
        body: Answered = json.loads(response.read())
        if response.status != LATE or attempt == ATTEMPTS:
            break
    return response.status, response.getheader("X-Assay-Worker", ""), body


def _differences(expected: Sequence[Output], got: Sequence[Output], answers: Answers) -> Iterator[str]:
    by_name = {output["name"]: output for output in got}
    for output in expected:
        answer = by_name.get(output["name"])
        if answer is None or list(answer["shape"]) != list(output["shape"]):
            yield f"output {output['name']} is missing or has another shape"
            continue
        want, have = (elements(each["datatype"], each["data"]) for each in (output, answer))
        if want.shape != have.shape:
            yield f"output {output['name']} has {len(have)} values for {len(want)}"
        elif (place := first_difference(want, have, answers.tolerances.on(output["name"]))) is not None:
            yield f"output {output['name']}: expected {want[place]}, got {have[place]}"
