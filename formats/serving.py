"""How a model's policy has its versions served: one value from the policy to the worker that serves.

The one place where a switch is named, with its default, its bounds and its words. Policy, routing plan,
node and worker carry the value as it is; what acts on a switch reads it from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, get_args

from msgspec import Meta
from msgspec.structs import fields, replace

from formats.documents import Document

MOST_CACHE_MB = 4096
"""Of each worker and model: beyond it a cache is no longer small beside the models themselves."""
_MIB_BITS = 20
"""A MiB is 2**20 bytes."""


class Serving(Document, frozen=True):
    """Each switch has a name for pages (`title`), and what is said to whoever wrote something else.

    batching   requests that wait together run together, where the proof has found that they may
    cache_mb   bounds the answers that each worker remembers; 0: none
    log_share  share of requests that is kept in the prediction log: nothing that users send is stored unasked
    prepack    each worker keeps a copy of large weights, laid out for speed, instead of sharing their pages:
               more memory, and other last bits than without
    """

    batching: Annotated[bool, Meta(title="Requests that arrive together may run together")] = True
    cache_mb: Annotated[
        int,
        Meta(
            ge=0,
            le=MOST_CACHE_MB,
            title="Answers remembered, in MB for each worker",
            description=f"Write whole megabytes, 0 to {MOST_CACHE_MB}.",
            extra={"hint": "0: none. Right only where the answer depends on nothing but the request."},
        ),
    ] = 0
    log_share: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            title="Share of requests in the prediction log",
            description="Write a share from 0 to 1.",
            extra={"hint": "From 0 (none) to 1 (all). What users send is stored."},
        ),
    ] = 0.0
    prepack: Annotated[bool, Meta(title="Large weights are laid out for speed in each worker")] = True

    def at_proof(self) -> Serving:
        """The same, but every answer is the version's own and none is kept."""
        return replace(self, cache_mb=0, log_share=0.0)

    @property
    def cache_bytes(self) -> int:
        return self.cache_mb << _MIB_BITS


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch of `Serving` for whoever shows it. `kind`: bool, int or float."""

    name: str
    kind: type
    words: Meta

    @property
    def hint(self) -> str:
        return str((self.words.extra or {}).get("hint", ""))


def _switch(name: str, annotated: object) -> Switch:
    kind, words = get_args(annotated)
    return Switch(name, kind, words)


SWITCHES = tuple(_switch(each.name, each.type) for each in fields(Serving))
