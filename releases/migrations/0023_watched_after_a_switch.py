"""Watch for a day what went to everybody at once.

Why        a version that goes out at once was never held against the time before; its rollout is over by then.
Locks      a column that may be NULL rewrites nothing; the index is of the rows that have it, which are none.
Safe with  the previous release running: what it brings to traffic is not watched, as before.
Undo       drops the index and the column.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0022_several_versions_on_trial"),
    ]

    operations = [
        migrations.AddField(
            model_name="rollout",
            name="watched_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="rollout",
            index=models.Index(
                fields=["environment"],
                condition=models.Q(watched_until__isnull=False),
                name="rollouts_that_are_watched",
            ),
        ),
    ]
