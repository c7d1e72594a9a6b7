"""Let a running gate say how far it is.

Why        a proof of hours looked like one that hangs.
Locks      none that is held: a column with a default of the database.
Safe with  the previous release running, which does not read it.
Undo       drops the column.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0004_who_waits_longest'),
    ]

    operations = [
        migrations.AddField(
            model_name='gaterun',
            name='progress',
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
