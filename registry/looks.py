"""What a reader of a timeline should notice at a glance; any other event is a plain dot.

Each app adds its own kinds when it is ready.
"""

from __future__ import annotations

EVENTS: dict[str, tuple[str, str]] = {
    "version.uploaded": ("upload", "info"),
    "model.created": ("model", "info"),
    "policy.proposed": ("pen", "info"),
    "policy.confirmed": ("check", "positive"),
    "policy.rejected": ("cross", "danger"),
    "policy.withdrawn": ("ban", "neutral"),
    "token.created": ("key", "info"),
    "token.revoked": ("key", "caution"),
    "role.granted": ("user", "info"),
    "role.revoked": ("user", "caution"),
    "person.deactivated": ("ban", "caution"),
    "person.reactivated": ("user", "info"),
    "password.changed": ("key", "info"),
    "grounds.erased": ("ban", "caution"),
    "witness.asked": ("dot", "danger"),
    "witness.begun": ("dot", "danger"),
}
