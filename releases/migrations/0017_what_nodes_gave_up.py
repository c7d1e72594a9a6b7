"""Keep when a node last gave up facts about units: what it counted around then is unknown.

Why        how many were given up was kept and read by nobody; a version must not go on by what was lost.
Locks      a column that may be NULL rewrites nothing.
Safe with  the previous release running: it leaves the column empty.
Undo       drops the column.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("releases", "0016_outcomes_of_units"),
    ]

    operations = [
        migrations.AddField(
            model_name="nodereport",
            name="lost_at",
            field=models.DateTimeField(null=True),
        ),
    ]
