"""Note of a route when nothing but weights has changed, and since when.

Why        new weights go out as a small document of their own; which routes they were has to be asked for.
Locks      a column that may be NULL: nothing is rewritten.
Safe with  the previous release running: its routes have none, and go out as whole plans.
Undo       drops the column.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0019_freezes'),
    ]

    operations = [
        migrations.AddField(
            model_name='route',
            name='changes',
            field=models.PositiveIntegerField(null=True),
        ),
    ]
