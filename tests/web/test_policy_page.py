"""The policy's page: what it says in words, who may change it, and what a refusal looks like."""

from __future__ import annotations

import html
import re
import time

import pytest

from registry.catalogue import CataloguedMetric
from registry.model_policy import flat, parse
from registry.models import Event, Person, PolicyProposal, RegisteredModel
from registry.selectors import open_policy_proposal, policy_digest
from registry.services.policy_changes import decide_policy, propose_policy
from registry.services.tokens import create_token
from releases.web import policy_words
from tests import makers
from tests.makers import PASSWORD
from tests.web import reading

HERE = "/models/digits/policy/"
STAGES = "- {kind: shadow, min: 30m}\n- {kind: split, share: 0.5, min: 1h}"
WHY = "The night batch needs more room than we thought."


def text(response) -> str:
    return html.unescape(reading.html(response))


def form(model, **changes):
    """The fields as an admin finds them, and what is changed in them."""
    stands = {
        "based_on": policy_digest(model),
        "slots": ["technical", "privacy", "security"],
        "operators": "",
        "margin": "",
        "batching": "on",
        "prepack": "on",
        "cache_mb": "0",
        "log_share": "0",
        "slices": "advise",
        "power": "advise",
        "min_power": "0.8",
        "plus_addresses": "same",
        "unknown_builder": "show",
        "proof_minutes": "60",
        "mode": "auto",
        "profile_0": "any",
        "measure_0": "p99_ms",
        "limit_0": "2",
        "grounds": WHY,
    }
    return {name: value for name, value in (stands | changes).items() if value is not None}


def propose(client, model, **changes):
    return client.post(f"{HERE}proposals", form(model, **changes))


def decide(client, verb, grounds=WHY):
    number = PolicyProposal.objects.latest("pk").pk
    return client.post(f"{HERE}proposals/{number}/{verb}", {"grounds": grounds})


def policy_of(model):
    return RegisteredModel.objects.get(pk=model.pk).policy


def test_a_policy_is_told_in_words(world, as_):
    told = text(as_("vera").get(HERE))
    for words in (
        "technical, privacy, security, approval",
        "p99 on any hardware",
        "at most 2 ms",
        "may run together",
    ):
        assert words in told, words
    assert "act by themselves" not in told
    assert "p99 on any hardware" in text(as_("vera").get("/models/digits/"))


def test_every_rule_stands_beside_the_name_that_it_has_in_a_document(world, as_):
    names = set(flat(parse(policy_of(world.model)))) - {"mode"}
    for page in (text(as_("vera").get(HERE)), text(as_("admin").get(HERE))):
        shown = set(re.findall(r'<code class="name">([^<]*)</code>', page))
        assert names <= shown
    propose(as_("admin"), world.model, slices="decide")
    table = text(as_("edda").get(HERE)).split("<tbody>")[1].split("</tbody>")[0]
    assert '<code class="name">slices</code>' in table
    assert "decides: the confidence gate fails" in table


def test_the_whole_change_in_two_browsers(world, as_):
    admin, edda = as_("admin"), as_("edda")

    asked = propose(admin, world.model, slots=["technical"], cache_mb="64", limit_0="1.5", batching=None)
    assert asked["Location"] == HERE
    shown = text(edda.get(HERE))
    for words in (
        "admin asked for this",
        WHY,
        "up to 64 MB in each worker",
        "technical, approval",
        "run one by one",
    ):
        assert words in shown, words
    table = shown.split("<tbody>")[1].split("</tbody>")[0]
    assert "Large weights" not in table, "only what differs"
    assert "at most 2 ms" in table
    assert "at most 1.5 ms" in table

    assert decide(edda, "confirm", "The figures of last night bear it out.")["Location"] == HERE
    after = policy_of(world.model)
    assert after["serving"] == {"batching": False, "cache_mb": 64, "log_share": 0.0, "prepack": True}
    assert after["benchmark"] == {"any": {"p99_ms": 1.5}}
    history = text(as_("vera").get(HERE)).split('id="history"')[1]
    assert "Changed, as admin proposed: Signatures: technical, privacy, security, approval → " in history
    assert "The figures of last night bear it out." in history
    assert "edda" in history


def test_every_field_reaches_the_policy(world, as_):
    changes = {"operators": "Loop, ai.onnx.ml:TreeEnsemble", "margin": "0.01", "proof_minutes": "480"}
    changes |= {"slices": "decide", "power": "off", "min_power": "0.9", "mode": "propose"}
    changes |= {"prepack": None, "log_share": "0.25", "limit_0": ""}
    changes |= {"profile_1": "x86_64-2", "measure_1": "peak_memory_bytes", "limit_1": "1e9"}
    changes |= {"profile_2": "any", "measure_2": "samples_per_second", "limit_2": "500"}
    changes |= {"metric_0_name": "stars", "metric_0_kind": "bounded", "metric_0_direction": "higher"}
    changes |= {"metric_0_low": "1", "metric_0_high": "5", "metric_0_default": "2.5"}
    changes |= {"metric_0_relative": "no", "metric_0_window_hours": "48", "metric_0_action": "tell"}
    changes |= {"metric_1_name": "errors", "metric_1_margin": "0.2", "metric_1_limit": "0.05"}
    changes |= {"metric_2_name": "", "metric_2_kind": "real"}
    changes |= {"list_0_name": "careful", "list_0_kind": "canary", "list_0_stages": STAGES}
    changes |= {"list_1_name": "", "list_1_kind": "canary", "list_1_stages": "- nothing"}
    propose(as_("admin"), world.model, **changes)

    assert open_policy_proposal(world.model).new_policy == {
        "slots": ["technical", "privacy", "security", "approval"],
        "operators": ["Loop", "ai.onnx.ml:TreeEnsemble"],
        "benchmark": {"x86_64-2": {"peak_memory_bytes": 1e9}, "any": {"samples_per_second": 500.0}},
        "margin": 0.01,
        "slices": "decide",
        "power": "off",
        "min_power": 0.9,
        "plus_addresses": "same",
        "unknown_builder": "show",
        "mode": "propose",
        "proof_minutes": 480,
        "serving": {"batching": True, "cache_mb": 0, "log_share": 0.25, "prepack": False},
        "metrics": {
            "stars": {
                "kind": "bounded",
                "direction": "higher",
                "relative": False,
                "action": "tell",
                "low": 1.0,
                "high": 5.0,
                "default": 2.5,
                "window_hours": 48.0,
            },
            "errors": {"margin": 0.2, "limit": 0.05},
        },
        "lists": {
            "careful": {
                "kind": "canary",
                "stages": [{"kind": "shadow", "min": "30m"}, {"kind": "split", "share": 0.5, "min": "1h"}],
            }
        },
    }
    assert "shadow, min 30m; split, share 0.5, min 1h" in text(as_("edda").get(HERE))
    assert "Stars: hours in which it may come" in text(as_("edda").get(HERE))
    assert "at least 500" in text(as_("edda").get(HERE))
    assert "at most 1000000000 bytes (953.7 MB)" in text(as_("edda").get(HERE)).replace("\xa0", " ")


def test_the_form_starts_as_the_policy_stands_and_changes_nothing_by_itself(world, as_):
    page = text(as_("admin").get(HERE))
    assert 'name="limit_0" value="2"' in page
    assert f'name="based_on" value="{policy_digest(world.model)}"' in page
    unchanged = propose(as_("admin"), world.model)
    assert unchanged.status_code == 422
    assert "change something" in text(unchanged)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"cache_mb": "lots"}, "id_cache_mb", "Write whole megabytes"),
        ({"cache_mb": "1.5"}, "id_cache_mb", "Write whole megabytes"),
        ({"log_share": "2"}, "id_log_share", "Write a share from 0 to 1."),
        ({"proof_minutes": "0"}, "id_proof_minutes", "Write whole minutes, 1 to 10080."),
        ({"proof_minutes": "1.5"}, "id_proof_minutes", "Write whole minutes, 1 to 10080."),
        ({"min_power": "1"}, "id_min_power", "Write a chance above 0.05 and at most 0.999"),
        ({"slices": "perhaps"}, "id_slices", "Select a valid choice"),
        ({"margin": "-1"}, "id_margin", "Write a number of at least 0."),
        ({"limit_0": "-3"}, "id_limit_0", "Write a number above 0."),
        ({"limit_0": "nan"}, "id_limit_0", "Write a number above 0."),
        ({"profile_0": ""}, "id_profile_0", "Name a hardware profile"),
        (
            {"profile_1": "any", "measure_1": "p99_ms", "limit_1": "3"},
            "id_limit_1",
            "There is a limit for this",
        ),
        ({"operators": "Loop" * 30}, "id_operators", "Write a list of operator names"),
        ({"metric_0_name": "bought"}, "id_metric_0_kind", "Write one of bad_event, bounded"),
        ({"metric_0_name": "Is bought"}, "id_metric_0_name", "Name a metric in small letters"),
        (
            {"metric_0_name": "errors", "metric_0_kind": "real"},
            "id_metric_0_kind",
            "its kind stands. There are margin, weight, action, limit.",
        ),
        (
            {"metric_0_name": "a", "metric_0_kind": "real", "metric_1_name": "a"},
            "id_metric_1_name",
            "There is a metric of this name above.",
        ),
        (
            {"metric_0_name": "a", "metric_0_kind": "bounded", "metric_0_low": "3"},
            "id_metric_0_high",
            "Write more than low.",
        ),
        (
            {"list_0_name": "a", "list_0_kind": "canary", "list_0_stages": "- {kind: split, share: 7}"},
            "id_list_0_stages",
            "write 0 to 1",
        ),
        (
            {"list_0_name": "a", "list_0_kind": "canary", "list_0_stages": "- {kind: split\n"},
            "id_list_0_stages",
            "cannot be read: this is not YAML",
        ),
        (
            {"list_0_name": "a", "list_0_kind": "canary", "list_0_stages": "kind: split"},
            "id_list_0_stages",
            "must be a list",
        ),
        (
            {"list_0_name": "A b", "list_0_kind": "canary", "list_0_stages": STAGES},
            "id_list_0_name",
            "Name a list in small letters",
        ),
        (
            {"list_0_name": "a", "list_0_kind": "canary", "list_0_stages": STAGES}
            | {"list_1_name": "a", "list_1_kind": "canary", "list_1_stages": STAGES},
            "id_list_1_name",
            "There is a list of this name above.",
        ),
        ({"grounds": "short"}, "id_grounds", "Say on what grounds"),
        ({"slots": ["marketing"]}, "id_slots", "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_what_was_written_stays(
    world, as_, changes, field, sentence
):
    answer = propose(as_("admin"), world.model, **{"operators": "Loop"} | changes)
    page = text(answer)
    assert answer.status_code == 422
    assert sentence in page.split(f'id="{field}_error">')[1].split("</p>")[0]
    assert "Loop" in page
    assert open_policy_proposal(world.model) is None


def test_who_may_not_is_told_who_may_and_finds_no_button(world, as_):
    assert "Not you: Proposing another policy needs the role admin." in text(as_("chloe").get(HERE))
    assert 'name="cache_mb"' not in text(as_("chloe").get(HERE))
    propose(as_("admin"), world.model, cache_mb="64")

    for name in ("vera", "chloe", "amina", "dara"):
        page = text(as_(name).get(HERE))
        assert "edda can confirm or reject it. Not you:" in page, name
        assert 'id="do-' not in page, name
    own = text(as_("admin").get(HERE))
    assert "Not you: You proposed this: it needs a second person." in own
    assert 'id="do-withdraw"' in own
    assert 'id="do-confirm"' not in own
    assert "the open one is decided first" in own
    edda = text(as_("edda").get(HERE))
    assert 'id="do-confirm"' in edda
    assert 'id="do-withdraw"' not in edda
    assert "Not you: Confirming" not in edda


def test_a_page_without_an_approver_says_so(world, as_):
    Person.objects.filter(username="edda").update(is_active=False)
    propose(as_("admin"), world.model, cache_mb="64")
    assert "Nobody else has the role approver" in text(as_("vera").get(HERE))


@pytest.mark.parametrize(("name", "verb"), [("chloe", "confirm"), ("admin", "confirm"), ("edda", "withdraw")])
def test_a_button_that_is_not_there_does_nothing(world, as_, name, verb):
    propose(as_("admin"), world.model, cache_mb="64")
    answer = decide(as_(name), verb)
    assert answer.status_code == 409
    assert "Not done." in text(answer)
    assert open_policy_proposal(world.model)


def test_a_form_from_a_policy_that_is_gone_is_refused_and_kept(world, as_):
    client, written = as_("admin"), form(world.model, cache_mb="64")
    other = makers.person("root", admin=True)
    facts = {"based_on": policy_digest(world.model), "grounds": WHY, "by": other}
    asked = propose_policy(world.model, policy={"margin": 0.5}, **facts)
    decide_policy(asked, "confirm", grounds=WHY, by=world.people["edda"])

    answer = client.post(f"{HERE}proposals", written)

    assert answer.status_code == 409
    assert "The policy has changed since you read it" in text(answer)
    assert 'name="cache_mb" value="64"' in text(answer)
    assert "Read the policy as it stands" in text(answer)


def test_too_few_words_come_back_in_their_dialog(world, as_):
    propose(as_("admin"), world.model, cache_mb="64")
    answer = decide(as_("edda"), "reject", "no way")
    assert answer.status_code == 422
    assert ">no way</textarea>" in text(answer)
    assert 'href="#do-reject"' in text(answer)


def test_an_old_log_in_types_the_password_again_and_loses_nothing(world, as_):
    admin, edda = as_("admin"), as_("edda")
    grow_old(admin)
    sent = propose(admin, world.model, cache_mb="64", slots=["technical", "security"])
    assert sent["Location"] == f"/reauthenticate?next={HERE}"
    assert open_policy_proposal(world.model) is None
    admin.post("/reauthenticate", {"password": PASSWORD, "next": HERE})
    page = text(admin.get(HERE))
    assert "What you wrote is kept" in page
    assert 'name="cache_mb" value="64"' in page
    assert WHY in page
    assert 'value="privacy" id="id_slots_1">' in page, "not ticked"

    propose(admin, world.model, cache_mb="64")
    grow_old(edda)
    assert decide(edda, "reject")["Location"].startswith("/reauthenticate")
    edda.post("/reauthenticate", {"password": PASSWORD, "next": HERE})
    assert f">{WHY}</textarea>" in text(edda.get(HERE))


def grow_old(client) -> None:
    session = client.session
    session["authenticated_at"] = time.time() - 100_000
    session.save()


def test_what_waits_for_an_approver_stands_in_their_list(world, as_):
    propose(as_("admin"), world.model, cache_mb="64")
    waiting = text(as_("edda").get("/releases/")).split("All releases")[0]
    assert "digits: its policy" in waiting
    assert "confirm or reject the change" in waiting
    for name in ("boris", "admin", "amina"):
        assert "its policy" not in text(as_(name).get("/releases/")), name
    assert "Decide on it" in text(as_("edda").get("/models/digits/"))
    assert "See it" in text(as_("vera").get("/models/digits/"))


def test_words_are_escaped_wherever_they_stand(world, as_):
    hostile = '"><script>alert(1)</script> and more'
    propose(as_("admin"), world.model, operators="<b>Loop</b>", grounds=hostile)
    page = as_("edda").get(HERE).content.decode()
    assert "<script>alert" not in page
    assert "<b>Loop" not in page


def test_a_token_of_an_admin_opens_no_page(world, client):
    _, secret = create_token("t", owner=world.people["dara"], by=world.people["dara"], scopes=["audit-read"])
    answer = client.get(HERE, headers={"Authorization": f"Bearer {secret}"})
    assert answer["Location"].startswith("/login")


def test_a_change_is_told_with_the_old_and_the_new_value():
    old = {"benchmark": {"any": {"p99_ms": 20, "size_bytes": 2048}}, "slots": ["approval"]}
    new = {"benchmark": {"any": {"p99_ms": 20}, "gpu-a": {"odd_thing": 3}}, "serving": {"log_share": 0.01}}
    told = {(d.label, d.old, d.new, d.kind) for d in policy_words.differences(old, new)}
    assert told == {
        ("Signatures", "approval", "technical, privacy, security, approval", "changed"),
        ("Size on any hardware", "at most 2048 bytes (2.0\xa0KB)", "no limit", "removed"),
        ("Odd thing on gpu-a", "no limit", "at most 3", "added"),
        ("Requests in the prediction log", "none", "1 %", "changed"),
    }


def test_two_policies_that_differ_never_look_alike():
    near = [
        {"benchmark": {"any": {"p99_ms": 20.0001, "size_bytes": 3e8}}, "serving": {"log_share": 0.12345}},
        {"benchmark": {"any": {"p99_ms": 20.0002, "size_bytes": 3e8 + 1}}, "serving": {"log_share": 0.12346}},
    ]
    told = policy_words.differences(*near)
    assert len(told) == 3
    assert all(each.old != each.new for each in told)


def test_every_rule_of_a_policy_has_words():
    assert set(policy_words.TOLD) == {
        name for name in policy_words.flat(policy_words.parse({})) if not name.startswith("benchmark.")
    }


def test_a_catalogue_is_shown_and_starts_the_form(world, as_):
    assert set(policy_words.METRIC_TOLD) == set(CataloguedMetric.__struct_fields__)
    metrics = {"bought": {"kind": "bad_event", "relative": True, "margin": 0.1}}
    facts = {"based_on": policy_digest(world.model), "grounds": WHY, "by": makers.person("root", admin=True)}
    careful = {"kind": "canary", "stages": [{"kind": "shadow"}, {"kind": "split", "share": 0.5, "min": "1h"}]}
    asked = propose_policy(world.model, policy={"metrics": metrics, "lists": {"careful": careful}}, **facts)
    decide_policy(asked, "confirm", grounds=WHY, by=world.people["edda"])
    page = text(as_("admin").get(HERE))
    assert "Bought: kind" in page
    assert 'name="metric_0_name" value="bought"' in page
    assert 'name="metric_0_margin" value="0.1"' in page
    assert '<option value="yes" selected>' in page
    assert 'name="metric_1_name"' in page, "room for another"
    assert 'name="metric_2_name"' not in page
    assert "List careful: stages" in page
    assert "Clients are answered by the live version alone. The new version is asked the same unseen" in page
    assert "50 % of the units are answered by the new version and 50 % by the live version." in page
    for line in ("- {kind: shadow}", "- {kind: split, share: 0.5, min: 1h}"):
        assert line in page, "as people write it"
    assert 'name="list_1_name"' in page, "room for another"


def test_the_log_page_finds_the_changes(world, as_):
    propose(as_("admin"), world.model, cache_mb="64")
    page = text(as_("dara").get("/audit/?model=digits&kind=policy.*"))
    assert "policy.proposed" in page
    assert Event.objects.get(kind="policy.proposed").facts["new"]["serving"]["cache_mb"] == 64
