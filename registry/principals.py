"""Who asks: a person in the browser, or a token that speaks for its owner. Values without a database."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Access:
    """All that a policy may know about who asks, for one model (or, `model=""`, for no model in particular).

    `scopes` is None for a person who is logged in, and the token's scopes on this model otherwise.
    """

    username: str
    email: str = ""
    model: str = ""
    roles: frozenset[str] = field(default_factory=frozenset)
    scopes: frozenset[str] | None = None
    is_machine: bool = False

    def has_role(self, *roles: str) -> bool:
        """Whether one of the roles is held. An admin grants and looks, but fills no other role."""
        return not self.roles.isdisjoint(roles)

    def allows(self, scope: str) -> bool:
        """Whether the token in use has the scope; a person who is logged in has no such limit."""
        return self.scopes is None or scope in self.scopes
