"""Who may do what in the registry. Pure: each function returns the reason why not, or nothing."""

from __future__ import annotations

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


def refuse_view(access: Access) -> str:
    """Any role on the model lets its holder read it; a token reads only the models that it is for."""
    if access.scopes is not None and not access.scopes:
        return "This token is not for this model."
    if access.has_role(*VIEWERS):
        return ""
    return "You have no role on this model: ask an admin for one."


def refuse_model_creation(access: Access) -> str:
    if not access.allows("upload"):
        return "This token lacks the scope upload."
    if access.has_role("contributor", "admin"):
        return ""
    return "Registering a model needs the role contributor."


def refuse_model_edit(access: Access) -> str:
    if access.scopes is not None:
        return "A token does not edit models: log in."
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
    """The whole log is for auditors and admins; everybody else sees the events of their models."""
    if not access.allows("audit-read"):
        return "This token lacks the scope audit-read."
    if access.has_role("auditor", "admin"):
        return ""
    return "Reading the whole log needs the role auditor or admin."


def refuse_token(access: Access, scopes: frozenset[str]) -> str:
    """A token never allows more than its owner may."""
    if access.scopes is not None:
        return "A token does not make tokens: log in."
    needed = {
        "upload": ("contributor",),
        "release": ("contributor", "release_manager"),
        "audit-read": ("auditor", "admin"),
    }
    for scope, roles in needed.items():
        if scope in scopes and not access.has_role(*roles):
            named = " or ".join(roles).replace("_", " ")
            return f"A token with scope {scope} needs an owner with the role {named}."
    if not access.has_role(*VIEWERS):
        return "You have no role that a token could carry: ask an admin for one."
    return ""


def refuse_people(access: Access) -> str:
    """Who everybody is and holds is for those who grant and for those who audit."""
    if access.scopes is None and access.has_role("admin", "auditor"):
        return ""
    return "The list of people needs the role admin or auditor on all models."


def refuse_deactivation(access: Access, is_last: bool) -> str:
    """Taking an account out of use; `is_last`: nobody else could make accounts and grant roles then."""
    return refuse_grant(access) or (LAST_ADMIN if is_last else "")


def refuse_grant(access: Access) -> str:
    """`access` is that on the model of the role, or that to the installation where it is for all."""
    if access.scopes is None and access.has_role("admin"):
        return ""
    return "Granting roles needs the role admin."
