"""A job says in a column that it waits for what is not its own, not by how its error begins.

Why        the release page asked for a text that begins so, and a change of the words would have changed what it says.
Locks      ADD COLUMN with a default of the database takes an ACCESS EXCLUSIVE lock on registry_job for milliseconds;
           the few jobs that wait now are then marked.
Safe with  the previous release running: a job that it puts back meanwhile says its reason only when it is put back
           the next time.
Undo       drops the column.
"""

from django.db import migrations, models


def mark(apps, schema_editor):
    jobs = apps.get_model("registry", "Job").objects.filter(state="queued", error__startswith="Waits: ")
    jobs.update(waits=True)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [("registry", "0015_people_are_told")]

    operations = [
        migrations.AddField("job", "waits", models.BooleanField(default=False, db_default=False)),
        migrations.RunPython(mark, migrations.RunPython.noop),
    ]
