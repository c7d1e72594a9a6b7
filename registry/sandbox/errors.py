"""Why nothing untrusted can be run here: our trouble, never the model's."""

from __future__ import annotations

from registry.errors import DomainError


class NoSandbox(DomainError):
    """The machine offers no isolation, or it failed before the first instruction of the child."""

    code = "no_sandbox"
