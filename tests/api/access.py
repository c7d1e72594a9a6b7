"""Who gets in where: address -> method -> roles. What is not here is shut for everybody."""

from __future__ import annotations

from tests.api.routes import METHODS, ROLES

ALL = frozenset(ROLES)
TOKENS = frozenset({"score token", "read token", "audit token", "ci token"})
PEOPLE = ALL - TOKENS - {"nobody"}
WITH_A_ROLE = PEOPLE - {"stranger"}
SESSION_OR_TOKEN = PEOPLE | TOKENS
SEES_THE_MODEL = WITH_A_ROLE | {"ci token", "read token", "audit token"}
UPLOADS = frozenset({"contributor", "ci token"})
OPENS = frozenset({"contributor", "release_manager"})
READS_THE_LOG = frozenset({"admin"})  # an auditor too, but of all models
READS_HISTORY = frozenset({"auditor", "admin"})
READS_ANSWERS = frozenset({"release_manager", "auditor"})
LABELS = frozenset({"technical_reviewer", "release_manager"})
SIGNS = frozenset({"technical_reviewer"})
PROPOSES = frozenset({"admin"})
KNOWS_PEOPLE = frozenset({"admin"})  # an auditor too, but of all models
DECIDES = frozenset({"approver"})
NOBODY: frozenset[str] = frozenset()

ADMITTED: dict[str, dict[str, frozenset[str]]] = {
    # pages
    "login": {"GET": ALL, "POST": PEOPLE, "PUT": PEOPLE, "PATCH": PEOPLE, "DELETE": PEOPLE},
    "logout": {"POST": NOBODY},
    "reauthenticate": {"GET": PEOPLE, "POST": PEOPLE},
    "theme": {"POST": PEOPLE},
    "audit": {"GET": PEOPLE},
    "audit-verify": {"GET": READS_THE_LOG},
    "audit-export": {"GET": PEOPLE},
    "welcome": {},
    "people": {"GET": KNOWS_PEOPLE},
    "person": {"GET": KNOWS_PEOPLE},
    "make-person": {"POST": PROPOSES},
    "person-link": {"POST": PROPOSES},
    "grant-role": {"POST": PROPOSES},
    "revoke-role": {"POST": PROPOSES},
    "deactivate-person": {"POST": PROPOSES},
    "reactivate-person": {"POST": PROPOSES},
    "erase-words": {"POST": PROPOSES},
    "account": {"GET": PEOPLE, "POST": PEOPLE},
    "choose-mail": {"POST": PEOPLE},
    "end-session": {"POST": NOBODY},
    "end-other-sessions": {"POST": PEOPLE},
    "rollout-answers": {"GET": READS_ANSWERS},
    "rollout-what-if": {"GET": WITH_A_ROLE},
    "api-forecast": {"POST": SEES_THE_MODEL},
    "labels": {"GET": LABELS},
    "give-label": {},  # nothing is left to judge there
    "undo-label": {},
    "api-disagreements": {"GET": LABELS},
    "api-labels": {},
    "freezes": {"GET": PEOPLE},
    "make-freeze": {"POST": PROPOSES},  # a release manager too, but of all models
    "remove-freeze": {"POST": PROPOSES},
    "api-freezes": {"GET": SESSION_OR_TOKEN, "POST": PROPOSES},
    "api-freeze": {"DELETE": PROPOSES},
    "tokens": {"GET": PEOPLE, "POST": WITH_A_ROLE},
    "token-revoke": {"POST": NOBODY},
    "models": {"GET": PEOPLE},
    "search": {"GET": PEOPLE},
    "model": {"GET": WITH_A_ROLE},
    "compare": {"GET": WITH_A_ROLE},
    "answers": {"GET": WITH_A_ROLE},
    "answers-file": {},  # none are kept there
    "policy": {"GET": WITH_A_ROLE},
    "propose-policy": {"POST": PROPOSES},
    "decide-policy": {"POST": DECIDES},
    "version": {"GET": WITH_A_ROLE},
    "version-file": {"GET": WITH_A_ROLE},
    "open-release": {"POST": OPENS},
    "releases": {"GET": PEOPLE},
    "release": {"GET": WITH_A_ROLE},
    "release-panel": {"GET": WITH_A_ROLE},
    "release-review": {"POST": SIGNS},
    "release-action": {"POST": OPENS},
    "release-retry": {"POST": NOBODY},
    "release-back": {"GET": WITH_A_ROLE},
    "rollout": {"GET": WITH_A_ROLE},
    "rollout-panel": {"GET": WITH_A_ROLE},
    "rollout-events": {"GET": WITH_A_ROLE},
    "rollout-action": {"POST": OPENS},
    "health": {"GET": PEOPLE},
    "news": {"GET": PEOPLE},
    "nodes": {"GET": PEOPLE},
    "model-traffic": {"GET": WITH_A_ROLE},
    "admin": dict.fromkeys(METHODS, READS_HISTORY),
    # operations
    "healthz": {"GET": ALL},
    "readyz": {"GET": ALL},
    "metrics": {"GET": SESSION_OR_TOKEN},
    "api-docs": {"GET": ALL},
    # the API
    "api-models": {"GET": SESSION_OR_TOKEN, "POST": UPLOADS | {"admin"}},
    "api-model": {"GET": SEES_THE_MODEL, "PATCH": OPENS | {"admin"}},
    "api-policy-proposals": {"GET": SEES_THE_MODEL, "POST": PROPOSES},
    "api-policy-proposal": {"GET": SEES_THE_MODEL},
    "api-policy-actions": {"POST": DECIDES},
    "api-model-feedback": {"GET": SEES_THE_MODEL},
    "api-version": {"GET": SEES_THE_MODEL},
    "api-version-file": {"GET": WITH_A_ROLE | {"read token"}},
    "api-compare": {"GET": SEES_THE_MODEL},
    "api-compare-rows": {"GET": WITH_A_ROLE | {"read token"}},
    "api-compare-file": {},  # none are kept here
    "api-versions": {"GET": SEES_THE_MODEL, "POST": UPLOADS},
    "api-version-releases": {"GET": SEES_THE_MODEL, "POST": OPENS | {"ci token"}},
    "api-releases": {"GET": SESSION_OR_TOKEN},
    "api-release": {"GET": SEES_THE_MODEL},
    "api-gates": {"GET": SEES_THE_MODEL},
    "api-reviews": {"POST": SIGNS},
    "api-actions": {"POST": OPENS | {"ci token"}},
    "api-environment-model": {"GET": SEES_THE_MODEL},
    "api-events": {"GET": PEOPLE | {"audit token"}},
    "api-events-verify": {"GET": READS_THE_LOG},
    "api-events-head": {"GET": SESSION_OR_TOKEN},
    "api-people": {"GET": KNOWS_PEOPLE, "POST": PROPOSES},
    "api-person": {"GET": KNOWS_PEOPLE, "DELETE": PROPOSES},
    "api-person-reactivation": {"POST": PROPOSES},
    "api-person-invitation": {"POST": PROPOSES},
    "api-password": {"PUT": PEOPLE},
    "api-account-mail": {"GET": PEOPLE, "PUT": PEOPLE},
    "api-sessions": {"GET": PEOPLE, "DELETE": PEOPLE},
    "api-session": {"DELETE": NOBODY},
    "api-person-roles": {"GET": KNOWS_PEOPLE, "POST": PROPOSES, "DELETE": PROPOSES},
    "api-tokens": {"GET": SESSION_OR_TOKEN, "POST": WITH_A_ROLE},
    "api-token": {"DELETE": NOBODY},
    "api-nodes": {"GET": SESSION_OR_TOKEN},
    "api-model-traffic": {"GET": SEES_THE_MODEL},
    "api-model-traffic-lines": {"GET": SEES_THE_MODEL},
    "api-model-metric": {"GET": SEES_THE_MODEL},
    "api-predictions": {"GET": READS_ANSWERS | {"audit token"}},
    "api-prediction-segment": {"GET": NOBODY},
    "api-outcomes": {"POST": WITH_A_ROLE | {"ci token"}},
    "api-exposures": {"GET": READS_ANSWERS | {"audit token"}},
    "api-evaluate": {"POST": SEES_THE_MODEL},
    "api-feedback": {"POST": PEOPLE | {"ci token"}},
    "api-erasure": {"POST": PROPOSES},
    "api-returns": {"GET": SEES_THE_MODEL},
    "api-rollout": {"GET": SEES_THE_MODEL},
    "api-evidence": {"GET": SEES_THE_MODEL},
    "api-healthz": {"GET": ALL},
    "api-readyz": {"GET": ALL},
    "api-metrics": {"GET": SESSION_OR_TOKEN},
    "api-schema": {"GET": ALL},
}
