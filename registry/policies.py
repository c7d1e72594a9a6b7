"""Who may do what in the registry. Pure: each function returns the reason why not, or nothing."""

from __future__ import annotations

from collections.abc import Collection

from registry.principals import Access

VIEWERS = (
    "viewer",
    "contributor",
    "technical_reviewer",
    "privacy_reviewer",
    "security_reviewer",
    "approver",
    "release_manager",
    "auditor",
    "admin",
)
LAST_ADMIN = "This is the last administrator who can log in: make another one first."
NO_MACHINE = "A machine changes no policy: a person must log in."

CARRIED_BY: dict[str, tuple[str, ...]] = {
    "upload": ("contributor",),
    "read": VIEWERS,
    "score": VIEWERS,
    "score-version": VIEWERS,
    "feedback": VIEWERS,
    "release": ("contributor", "release_manager"),
    "audit-read": ("auditor", "admin"),
}
"""Which roles carry a scope. A token has it where its owner holds one of them, and no longer than that."""

READING = frozenset({"read", "upload", "release", "audit-read"})
"""Each of these lets a token read the facts of its models. Scoring and feedback need nothing from here."""


def carried(roles: Collection[str]) -> frozenset[str]:
    """The scopes that a holder of these roles can give to a token."""
    return frozenset(scope for scope, by in CARRIED_BY.items() if not set(by).isdisjoint(roles))


def carriers(scopes: Collection[str]) -> frozenset[str]:
    """The roles of which each carries at least one of these scopes."""
    return frozenset(role for scope in scopes for role in CARRIED_BY.get(scope, ()))


def refuse_view(access: Access) -> str:
    """Any role on the model lets its holder read it; a token reads only the models that it is for."""
    if access.scopes is not None and not access.scopes & READING:
        return "This token reads nothing of this model: it lacks the scope read."
    if access.has_role(*VIEWERS):
        return ""
    return "You have no role on this model: ask an admin for one."


def refuse_download(access: Access) -> str:
    """The bytes of a version, its held-out sets among them. `refuse_view` has been asked before."""
    return "" if access.allows("read") else "This token lacks the scope read for this model."


def refuse_model_creation(access: Access) -> str:
    if not access.allows("upload"):
        return "Registering a model takes a token with the scope upload that is for all models."
    if access.has_role("contributor", "admin"):
        return ""
    return "Registering a model needs the role contributor."


def refuse_model_edit(access: Access) -> str:
    if access.is_machine:
        return "A token or a machine does not edit models: log in."
    if access.has_role("contributor", "release_manager", "admin"):
        return ""
    return "Editing a model needs the role contributor, release manager or admin."


def refuse_erasure(access: Access) -> str:
    """Erasing what a person wrote."""
    if access.is_machine:
        return "A machine erases nothing: a person must log in."
    if access.has_role("admin"):
        return ""
    return "Erasing somebody's words needs the role admin."


def refuse_new_witness(access: Access) -> str:
    """Saying that the loss of a witness was looked into; `access` is that to the installation."""
    if access.is_machine:
        return "A machine looks into nothing: a person must log in."
    if access.has_role("auditor", "admin"):
        return ""
    return "Beginning a new witness needs the role auditor or admin on all models."


def refuse_policy_proposal(access: Access) -> str:
    """An admin asks for another policy; a second person decides."""
    if access.is_machine:
        return NO_MACHINE
    if access.has_role("admin"):
        return ""
    return "Proposing another policy needs the role admin."


def _refuse_verdict(access: Access, proposer: str) -> str:
    """A confirmation is a signature, and an admin signs nothing. The approver is the one signer whom no
    policy can leave out: whoever confirms neither gains nor loses a say by the change.
    """
    if access.username == proposer:
        return "You proposed this: it needs a second person."
    if access.has_role("approver"):
        return ""
    return "Confirming or rejecting another policy needs the role approver."


def _refuse_withdrawal(access: Access, proposer: str) -> str:
    if access.username == proposer:
        return ""
    return f"Only {proposer} can withdraw this; an approver can reject it."


POLICY_ACTIONS = {"confirm": _refuse_verdict, "reject": _refuse_verdict, "withdraw": _refuse_withdrawal}


def refuse_policy_action(action: str, access: Access, proposer: str) -> str:
    """Why this person may not confirm, reject or withdraw a policy that `proposer` has asked for."""
    return NO_MACHINE if access.is_machine else POLICY_ACTIONS[action](access, proposer)


def refuse_upload(access: Access) -> str:
    if not access.allows("upload"):
        return "This token lacks the scope upload for this model."
    if access.has_role("contributor"):
        return ""
    return "Uploading a version needs the role contributor on this model."


def refuse_log(access: Access) -> str:
    """The whole log, of an installation, is for who audits all models (`access` is that to the
    installation); everybody else reads the events of their models."""
    if not access.allows("audit-read"):
        return "Reading the whole log takes a token with the scope audit-read that is for all models."
    if access.has_role("auditor", "admin"):
        return ""
    return "Reading the whole log needs the role auditor or admin on all models."


def refuse_history(access: Access) -> str:
    """The pages on which rows are looked at as they are kept: those of the reader's models."""
    if not access.is_machine and access.has_role("auditor", "admin"):
        return ""
    return "The history needs the role auditor or admin."


def refuse_token_making(maker: Access, owner: Access) -> str:
    """People make tokens for themselves, and an admin makes those of machine accounts. `maker` is his
    access to the installation."""
    if maker.is_machine:
        return "A token or a machine does not make tokens: log in."
    if maker.username == owner.username or (owner.is_machine and maker.has_role("admin")):
        return ""
    return "You make tokens for yourself; for a machine account an admin makes them."


def refuse_token(owner: Access, scopes: frozenset[str]) -> str:
    """A token never allows more than its owner may, whoever makes it. `owner` is the owner's access on one
    of its models, or to any at all."""
    where = f" on {owner.model}" if owner.model else ""
    for scope in sorted(scopes - carried(owner.roles)):
        roles = CARRIED_BY.get(scope, ())
        if roles == VIEWERS:
            return f"Its owner has no role{where} that a token could carry: ask an admin for one."
        named = " or ".join(roles).replace("_", " ")
        return f"A token with scope {scope} needs an owner with the role {named}{where}."
    return ""


def refuse_people(access: Access) -> str:
    """Who everybody is and holds is for those who grant and for those who audit."""
    if not access.is_machine and access.has_role("admin", "auditor"):
        return ""
    return "The list of people needs the role admin or auditor on all models."


def refuse_deactivation(access: Access, is_last: bool) -> str:
    """Taking an account out of use; `is_last`: nobody else could make accounts and grant roles then."""
    return refuse_grant(access) or (LAST_ADMIN if is_last else "")


def refuse_grant(access: Access) -> str:
    """`access` is that on the model of the role, or that to the installation where it is for all."""
    if not access.is_machine and access.has_role("admin"):
        return ""
    return "Granting roles needs the role admin."
