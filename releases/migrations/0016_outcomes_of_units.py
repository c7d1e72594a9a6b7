"""Keep what became of a rollout's units, and what that came to for each hour in which they were assigned.

Why        tests of what a business counts, and bandits, are judged by it: by request id as before, and by unit.
Locks      new tables; columns that may be NULL rewrite nothing; the indexes are made while writes go on.
Safe with  the previous release running: it leaves the columns empty, and what it took in of a rollout then counts
           for its model alone, for it knows no rollout that is judged by rewards.
Undo       drops the tables, columns and indexes.
"""

import django.db.models.deletion
from django.db import migrations, models

from registry.migrations._online import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('registry', '0016_jobs_that_wait'),
        ('releases', '0015_rollouts_by_stages'),
    ]

    operations = [
        migrations.CreateModel(
            name='CohortMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('metric', models.CharField(max_length=100)),
                ('hour', models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='CohortSum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('metric', models.CharField(max_length=100)),
                ('changed', models.BooleanField()),
                ('version', models.PositiveIntegerField()),
                ('units', models.PositiveBigIntegerField(default=0)),
                ('sums', models.JSONField(default=dict)),
                ('hour', models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='UnitOutcome',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('metric', models.CharField(max_length=100)),
                ('unit', models.BigIntegerField()),
                ('value', models.FloatField()),
                ('per', models.FloatField(null=True)),
                ('at', models.DateTimeField()),
                ('came_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='WeighedSum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('metric', models.CharField(max_length=100)),
                ('changed', models.BooleanField()),
                ('version', models.PositiveIntegerField()),
                ('units', models.PositiveBigIntegerField(default=0)),
                ('sums', models.JSONField(default=dict)),
                ('revision', models.PositiveIntegerField()),
                ('bets', models.JSONField(default=dict)),
            ],
        ),
        migrations.AddField(
            model_name='reward',
            name='came_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='reward',
            name='rollout',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rewards', to='releases.rollout'),
        ),
        AddIndexOnline(
            model_name='reward',
            index=models.Index(condition=models.Q(('reward__isnull', False), ('rollout__isnull', False)), fields=['rollout', 'unit'], name='rewards_of_a_rollout'),
        ),
        AddIndexOnline(
            model_name='unitfact',
            index=models.Index(fields=['rollout', 'kind', 'at'], name='facts_by_time'),
        ),
        migrations.AddField(
            model_name='cohortmark',
            name='rollout',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='releases.rollout'),
        ),
        migrations.AddField(
            model_name='cohortsum',
            name='rollout',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='releases.rollout'),
        ),
        migrations.AddField(
            model_name='unitoutcome',
            name='rollout',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='outcomes', to='releases.rollout'),
        ),
        migrations.AddField(
            model_name='weighedsum',
            name='rollout',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='releases.rollout'),
        ),
        migrations.AddConstraint(
            model_name='cohortmark',
            constraint=models.UniqueConstraint(fields=('rollout', 'metric'), name='one_mark_per_metric'),
        ),
        migrations.AddConstraint(
            model_name='cohortsum',
            constraint=models.UniqueConstraint(fields=('rollout', 'metric', 'changed', 'hour', 'version'), name='one_sum_per_cohort'),
        ),
        migrations.AddConstraint(
            model_name='unitoutcome',
            constraint=models.UniqueConstraint(fields=('rollout', 'metric', 'unit'), name='one_outcome_of_a_unit'),
        ),
        migrations.AddConstraint(
            model_name='weighedsum',
            constraint=models.UniqueConstraint(fields=('rollout', 'metric', 'changed', 'revision', 'version'), name='one_sum_per_weights'),
        ),
    ]
