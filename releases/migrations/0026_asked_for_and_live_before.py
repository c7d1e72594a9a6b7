"""Which signatures a release asks for, and since when it was live, stand in columns.

Why        each look at whose turn it is searched the text of frozen policies, and each way back the log.
Locks      a column that may be NULL rewrites nothing: an ACCESS EXCLUSIVE lock on releases_release for
           milliseconds; the table of slots is new. Both are filled in batches, each a transaction of its own.
Safe with  the previous release running: what its proving workers conclude after this waits for signatures
           and is in nobody's list, though its page shows it; what its control takes offline or back after this
           was live "never here". Both are stopped before, as in every upgrade; its web may go on.
Undo       drops both; the policies and the log have all of it.
"""

import django.db.models.deletion
from django.db import migrations, models

BATCH = 500
WAS_LIVE = ("release.live", "release.restored")


def fill(apps, schema_editor):
    releases = apps.get_model("releases", "Release").objects
    signed_for = releases.filter(state="in_review", asked_slots=None)
    for batch in batches(signed_for.values_list("pk", "policy")):
        ask(apps.get_model("releases", "AskedSlot"), batch)
    over = releases.filter(state__in=("superseded", "rolled_back", "retired"), was_live_since=None)
    for batch in batches(over.values_list("pk")):
        date(apps.get_model("registry", "Event"), releases, [pk for (pk,) in batch])


def batches(rows):
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1][0]
        yield batch


def ask(slot_of, batch):
    asked = [(pk, slot) for pk, policy in batch for slot in policy.get("slots", ())]
    slot_of.objects.bulk_create([slot_of(release_id=pk, slot=slot) for pk, slot in asked])


def date(event, releases, keys):
    subjects = {f"release/{pk}": pk for pk in keys}
    told = event.objects.filter(subject__in=subjects, kind__in=WAS_LIVE).order_by("seq")
    since = {subjects[subject]: at for subject, at in told.values_list("subject", "at")}
    releases.bulk_update([releases.model(pk=pk, was_live_since=at) for pk, at in since.items()], ["was_live_since"])


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("registry", "0016_jobs_that_wait"),
        ("releases", "0025_labels"),
    ]

    operations = [
        migrations.AddField(
            model_name="release",
            name="was_live_since",
            field=models.DateTimeField(default=None, null=True),
        ),
        migrations.CreateModel(
            name="AskedSlot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slot", models.CharField(max_length=12)),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="asked_slots",
                        to="releases.release",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("release", "slot"), name="a_slot_is_asked_for_once")
                ],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
