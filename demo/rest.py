"""CI: the REST API with a bearer token."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import httpx
import yaml

TIMEOUT = httpx.Timeout(90.0, connect=10.0)


class Gate(TypedDict):
    """One gate of a release, as far as the journey tells of it."""

    name: str
    outcome: str
    summary: str


class Arm(TypedDict):
    """One version that answers."""

    version: int


class Happened(TypedDict):
    """An event of a release."""

    kind: str
    actor: str


class ReleaseTold(TypedDict):
    """What the journey reads of a release."""

    state: str
    revision: int | None
    rollout: Mapping[str, object] | None
    timeline: Sequence[Happened]


class Decided(TypedDict):
    """A decision about a rollout."""

    verdict: str
    reason: str
    by: str


class ArmTold(TypedDict):
    """A version in a rollout: units of which both answers are known, and of how many they differ."""

    version: int
    paired: int
    differing: int


class RolloutTold(TypedDict):
    """What the journey reads of a rollout."""

    id: int
    decisions: Sequence[Decided]
    arms: Sequence[ArmTold]


class Standing(TypedDict):
    """What answers for a model."""

    arms: list[Arm]
    revision: int


class Rest:
    """`/api/v1` as a script uses it. Answers are returned as they are; callers look at the status."""

    def __init__(self, base_url: str, token: str) -> None:
        self._http = httpx.Client(
            base_url=f"{base_url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            trust_env=False,  # a proxy of this machine does not lead to Assay
        )

    def close(self) -> None:
        self._http.close()

    def get(self, address: str, **query: str | int) -> Any:
        """The JSON of an answer. Raises httpx.HTTPStatusError when it is a refusal."""
        answer = self._http.get(address, params=query)
        answer.raise_for_status()
        return answer.json()

    def post(self, address: str, body: object = None, **headers: str) -> httpx.Response:
        return self._http.post(address, json={} if body is None else body, headers=headers)

    def upload(self, folder: Path, **replaced: bytes) -> httpx.Response:
        """Upload a folder with its `model.yaml`; `replaced` sends other bytes for a key."""
        manifest = (folder / "model.yaml").read_bytes()
        document = yaml.safe_load(manifest)
        parts = {"manifest": ("model.yaml", manifest)}
        for key, name in document["files"].items():
            parts[key] = (name, replaced.get(key) or (folder / name).read_bytes())
        return self.send(f"/models/{document['model']}/versions", parts)

    def send(self, address: str, parts: Mapping[str, tuple[str, str | bytes]]) -> httpx.Response:
        """A multipart call; parts are (file name, bytes)."""
        return self._http.post(address, files=parts)

    def wait_for_gates(self, release: int, tell: Callable[[Gate], None], deadline_s: float) -> str:
        """Long-poll until the gates are through; `tell` gets each one once. The release's state then."""
        deadline, told, seen = time.monotonic() + deadline_s, set(), ""
        while True:
            now = self.get(f"/releases/{release}/gates", wait=30, seen=seen)
            for gate in now["gates"]:
                if gate["outcome"] != "pending" and gate["name"] not in told:
                    told.add(gate["name"])
                    tell(gate)
            seen, state = now["seen"], str(now["state"])
            if state not in ("draft", "validating") or time.monotonic() > deadline:
                return state
            if any(gate["outcome"] == "errored" for gate in now["gates"]):
                return state

    def wait_for_state(self, release: int, wanted: set[str], deadline_s: float) -> ReleaseTold:
        """Ask until the release is in one of the states and its rollout is closed, or time is over: often in
        the first seconds, and then as one asks of what takes longer."""
        begun = time.monotonic()
        while True:
            found: ReleaseTold = self.get(f"/releases/{release}")
            rollout = found["rollout"]
            settled = rollout is None or rollout["closed_at"] is not None
            waited = time.monotonic() - begun
            if (found["state"] in wanted and settled) or waited > deadline_s:
                return found
            time.sleep(min(0.1 + waited / 10, 1.0))
