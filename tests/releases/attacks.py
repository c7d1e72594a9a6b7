"""What each guard of the database refuses, done as by somebody who has the database and not our services.

One deed for each guard, which that guard alone forbids: `tests/releases/test_every_guard.py` tries them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connection
from django.utils import timezone

from registry.events import Kind, grounds, record
from registry.guards import FROZEN, Guard
from registry.models import BuilderKey, Grounds, Membership, Person, PersonKey, PolicyProposal, Role
from registry.models.catalog import RegisteredModel
from registry.transactions import write
from releases.lifecycle import State
from releases.models import Release, Review, Route
from releases.services.environments import ensure_environment
from tests import makers

Deed = Callable[[], Any]


def run(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def words() -> Grounds:
    with write():
        return grounds("on these grounds", makers.person())


def remove(guard: Guard) -> None:
    with connection.cursor() as cursor:
        on = "" if connection.vendor == "sqlite" else f" ON {guard.table}"
        cursor.execute(f"DROP TRIGGER {guard.name}{on}")


# --- rows that are written once ----------------------------------------------------------------


def everything() -> None:
    """A row in each table that is written once."""
    release = makers.release(state=State.APPROVED)
    BuilderKey.objects.create(version=release.version, key="n:zoe")
    PersonKey.objects.create(person=makers.person(), key="n:zoe")
    with write():
        event = record(Kind.MODEL_UPDATED, "model/m", actor="person/ana")
    place, entry = release.environment, {"revision": 1}
    Route.objects.create(model=release.model, environment=place, revision=1, entry=entry, event=event)


def edit(table: str) -> None:
    """Write the last column of every row as it is."""
    with connection.cursor() as cursor:
        name = connection.introspection.get_table_description(cursor, table)[-1].name
    run(f'UPDATE {table} SET "{name}" = "{name}"')  # noqa: S608 - our own names


def delete(table: str) -> None:
    run(f"DELETE FROM {table}")  # noqa: S608 - as above


def _on_rows(deed: Callable[[str], None], table: str) -> Deed:
    everything()
    return partial(deed, table)


# --- policies ----------------------------------------------------------------------------------


def _proposal(model: RegisteredModel, by: Person, **facts: Any) -> PolicyProposal:
    given = {"old_policy": model.policy, "new_policy": {"slots": ["approval"]}, "grounds": words()} | facts
    return PolicyProposal.objects.create(model=model, proposed_by=by, **given)


def _decided(by: Person) -> dict[str, Any]:
    return {
        "decision": "rejected",
        "decided_by": by,
        "decided_at": timezone.now(),
        "decision_grounds": words(),
    }


def _policy() -> Deed:
    pk = makers.model().pk
    return lambda: run("UPDATE registry_registeredmodel SET policy = %s WHERE id = %s", '{"slots": []}', pk)


def _machine_proposes() -> Deed:
    model, robot = makers.model(), makers.person(is_machine=True)
    return lambda: _proposal(model, robot)


def _machine_decides() -> Deed:
    rows = PolicyProposal.objects.filter(pk=_proposal(makers.model(), makers.person()).pk)
    decided = _decided(makers.person(is_machine=True))
    return lambda: rows.update(**decided)


def _born_decided() -> Deed:
    model, by, decided = makers.model(), makers.person(), _decided(makers.person())
    return lambda: _proposal(model, by, **decided)


def _reworded() -> Deed:
    rows = PolicyProposal.objects.filter(pk=_proposal(makers.model(), makers.person()).pk)
    return lambda: rows.update(new_policy={"slots": []})


def _stale() -> Deed:
    rows = PolicyProposal.objects.filter(
        pk=_proposal(makers.model(), makers.person(), old_policy={"a": 1}).pk
    )
    decided = _decided(makers.person()) | {"decision": "confirmed"}
    return lambda: rows.update(**decided)


def _unproposed() -> Deed:
    rows = PolicyProposal.objects.filter(pk=_proposal(makers.model(), makers.person()).pk)
    return lambda: rows._raw_delete("default")


# --- words, roles, the witness -----------------------------------------------------------------


def _other_words() -> Deed:
    rows = Grounds.objects.filter(pk=words().pk)
    return lambda: rows.update(text="on other grounds")


def _no_words() -> Deed:
    rows = Grounds.objects.filter(pk=words().pk)
    return lambda: rows._raw_delete("default")


def _other_role() -> Deed:
    rows = Membership.objects.filter(person=makers.person("", Role.VIEWER))
    return lambda: rows.update(role=Role.ADMIN)


def _given_role() -> Deed:
    person = makers.person()
    return lambda: Membership.objects.create(person=person, role=Role.ADMIN)


def _taken_role() -> Deed:
    rows = Membership.objects.filter(person=makers.person("", Role.VIEWER))
    return lambda: rows._raw_delete("default")


def _new_witness() -> Deed:
    def begin() -> None:
        with write():
            asked = record(Kind.WITNESS_ASKED, "log", actor="person/ana", found="").seq
            record(Kind.WITNESS_BEGUN, "log", actor="person/ana", asked=asked, found="")

    return begin


# --- reviews -----------------------------------------------------------------------------------


def _signed(release: Release, person: Person, **facts: Any) -> Deed:
    given = {"version_digest": release.version.digest, "evidence_digest": release.evidence_digest}
    given |= {"slot": "technical", "verdict": "approve", "grounds": words()}
    return lambda: Review.objects.create(release=release, person=person, **given | facts)


def _own_upload() -> Deed:
    release = makers.release()
    return _signed(release, release.version.uploaded_by)


def _own_build() -> Deed:
    release, zoe = makers.release(), makers.person()
    BuilderKey.objects.create(version=release.version, key="n:zoe of ours")
    PersonKey.objects.create(person=zoe, key="n:zoe of ours")
    return _signed(release, zoe)


def _unknown_builder() -> Deed:
    model = makers.model(policy={"unknown_builder": "refuse"})
    return _signed(makers.release(makers.version(model)), makers.person())


def _machine_signs() -> Deed:
    return _signed(makers.release(), makers.person(is_machine=True))


def _other_evidence() -> Deed:
    return _signed(makers.release(), makers.person(), evidence_digest="e" * 64)


# --- releases and verdicts ---------------------------------------------------------------------


def _state(release: Release, state: State) -> Deed:
    rows = Release.objects.filter(pk=release.pk)
    return lambda: rows.update(state=state)


def _opened(of: Release, state: State = State.DRAFT) -> Deed:
    place = ensure_environment("further")
    facts = {"version": of.version, "model": of.model, "opened_by": of.opened_by, "state": state}
    return lambda: Release.objects.create(environment=place, **facts)


def _unsigned_serves() -> Deed:
    return _state(makers.release(), State.ROLLING_OUT)


def _born_approved() -> Deed:
    return _opened(makers.release(), State.APPROVED)


def _never_asked() -> Deed:
    rows, somebody = Release.objects.filter(pk=makers.release().pk), makers.person("rita")
    return lambda: rows.update(retire_asked_by=somebody)


def _condemned() -> Release:
    release = makers.release(makers.version(), State.VALIDATING, environment="elsewhere")
    release.gate_runs.filter(gate="confidence").update(outcome="failed")
    return release


def _condemned_opens() -> Deed:
    return _opened(_condemned())


def _condemned_goes_on() -> Deed:
    draft = makers.release(state=State.DRAFT)
    failed = makers.release(draft.version, State.VALIDATING, environment="elsewhere")
    failed.gate_runs.filter(gate="confidence").update(outcome="failed")
    return _state(draft, State.VALIDATING)


def _verdict(gate: str = "benchmark", **change: Any) -> Deed:
    runs = makers.release().gate_runs.filter(gate=gate)
    return (lambda: runs.update(**change)) if change else (lambda: runs._raw_delete("default"))


def _failure(**change: Any) -> Deed:
    runs = _condemned().gate_runs.filter(gate="confidence")
    return (lambda: runs.update(**change)) if change else (lambda: runs._raw_delete("default"))


def _no_release() -> Deed:
    rows = Release.objects.filter(pk=makers.release().pk)
    return lambda: rows._raw_delete("default")


def _elsewhere() -> Deed:
    rows, place = Release.objects.filter(pk=makers.release().pk), ensure_environment("further")
    return lambda: rows.update(environment=place)


WRITTEN_ONCE = (*FROZEN, "releases_review", "releases_route")
PREPARED: dict[str, Callable[[], Deed]] = {
    **{f"{table}_no_update": partial(_on_rows, edit, table) for table in WRITTEN_ONCE},
    **{f"{table}_no_delete": partial(_on_rows, delete, table) for table in WRITTEN_ONCE},
    "a_policy_changes_by_two_people": _policy,
    "no_machine_proposes_a_policy": _machine_proposes,
    "no_machine_decides_on_a_policy": _machine_decides,
    "a_policy_proposal_begins_open": _born_decided,
    "a_policy_proposal_stays": _reworded,
    "a_policy_is_confirmed_as_it_stands": _stale,
    "no_policy_proposal_is_deleted": _unproposed,
    "words_are_kept_or_erased": _other_words,
    "no_grounds_are_deleted": _no_words,
    "no_role_is_rewritten": _other_role,
    "a_role_is_given_by_an_event": _given_role,
    "a_role_is_taken_by_an_event": _taken_role,
    "a_witness_is_begun_by_two_people": _new_witness,
    "nobody_reviews_their_own_upload": _own_upload,
    "nobody_reviews_their_own_build": _own_build,
    "an_unknown_builder_is_refused_by_policy": _unknown_builder,
    "no_machine_reviews": _machine_signs,
    "no_review_of_other_evidence": _other_evidence,
    "only_proven_and_approved_serves": _unsigned_serves,
    "a_release_begins_as_draft": _born_approved,
    "who_asked_to_retire_is_said_by_the_log": _never_asked,
    "no_release_of_a_condemned_version": _condemned_opens,
    "no_condemned_version_goes_on": _condemned_goes_on,
    "a_verdict_is_kept_as_it_was_found": lambda: _verdict(summary="all is well"),
    "no_verdict_is_deleted": _verdict,
    "a_failed_data_gate_stays_failed": lambda: _failure(outcome="passed"),
    "no_failed_data_gate_is_deleted": _failure,
    "no_release_is_deleted": _no_release,
    "what_a_release_is_about_stays": _elsewhere,
}
"""By guard: makes the rows, and gives the deed that it refuses."""
