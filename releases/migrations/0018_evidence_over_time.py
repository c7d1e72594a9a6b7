"""Keep what looks at a rollout found over time: its evidence, the shares of its versions, its effects.

Why        what a rollout stands by now says nothing of how it came there, and nobody can look back.
Locks      a new table; its foreign key a SHARE ROW EXCLUSIVE lock for milliseconds.
Safe with  the previous release running: it writes no points, and of that time a curve has none.
Undo       drops the table.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0017_what_nodes_gave_up'),
    ]

    operations = [
        migrations.CreateModel(
            name='EvidencePoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('stage', models.PositiveSmallIntegerField()),
                ('evidence', models.JSONField(default=dict)),
                ('shares', models.JSONField(default=dict)),
                ('effects', models.JSONField(default=dict)),
                ('decided', models.BooleanField(default=False)),
                ('rollout', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='points', to='releases.rollout')),
            ],
            options={
                'ordering': ['at', 'pk'],
                'indexes': [models.Index(fields=['rollout', 'at'], name='points_by_time')],
            },
        ),
    ]
