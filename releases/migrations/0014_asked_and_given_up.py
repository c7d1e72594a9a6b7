"""Who asked to retire, and what nodes gave up, stand in rows, not only in the log.

Why        each look at whose turn it is read every such event ever written, and each tick searched the facts of
           events for the name of a trip.
Locks      ADD COLUMN without a default takes an ACCESS EXCLUSIVE lock on releases_release for milliseconds, its
           foreign key a SHARE ROW EXCLUSIVE one on registry_person; the index is made CONCURRENTLY on PostgreSQL.
           The table of trips is new.
Safe with  the previous release running: where it is asked to retire meanwhile, one must ask once more; a trip that
           it tells is told again, and undone no second time.
Undo       drops column, index and table; the log has all of it.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from registry.migrations._online import AddIndexOnline


def number(event):
    return int(event.subject.partition("/")[2])


def fill(apps, schema_editor):
    events = apps.get_model("registry", "Event").objects.order_by("seq")
    people = apps.get_model("registry", "Person").objects
    releases = apps.get_model("releases", "Release").objects
    trips = apps.get_model("releases", "Trip").objects
    for event in events.filter(kind="retirement.asked").iterator():
        by = people.filter(username=event.actor.partition("/")[2]).first()
        if by is not None:
            releases.filter(pk=number(event)).update(retire_asked_by=by)
    for event in events.filter(kind="breaker.tripped").iterator():
        told = {"stays": bool(event.facts.get("stays")), "event": event}
        trips.update_or_create(release_id=number(event), name=event.facts["trip"], defaults=told)


def unguard(apps, schema_editor):
    """The trigger reads the column, which is about to go."""
    on = "" if schema_editor.connection.vendor == "sqlite" else " ON releases_release"
    schema_editor.execute(f"DROP TRIGGER IF EXISTS who_asked_to_retire_is_said_by_the_log{on}")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("registry", "0016_jobs_that_wait"),
        ("releases", "0013_rollouts_as_rows"),
    ]

    operations = [
        migrations.AddField(
            model_name="release",
            name="retire_asked_by",
            field=models.ForeignKey(
                default=None,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        AddIndexOnline(
            model_name="release",
            index=models.Index(
                fields=["state", "state_since"],
                condition=models.Q(retire_asked_by__isnull=False),
                name="releases_to_be_retired",
            ),
        ),
        migrations.CreateModel(
            name="Trip",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=500)),
                ("stays", models.BooleanField()),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.event"
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="trips", to="releases.release"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("release", "name"), name="one_event_per_trip")
                ],
            },
        ),
        migrations.RunPython(fill, unguard),
    ]
