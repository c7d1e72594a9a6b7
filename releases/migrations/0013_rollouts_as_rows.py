"""Keep of a rollout its stages, its arms and each switch between two routing entries as rows of their own.

Why        where a rollout was stood as keys in one column of JSON: nothing could be asked of it, and a rollout
           of several stages had no place there. Counters of a stage are kept by the revision that it served.
Locks      new tables; columns that may be NULL or have a default of the database, which rewrite nothing;
           their foreign keys a SHARE ROW EXCLUSIVE lock for milliseconds. `phase`, `phase_since` and
           `progress` stay where they are.
Safe with  the previous release running: it goes on with its own columns, which are still written. A rollout that
           either has begun the other takes up from its beginning, for every step may run twice; what only the
           previous release knows becomes rows within a minute. Its columns go with the next release.
Undo       drops the tables and columns; a rollout that is open then is begun anew by the previous release.
"""

import django.db.models.deletion
from django.db import migrations, models

def renamed(new: str, old: str, field: models.Field) -> list:
    """A column goes by another name here, and by its own in the database."""
    field.db_column = old
    return [
        migrations.AlterField(model_name='rollout', name=old, field=field),
        migrations.RenameField(model_name='rollout', old_name=old, new_name=new),
    ]


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0012_hours_and_days_as_they_pass'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                *renamed('before_phase', 'phase', models.CharField(default='preparing', max_length=12)),
                *renamed('before_since', 'phase_since', models.DateTimeField(auto_now_add=True)),
                *renamed('before_progress', 'progress', models.JSONField(default=dict)),
            ]
        ),
        migrations.AddField(
            model_name='rollout',
            name='salt',
            field=models.CharField(blank=True, db_default='', max_length=64),
        ),
        migrations.CreateModel(
            name='Stage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveSmallIntegerField()),
                ('kind', models.CharField(choices=[('trial', 'Trial'), ('shadow', 'Shadow'), ('split', 'Split'), ('bandit', 'Bandit')], max_length=8)),
                ('shares', models.JSONField(default=dict)),
                ('pair_share', models.FloatField(default=0.0)),
                ('min_dwell_s', models.PositiveIntegerField(default=0)),
                ('max_dwell_s', models.PositiveIntegerField(null=True)),
                ('begun_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('end', models.CharField(blank=True, choices=[('passed', 'Passed'), ('turned_back', 'Turned Back')], max_length=12)),
                ('rollout', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stages', to='releases.rollout')),
            ],
            options={
                'ordering': ['place'],
            },
        ),
        migrations.AddField(
            model_name='route',
            name='stage',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='routes', to='releases.stage'),
        ),
        migrations.CreateModel(
            name='StageTraffic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('requests', models.PositiveBigIntegerField(default=0)),
                ('rows', models.PositiveBigIntegerField(default=0)),
                ('seconds', models.FloatField(default=0.0)),
                ('codes', models.JSONField(default=dict)),
                ('buckets', models.JSONField(default=list)),
                ('revision', models.PositiveIntegerField()),
                ('version', models.PositiveIntegerField()),
                ('arm', models.CharField(max_length=40)),
                ('stage', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='traffic', to='releases.stage')),
            ],
        ),
        migrations.CreateModel(
            name='Switch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('aim', models.JSONField(default=dict)),
                ('phase', models.CharField(choices=[('preparing', 'Preparing'), ('committing', 'Committing'), ('verifying', 'Verifying'), ('opening', 'Opening'), ('reverting', 'Reverting'), ('done', 'Done')], default='preparing', max_length=12)),
                ('phase_since', models.DateTimeField(auto_now_add=True)),
                ('prepared', models.PositiveIntegerField(null=True)),
                ('committed', models.PositiveIntegerField(null=True)),
                ('opened', models.PositiveIntegerField(null=True)),
                ('reverted', models.PositiveIntegerField(null=True)),
                ('due', models.DateTimeField(null=True)),
                ('nodes', models.JSONField(default=dict)),
                ('verified_rows', models.PositiveIntegerField(null=True)),
                ('verified_in_s', models.FloatField(null=True)),
                ('turned_in', models.CharField(blank=True, choices=[('preparing', 'Preparing'), ('committing', 'Committing'), ('verifying', 'Verifying'), ('opening', 'Opening'), ('reverting', 'Reverting'), ('done', 'Done')], max_length=12)),
                ('reason', models.TextField(blank=True)),
                ('decided_by', models.CharField(max_length=200)),
                ('grounds', models.CharField(blank=True, max_length=64)),
                ('begun_at', models.DateTimeField(auto_now_add=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('before', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='releases.route')),
                ('rollout', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='switches', to='releases.rollout')),
                ('stage', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='switches', to='releases.stage')),
            ],
            options={
                'verbose_name_plural': 'switches',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Arm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('champion', 'Champion'), ('challenger', 'Challenger')], max_length=10)),
                ('joined_at', models.DateTimeField(auto_now_add=True)),
                ('left_at', models.DateTimeField(null=True)),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='releases.release')),
                ('rollout', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='arms', to='releases.rollout')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('rollout', 'release'), name='one_arm_per_release')],
            },
        ),
        migrations.AddConstraint(
            model_name='stage',
            constraint=models.UniqueConstraint(fields=('rollout', 'place'), name='one_stage_per_place'),
        ),
        migrations.AddConstraint(
            model_name='stage',
            constraint=models.CheckConstraint(condition=models.Q(('pair_share__gte', 0.0), ('pair_share__lte', 1.0)), name='pair_share_is_a_share'),
        ),
        migrations.AddConstraint(
            model_name='stagetraffic',
            constraint=models.UniqueConstraint(fields=('stage', 'revision', 'version', 'arm'), name='one_row_per_stage_and_arm'),
        ),
        migrations.AddIndex(
            model_name='switch',
            index=models.Index(condition=models.Q(('ended_at', None)), fields=['due'], name='switches_that_wait'),
        ),
        migrations.AddConstraint(
            model_name='switch',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('rollout',), name='one_open_switch'),
        ),
        migrations.AddConstraint(
            model_name='switch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('phase', 'done')), models.Q(models.Q(('phase', 'done'), _negated=True), ('ended_at', None)), _connector='OR'), name='what_is_done_has_ended'),
        ),
    ]
