"""Who plays in the demo, and with which words they sign."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """One account: its roles on all models, and what it does."""

    name: str
    roles: tuple[str, ...]
    does: str
    admin: bool = False
    machine: bool = False

    @property
    def email(self) -> str:
        return f"{self.name}@example.org"


PEOPLE = (
    DemoPerson("amina", ("contributor",), "contributor"),
    DemoPerson("boris", ("technical_reviewer",), "technical review"),
    DemoPerson("chloe", ("release_manager", "privacy_reviewer"), "privacy review, releases"),
    DemoPerson("dev", ("security_reviewer",), "security review"),
    DemoPerson("edda", ("approver",), "approval"),
    DemoPerson("dara", ("auditor",), "auditor"),
    DemoPerson("admin", (), "administration", admin=True),
)
CI = DemoPerson("ci", ("contributor",), "the CI account", machine=True)
CI_SCOPES = ("upload", "read", "score", "score-version", "feedback", "release")

SIGNATURES = (
    (
        "boris",
        "technical",
        "The bound of the metric lies in its range, and the rows that are wrong look hard.",
    ),
    ("chloe", "privacy", "The data names nobody, and no input is kept with an answer."),
    ("dev", "security", "Only operators of the allow-list, no data outside of the file, limits held."),
    ("edda", "approval", "Gates and reviews agree, the card says what it is for: it may go out."),
)
