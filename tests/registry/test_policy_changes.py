"""A model's policy changes by an admin and a second person, and by nothing else."""

from __future__ import annotations

import threading

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from registry import selectors, wakeups
from registry.errors import BadInput, NotAllowed, NotFound, ProposalDecided, ProposalOpen, StalePolicy
from registry.events import grounds, verify
from registry.models import Event, Grounds, PolicyProposal, RegisteredModel, Role
from registry.services.people import grant
from registry.services.policy_changes import decide_policy, propose_policy
from registry.services.tokens import create_token
from tests import makers

pytestmark = pytest.mark.django_db
WHY = "the night batch needs more room than we thought"
OTHER = {"slots": ["technical", "approval"], "serving": {"cache_mb": 64}}


@pytest.fixture
def model():
    return makers.model("digits", policy={"benchmark": {"any": {"p99_ms": 20}}})


@pytest.fixture
def admin():
    return makers.person("ada", admin=True)


@pytest.fixture
def edda():
    return makers.person("edda", Role.APPROVER)


def propose(model, by, policy=None, **facts):
    given = {"based_on": selectors.policy_digest(model), "grounds": WHY} | facts
    return propose_policy(model, policy=OTHER if policy is None else policy, by=by, **given)


def decide(proposal, action, by, words=WHY, **facts):
    return decide_policy(proposal, action, grounds=words, by=by, **facts)


def policy_of(model):
    return RegisteredModel.objects.get(pk=model.pk).policy


def kinds():
    return list(
        Event.objects.filter(kind__startswith="policy.").order_by("seq").values_list("kind", flat=True)
    )


def test_an_admin_proposes_an_approver_confirms_and_the_log_holds_both_policies(model, admin, edda):
    before = model.policy
    proposal = propose(model, admin)
    assert policy_of(model) == before, "nothing changes before the second person"

    decide(proposal, "confirm", edda)

    after = policy_of(model)
    assert (after["slots"], after["serving"]["cache_mb"], after["benchmark"]) == (
        ["technical", "approval"],
        64,
        {},
    )
    proposed, confirmed = Event.objects.filter(kind__startswith="policy.").order_by("seq")
    assert (proposed.kind, proposed.actor, proposed.subject) == (
        "policy.proposed",
        "person/ada",
        "model/digits",
    )
    assert (confirmed.kind, confirmed.actor) == ("policy.confirmed", "person/edda")
    assert (confirmed.facts["old"], confirmed.facts["new"]) == (before, after)
    assert confirmed.facts["proposed_by"] == "person/ada"
    assert selectors.words([proposed.facts["grounds"], confirmed.facts["grounds"]]).popitem()[1] == WHY
    assert WHY not in proposed.payload + confirmed.payload
    makers.witness_sees_head()
    assert verify().intact


def test_a_rejected_and_a_withdrawn_proposal_leave_the_policy_and_make_room(model, admin, edda):
    before = model.policy
    decide(propose(model, admin), "reject", edda)
    decide(propose(model, admin), "withdraw", admin)
    propose(model, admin)

    assert policy_of(model) == before
    assert kinds() == [
        "policy.proposed",
        "policy.rejected",
        "policy.proposed",
        "policy.withdrawn",
        "policy.proposed",
    ]


def test_only_an_admin_proposes(model):
    roles = [role for role in Role.values if role != Role.ADMIN]
    with pytest.raises(NotAllowed, match="role admin"):
        propose(model, makers.person("all", *roles))
    assert propose(model, makers.person("local", Role.ADMIN)).pk


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.APPROVER])
@pytest.mark.parametrize("action", ["confirm", "reject"])
def test_only_an_approver_decides(model, admin, action, role):
    proposal = propose(model, admin)
    with pytest.raises(NotAllowed, match="role approver"):
        decide(proposal, action, makers.person("somebody", role))
    assert selectors.open_policy_proposal(model) == proposal


def test_an_approver_of_another_model_decides_nothing(model, admin):
    stranger = makers.person("stranger")
    grant(stranger, Role.APPROVER, model=makers.model("other"))
    with pytest.raises(NotAllowed, match="role approver"):
        decide(propose(model, admin), "confirm", stranger)


@pytest.mark.parametrize("action", ["confirm", "reject"])
def test_the_proposer_is_no_second_person_whatever_their_roles(model, admin, action):
    grant(admin, Role.APPROVER)
    with pytest.raises(NotAllowed, match="second person"):
        decide(propose(model, admin), action, admin)


def test_only_the_proposer_withdraws(model, admin, edda):
    proposal = propose(model, admin)
    for other in (edda, makers.person("second", Role.ADMIN)):
        with pytest.raises(NotAllowed, match="Only ada"):
            decide(proposal, "withdraw", other)


@pytest.mark.parametrize("action", ["confirm", "reject", "withdraw"])
def test_a_machine_neither_proposes_nor_decides(model, admin, edda, action):
    robot = makers.person("robot", Role.ADMIN, Role.APPROVER, is_machine=True)
    tokens = {p: create_token("t", owner=p, scopes=["score"], by=p)[0] for p in (admin, edda)}
    with pytest.raises(NotAllowed, match="machine"):
        propose(model, robot)
    with pytest.raises(NotAllowed, match="machine"):
        propose(model, admin, token=tokens[admin])

    proposal = propose(model, admin)
    with pytest.raises(NotAllowed, match="machine"):
        decide(proposal, action, robot)
    owner = admin if action == "withdraw" else edda
    with pytest.raises(NotAllowed, match="machine"):
        decide(proposal, action, owner, token=tokens[owner])


def test_there_is_one_open_proposal_per_model(model, admin):
    propose(model, admin)
    with pytest.raises(ProposalOpen, match="ada has proposed"):
        propose(model, makers.person("second", Role.ADMIN))
    assert propose(makers.model("other"), admin).pk


def test_a_proposal_on_a_policy_that_is_gone_is_stale(model, admin, edda):
    read = selectors.policy_digest(model)
    decide(propose(model, admin), "confirm", edda)
    model.refresh_from_db()
    with pytest.raises(StalePolicy):
        propose(model, admin, {}, based_on=read)
    assert propose(model, admin, {}).pk


def test_what_is_confirmed_is_based_on_the_policy_as_it_stands(model, admin, edda):
    proposal = insert(model, admin, old_policy={"slots": ["approval"]})
    with pytest.raises(StalePolicy):
        decide(proposal, "confirm", edda)
    decide(proposal, "reject", edda)


def test_a_decision_is_made_once(model, admin, edda):
    proposal = propose(model, admin)
    decide(proposal, "confirm", edda)
    for action, person in (("confirm", edda), ("reject", edda), ("withdraw", admin)):
        with pytest.raises(ProposalDecided, match="confirmed by edda"):
            decide(proposal, action, person)
    assert kinds().count("policy.confirmed") == 1


def test_a_proposal_changes_something(model, admin):
    with pytest.raises(BadInput, match="as it stands"):
        propose(model, admin, {"slots": ["approval", "security", "privacy", "technical"], **limits(20.0)})


def limits(p99):
    return {"benchmark": {"any": {"p99_ms": p99}, "arm": {}}}


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"slots": ["privacy"]}, "policy.slots"),
        ({"slots": ["approval", {}]}, "policy.slots"),
        ({"operators": ["Loop\0"]}, "policy.operators"),
        ({"operators": ["x" * 101]}, "policy.operators"),
        ({"benchmark": {"": {"p99_ms": 1}}}, "policy.benchmark"),
        ({"benchmark": {"any": {"\n": 1}}}, "policy.benchmark.any"),
        (limits(10**400), "policy.benchmark.any.p99_ms"),
        (limits(True), "policy.benchmark.any.p99_ms"),
        ({"margin": 10**400}, "policy.margin"),
        ({"serving": {"log_share": float("nan")}}, "policy.serving.log_share"),
    ],
)
def test_a_policy_that_cannot_be_names_its_field(model, admin, policy, field):
    with pytest.raises(BadInput) as refused:
        propose(model, admin, policy)
    assert refused.value.facts["field"] == field


def test_each_step_needs_grounds_in_words(model, admin, edda):
    with pytest.raises(BadInput, match="grounds"):
        propose(model, admin, grounds="  because ")
    proposal = propose(model, admin)
    with pytest.raises(BadInput, match="grounds"):
        decide(proposal, "confirm", edda, "ok")
    with pytest.raises(NotFound, match="no action"):
        decide(proposal, "ignore", edda)


def test_a_step_that_fails_leaves_neither_row_nor_words_nor_event(model, admin, edda, monkeypatch):
    proposal, said = propose(model, admin), Grounds.objects.count()

    def broken(*_, **__):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("registry.services.policy_changes.record", broken)
        with pytest.raises(RuntimeError):
            decide(proposal, "confirm", edda)

    assert selectors.open_policy_proposal(model) == proposal
    assert policy_of(model) == model.policy
    assert (Grounds.objects.count(), kinds()) == (said, ["policy.proposed"])


# --- the same, asked of the database itself ----------------------------------------------------


def insert(model, by, **facts):
    """A proposal behind the services' back."""
    given = {"old_policy": model.policy, "new_policy": {"slots": ["approval"]}, "grounds": grounds(WHY, by)}
    with transaction.atomic():
        return PolicyProposal.objects.create(model=model, proposed_by=by, **given | facts)


def close(proposal, by, decision="confirmed", **facts):
    """A decision behind the services' back."""
    given = {"decided_by": by, "decided_at": timezone.now(), "decision_grounds": grounds(WHY, by)}
    with transaction.atomic():
        PolicyProposal.objects.filter(pk=proposal.pk).update(decision=decision, **given | facts)


def change(model, policy):
    with transaction.atomic():
        RegisteredModel.objects.filter(pk=model.pk).update(policy=policy)


def test_the_database_takes_an_honest_change(model, admin, edda):
    proposal = insert(model, admin)
    close(proposal, edda)
    change(model, proposal.new_policy)


def test_the_database_changes_no_policy_without_a_confirmed_proposal(model, admin, edda):
    with pytest.raises(DatabaseError, match="confirmed proposal"):
        change(model, {"slots": ["approval"]})
    proposal = insert(model, admin)
    with pytest.raises(DatabaseError, match="confirmed proposal"):
        change(model, proposal.new_policy)
    close(proposal, edda)
    with pytest.raises(DatabaseError, match="confirmed proposal"):
        change(model, {"slots": ["approval"], "mode": "propose"})


def test_an_old_confirmation_counts_once(model, admin, edda):
    decide(propose(model, admin), "confirm", edda)
    model.refresh_from_db()
    confirmed = model.policy
    decide(propose(model, admin, limits(20)), "confirm", edda)
    with pytest.raises(DatabaseError, match="confirmed proposal"):
        change(model, confirmed)


@pytest.mark.parametrize("decision", ["confirmed", "rejected"])
def test_the_database_refuses_one_person_in_both_places(model, admin, decision):
    proposal = insert(model, admin)
    with pytest.raises(DatabaseError):
        close(proposal, admin, decision)


def test_the_database_refuses_a_withdrawal_by_somebody_else(model, admin, edda):
    proposal = insert(model, admin)
    with pytest.raises(DatabaseError):
        close(proposal, edda, "withdrawn")


@pytest.mark.parametrize("missing", ["decided_by", "decided_at", "decision_grounds"])
def test_the_database_refuses_half_a_decision(model, admin, edda, missing):
    proposal = insert(model, admin)
    with pytest.raises(DatabaseError):
        close(proposal, edda, **{missing: None})


def test_the_database_refuses_machines(model, admin):
    robot = makers.person("robot", is_machine=True)
    with pytest.raises(DatabaseError, match="machine"):
        insert(model, robot)
    proposal = insert(model, admin)
    with pytest.raises(DatabaseError, match="machine"):
        close(proposal, robot)


def test_the_database_keeps_one_open_proposal_per_model(model, admin):
    insert(model, admin)
    with pytest.raises(DatabaseError):
        insert(model, admin)


def test_the_database_refuses_a_proposal_that_is_born_decided(model, admin, edda):
    facts = {"decided_by": edda, "decided_at": timezone.now(), "decision_grounds": grounds(WHY, edda)}
    with pytest.raises(DatabaseError, match="begins open"):
        insert(model, admin, decision="confirmed", **facts)


def test_the_database_confirms_only_what_the_policy_still_is(model, admin, edda):
    proposal = insert(model, admin, old_policy={"slots": ["approval"]})
    with pytest.raises(DatabaseError, match="has changed"):
        close(proposal, edda)


@pytest.mark.parametrize("field", ["old_policy", "new_policy", "proposed_by", "model", "grounds", "again"])
def test_the_database_refuses_to_rewrite_a_proposal(model, admin, edda, field):
    proposal = insert(model, admin)
    if field == "again":
        close(proposal, edda, "rejected")
        with pytest.raises(DatabaseError, match="decided once"):
            close(proposal, edda)
        return
    other = {
        "old_policy": {},
        "new_policy": {},
        "proposed_by": edda,
        "model": makers.model("other"),
        "grounds": grounds("some other words", edda),
    }
    with pytest.raises(DatabaseError, match="decided once"), transaction.atomic():
        PolicyProposal.objects.filter(pk=proposal.pk).update(**{field: other[field]})


def test_the_database_never_forgets_a_proposal(model, admin):
    rows = PolicyProposal.objects.filter(pk=insert(model, admin).pk)
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        rows._raw_delete("default")


# --- races -------------------------------------------------------------------------------------


@pytest.fixture
def alone(transactional_db, monkeypatch, settings, tmp_path):
    """What is committed here wakes no broker, and is witnessed where no other test looks."""
    monkeypatch.setattr(wakeups, "_ring", None)
    settings.WITNESS_FILE = tmp_path / "heads.log"


def all_at_once(*deeds) -> list[str]:
    """What became of each: `done` or the code of its refusal."""
    told, ready = [], threading.Barrier(len(deeds))

    def attempt(deed) -> None:
        try:
            ready.wait(10)
            deed()
            told.append("done")
        except (ProposalOpen, ProposalDecided, StalePolicy) as refusal:
            told.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt, args=(deed,)) for deed in deeds]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return sorted(told)


def test_of_many_who_propose_at_once_one_does(alone, model):
    people = [makers.person(f"admin{n}", Role.ADMIN) for n in range(5)]

    told = all_at_once(*(lambda person=person: propose(model, person) for person in people))

    assert told == ["done", *["proposal_open"] * 4]
    assert kinds() == ["policy.proposed"]


def test_of_many_who_decide_at_once_one_does(alone, model, admin):
    proposal = propose(model, admin)
    people = [makers.person(f"approver{n}", Role.APPROVER) for n in range(4)]
    deeds = [
        lambda person=person, action=action: decide(proposal, action, person)
        for person, action in zip(people, ["confirm", "reject"] * 2, strict=True)
    ]

    told = all_at_once(*deeds, lambda: decide(proposal, "withdraw", admin))

    assert told == ["done", *["proposal_decided"] * 4]
    proposal.refresh_from_db()
    (_, decided) = kinds()
    assert decided == f"policy.{proposal.decision}"
    wanted = proposal.new_policy if proposal.decision == "confirmed" else proposal.old_policy
    assert policy_of(model) == wanted
