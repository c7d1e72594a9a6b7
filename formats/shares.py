"""New weights of one model's arms: the small signed document that goes out where a plan need not.

It says what a model's entry becomes whose other facts are as they were in the revision `changes`. So it is
laid on any entry from that one on, whichever others like it were missed, and leaves alone what is as new or
newer. Where a node has no such entry it takes a whole plan, which has these weights too.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec.structs import replace

from formats.documents import Count, Document
from formats.plan import Arm, BadPlan, ModelPlan

FORMAT = "shares-1"
"""No plan has it: neither of the two can be taken for the other, whoever has signed both."""
MOST_BYTES = 64 << 10
"""Of one in its envelope: a model's arms are some hundred at most."""


class Shares(Document, frozen=True, tag_field="format", tag=FORMAT):
    """The arms of one model under a revision that changes nothing else.

    sequence  of the log's line that says so, as a plan has it: it only ever grows within an `installation`
    changes   the revision since which nothing but weights has changed
    """

    environment: str
    installation: str
    sequence: Count
    model: str
    revision: Count
    changes: Count
    arms: tuple[Arm, ...]

    def fits(self, entry: ModelPlan) -> bool:
        """Whether the entry is one that these are the newer weights of."""
        return self.changes <= entry.revision < self.revision

    def on(self, entry: ModelPlan) -> ModelPlan:
        """The entry with these weights. Raises BadPlan where it has no such versions open to clients."""
        return replace(entry, revision=self.revision, arms=self.arms)


def shares_alone(before: ModelPlan, after: ModelPlan) -> bool:
    """Whether nothing but weights, and their reasons, differs of an entry that is open to clients."""
    if not (before.arms and after.arms):
        return False
    return replace(before, revision=0, arms=()) == replace(after, revision=0, arms=())


def serialise(shares: Shares) -> str:
    """Canonical JSON: sorted keys, no spaces. The signature covers these bytes."""
    return msgspec.json.encode(shares.built(), order="sorted").decode()


def parse(payload: str) -> Shares:
    """Raises BadPlan when it is malformed or of another format."""
    if len(payload) > MOST_BYTES:
        raise BadPlan(f"the shares have {len(payload):,} bytes, this node reads {MOST_BYTES:,} at most")
    try:
        return Shares.from_json(msgspec.json.decode(payload))
    except (ValueError, TypeError, RecursionError) as error:
        raise BadPlan(f"the shares are malformed: {type(error).__name__}: {error}") from error


def shares_path(plan: Path) -> Path:
    """The file beside a plan's with the shares that are newer: one envelope a line, the newest last."""
    return plan.with_suffix(".shares")
