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


def refuse_grant(access: Access) -> str:
    if access.scopes is None and access.has_role("admin"):
        return ""
    return "Granting roles needs the role admin."
