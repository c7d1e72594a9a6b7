"""Keep with the counted traffic how often clients went beyond the limits of an input.

Why        it was counted in the metrics of nodes alone, where no reviewer looks.
Locks      none that is held: two columns with a default of the database.
Safe with  the previous release running, which does not read them and counts without them.
Undo       drops the columns.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0006_lists_by_more_than_state'),
    ]

    operations = [
        migrations.AddField(
            model_name='traffic',
            name='beyond',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='traffic',
            name='outside',
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
