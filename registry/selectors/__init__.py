"""Reads of the registry, by noun. Edges get their objects here; what a person may not see is not found."""

from registry.selectors.accounts import builders, has_accounts, invitation, people, person
from registry.selectors.catalog import (
    is_called,
    lineage,
    model,
    search_models,
    slug,
    titles,
    version,
    version_by_digest,
    version_called,
    version_lines,
    versions,
)
from registry.selectors.events import log_head, timeline, words
from registry.selectors.jobs import queue_lengths, reason_to_wait
from registry.selectors.narrowing import FEW, narrowed
from registry.selectors.policies import (
    open_policy_proposal,
    open_policy_proposals,
    policy_choices,
    policy_digest,
    policy_proposal,
    policy_proposals,
)
from registry.selectors.rights import (
    access,
    accesses,
    carriers,
    everywhere,
    installation_access,
    members,
    models_for,
    sees_all_models,
    visible_models,
)
from registry.selectors.tokens import token, token_of, tokens_of

__all__ = [
    "FEW",
    "access",
    "accesses",
    "builders",
    "carriers",
    "everywhere",
    "has_accounts",
    "installation_access",
    "invitation",
    "is_called",
    "lineage",
    "log_head",
    "members",
    "model",
    "models_for",
    "narrowed",
    "open_policy_proposal",
    "open_policy_proposals",
    "people",
    "person",
    "policy_choices",
    "policy_digest",
    "policy_proposal",
    "policy_proposals",
    "queue_lengths",
    "reason_to_wait",
    "search_models",
    "sees_all_models",
    "slug",
    "timeline",
    "titles",
    "token",
    "token_of",
    "tokens_of",
    "version",
    "version_by_digest",
    "version_called",
    "version_lines",
    "versions",
    "visible_models",
    "words",
]
