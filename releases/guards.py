"""What the database refuses on the release side (see `registry.guards` for how)."""

from __future__ import annotations

from registry.guards import MACHINE, Guard, frozen, install_all

GATES = ("integrity", "schema", "end_to_end", "confidence", "benchmark")
DATA_GATES = ("end_to_end", "confidence")
"""Whoever failed one of these can never be served: not by another release either."""

CONDEMNED = "this version failed a data gate"

OWN_UPLOAD = """(
    EXISTS (SELECT 1 FROM registry_versionuploader u JOIN releases_release r ON r.version_id = u.version_id
            WHERE r.id = NEW.release_id AND u.person_id = NEW.person_id)
    OR EXISTS (SELECT 1 FROM releases_release r JOIN registry_modelversion v ON v.id = r.version_id
               JOIN registry_person p ON p.id = NEW.person_id
               WHERE r.id = NEW.release_id AND v.built_by <> ''
               AND lower(v.built_by) IN (lower(p.email), lower(p.username))))"""
_NAMED = "registry_builderkey b JOIN registry_personkey k ON k.key = b.key"
_OWN_BUILD = f"""EXISTS (SELECT 1 FROM releases_release r, {_NAMED}
    WHERE r.id = NEW.release_id AND b.version_id = r.version_id AND k.person_id = NEW.person_id
    AND (substr(b.key, 1, 2) <> 'b:' OR coalesce({{plus_addresses}}, 'same') <> 'distinct'))"""  # noqa: S608
_BUILDER_UNKNOWN = f"""NEW.verdict = 'approve' AND EXISTS (SELECT 1 FROM releases_release r
    WHERE r.id = NEW.release_id AND coalesce({{unknown_builder}}, 'show') = 'refuse' AND NOT EXISTS (
        SELECT 1 FROM {_NAMED} WHERE b.version_id = r.version_id
        AND (substr(b.key, 1, 2) <> 'b:' OR coalesce({{plus_addresses}}, 'same') <> 'distinct')))"""  # noqa: S608
_SQLITE_POLICY = {
    name: f"json_extract(r.policy, '$.{name}')" for name in ("plus_addresses", "unknown_builder")
}
_POSTGRES_POLICY = {name: f"(r.policy ->> '{name}')" for name in _SQLITE_POLICY}
STALE = """NOT EXISTS (SELECT 1 FROM releases_release r JOIN registry_modelversion v ON v.id = r.version_id
    WHERE r.id = NEW.release_id AND r.evidence_digest = NEW.evidence_digest
    AND v.digest = NEW.version_digest)"""

_UNPROVEN = f"""(SELECT count(*) FROM releases_gaterun g WHERE g.release_id = NEW.id AND g.outcome = 'passed'
    AND g.gate IN {GATES}) < {len(GATES)}"""  # noqa: S608 - constants of this file
_UNSIGNED = """EXISTS (SELECT 1 FROM {slots} WHERE NOT EXISTS (SELECT 1 FROM releases_review w
    WHERE w.release_id = NEW.id AND w.slot = slots.value AND w.verdict = 'approve'
    AND w.evidence_digest = NEW.evidence_digest))"""
_CONDEMNED = f"""EXISTS (SELECT 1 FROM releases_gaterun g JOIN releases_release r ON r.id = g.release_id
    WHERE r.version_id = NEW.version_id AND g.outcome = 'failed' AND g.gate IN {DATA_GATES})"""  # noqa: S608 - constants of this file
_NOT_ASKED = """coalesce(NEW.retire_asked_by_id, 0) <> coalesce(OLD.retire_asked_by_id, 0) AND (
    OLD.retire_asked_by_id IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM registry_event e JOIN registry_person p ON e.actor = 'person/' || p.username
        WHERE p.id = NEW.retire_asked_by_id AND e.kind = 'retirement.asked'
        AND e.subject = 'release/' || NEW.id))"""
_GOES_FORWARD = "OLD.state <> NEW.state AND NEW.state IN ('validating', 'rolling_out')"
_REWRITTEN = """OLD.outcome IN ('passed', 'failed') AND (NEW.outcome <> OLD.outcome OR NEW.gate <> OLD.gate
    OR NEW.release_id <> OLD.release_id OR NEW.summary <> OLD.summary OR NEW.attempt <> OLD.attempt
    OR CAST(NEW.evidence AS TEXT) <> CAST(OLD.evidence AS TEXT))"""
_FAILED_FOR_GOOD = f"OLD.outcome = 'failed' AND OLD.gate IN {DATA_GATES}"
_BECOMES_SERVING = "NEW.state IN ('rolling_out', 'live') AND OLD.state <> NEW.state"
_SQLITE_SLOTS = "json_each(NEW.policy, '$.slots') AS slots"
_POSTGRES_SLOTS = "jsonb_array_elements_text(NEW.policy -> 'slots') AS slots(value)"


def _unready(slots: str) -> str:
    return f"{_BECOMES_SERVING} AND ({_UNPROVEN} OR {_UNSIGNED.format(slots=slots)})"


GUARDS = [
    *frozen("releases_review"),
    *frozen("releases_route"),
    Guard(
        "nobody_reviews_their_own_upload", "releases_review", "INSERT", "four eyes: own upload", OWN_UPLOAD
    ),
    Guard(
        "nobody_reviews_their_own_build",
        "releases_review",
        "INSERT",
        "four eyes: own upload",
        _OWN_BUILD.format(**_SQLITE_POLICY),
        _OWN_BUILD.format(**_POSTGRES_POLICY),
        reads="registry_personkey",
    ),
    Guard(
        "an_unknown_builder_is_refused_by_policy",
        "releases_review",
        "INSERT",
        "who built this is unknown here",
        _BUILDER_UNKNOWN.format(**_SQLITE_POLICY),
        _BUILDER_UNKNOWN.format(**_POSTGRES_POLICY),
        reads="registry_personkey",
    ),
    Guard(
        "no_machine_reviews",
        "releases_review",
        "INSERT",
        "four eyes: a machine approves nothing",
        MACHINE.format(person="person_id"),
    ),
    Guard("no_review_of_other_evidence", "releases_review", "INSERT", "the evidence has changed", STALE),
    Guard(
        "only_proven_and_approved_serves",
        "releases_release",
        "UPDATE",
        "not proven and approved",
        _unready(_SQLITE_SLOTS),
        _unready(_POSTGRES_SLOTS),
    ),
    Guard(
        "a_release_begins_as_draft",
        "releases_release",
        "INSERT",
        "a release begins as draft",
        "NEW.state <> 'draft'",
    ),
    Guard(
        "who_asked_to_retire_is_said_by_the_log",
        "releases_release",
        "UPDATE",
        "no event says that they asked to retire it",
        _NOT_ASKED,
        reads="releases_trip",
    ),
    Guard(
        "no_release_of_a_condemned_version",
        "releases_release",
        "INSERT",
        CONDEMNED,
        _CONDEMNED,
        reads="releases_gaterun",
    ),
    Guard(
        "no_condemned_version_goes_on",
        "releases_release",
        "UPDATE",
        CONDEMNED,
        f"{_GOES_FORWARD} AND {_CONDEMNED}",
        reads="releases_gaterun",
    ),
    Guard(
        "a_verdict_is_kept_as_it_was_found",
        "releases_gaterun",
        "UPDATE",
        "a finished gate keeps its verdict",
        _REWRITTEN,
    ),
    Guard(
        "no_verdict_is_deleted",
        "releases_gaterun",
        "DELETE",
        "a finished gate keeps its verdict",
        "OLD.outcome IN ('passed', 'failed')",
    ),
    Guard(
        "a_failed_data_gate_stays_failed",
        "releases_gaterun",
        "UPDATE",
        "a failed data gate stays failed",
        f"{_FAILED_FOR_GOOD} AND (NEW.outcome <> OLD.outcome OR NEW.gate <> OLD.gate"
        " OR NEW.release_id <> OLD.release_id)",
    ),
    Guard(
        "no_failed_data_gate_is_deleted",
        "releases_gaterun",
        "DELETE",
        "a failed data gate stays failed",
        _FAILED_FOR_GOOD,
    ),
    Guard("no_release_is_deleted", "releases_release", "DELETE", "a release is never deleted"),
    Guard(
        "what_a_release_is_about_stays",
        "releases_release",
        "UPDATE",
        "a release keeps its version, environment and policy",
        "NEW.version_id <> OLD.version_id OR NEW.model_id <> OLD.model_id"
        " OR NEW.environment_id <> OLD.environment_id"
        " OR (OLD.state <> 'draft' AND CAST(NEW.policy AS TEXT) <> CAST(OLD.policy AS TEXT))",
    ),
]


def install(using: str, **_: object) -> None:
    """After `migrate`: the release side's guards."""
    install_all(GUARDS, using)
