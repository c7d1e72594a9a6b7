"""Let the jobs of different models take turns.

Why        jobs were taken in the order of their messages: one model's hundreds kept all others waiting.
Locks      none that is held: columns with a default of the database, indexes CONCURRENTLY on PostgreSQL. The drop of
           the old index waits for the running statements of one small table.
Safe with  the previous release running: its jobs have turn 0 and go first, and it reads neither column.
Undo       drops columns and indexes, makes the old index again; the order of turns is lost.
"""

from django.db import migrations, models

from registry.migrations._online import AddIndexOnline

OPEN = models.Q(finished_at=None)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('registry', '0004_policy_proposals'),
    ]

    operations = [
        migrations.AddField(
            'job', 'model', models.CharField(blank=True, max_length=200, db_default='')
        ),
        migrations.AddField('job', 'turn', models.BigIntegerField(default=0, db_default=0)),
        AddIndexOnline(
            'job', models.Index(fields=['queue', 'turn', 'id'], condition=OPEN, name='jobs_by_turn')
        ),
        AddIndexOnline(
            'job', models.Index(fields=['queue', 'model', 'turn'], condition=OPEN, name='turns_by_model')
        ),
        migrations.RemoveIndex('job', 'open_jobs'),
    ]
