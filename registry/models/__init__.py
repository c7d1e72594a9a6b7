"""The rows of the registry, by noun."""

from registry.models.access import ApiToken, Attempts, Membership, Role, Scope
from registry.models.builders import BuilderKey, PersonKey
from registry.models.catalog import (
    Alias,
    Artifact,
    Beginning,
    CalledAs,
    ModelVersion,
    RegisteredModel,
    Tag,
    VersionFile,
    VersionUploader,
)
from registry.models.evaluation import ConfidenceSet, EndToEndSet
from registry.models.events import ERASED, Event, Grounds, LogHead, Outbox
from registry.models.idempotency import IdempotencyKey
from registry.models.installation import Installation
from registry.models.jobs import Job
from registry.models.lineage import DatasetVersion, ExtractorVersion
from registry.models.people import Invitation, Person
from registry.models.policies import PolicyProposal
from registry.models.search import TERM_CHARACTERS, Term, begins
from registry.models.sessions import Session
from registry.models.told import Mail, Notice, Wishes

__all__ = [
    "ERASED",
    "TERM_CHARACTERS",
    "Alias",
    "ApiToken",
    "Artifact",
    "Attempts",
    "Beginning",
    "BuilderKey",
    "CalledAs",
    "ConfidenceSet",
    "DatasetVersion",
    "EndToEndSet",
    "Event",
    "ExtractorVersion",
    "Grounds",
    "IdempotencyKey",
    "Installation",
    "Invitation",
    "Job",
    "LogHead",
    "Mail",
    "Membership",
    "ModelVersion",
    "Notice",
    "Outbox",
    "Person",
    "PersonKey",
    "PolicyProposal",
    "RegisteredModel",
    "Role",
    "Scope",
    "Session",
    "Tag",
    "Term",
    "VersionFile",
    "VersionUploader",
    "Wishes",
    "begins",
]
