"""Keep what a rollout that goes by stages was designed as, where it stands, and what is known of its units.

Why        until now a rollout was over within seconds, and was judged by nothing. What decides it now is counted
           unit by unit, each once, however often nodes tell of it.
Locks      new tables; columns that may be NULL or have a default of the database, which rewrite nothing; their
           foreign keys a SHARE ROW EXCLUSIVE lock for milliseconds.
Safe with  the previous release running: it makes rollouts of one stage alone, whose switches conclude them. One by
           stages it does not know how to go on with, and leaves as it stands until the new code runs everywhere.
Undo       drops the tables and columns; a rollout by stages that is open then has to be rolled back first.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0016_jobs_that_wait'),
        ('releases', '0014_asked_and_given_up'),
    ]

    operations = [
        migrations.AddField(
            model_name='rollout',
            name='design',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='rollout',
            name='looked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='rollout',
            name='looks',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='rollout',
            name='origin',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='releases.route'),
        ),
        migrations.AddField(
            model_name='rollout',
            name='paused_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='rollout',
            name='paused_by',
            field=models.CharField(blank=True, db_default='', max_length=200),
        ),
        migrations.AddField(
            model_name='rollout',
            name='sample',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='rollout',
            name='standing',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='switch',
            name='concludes',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('verdict', models.CharField(max_length=12)),
                ('arm', models.CharField(blank=True, max_length=20)),
                ('reason', models.TextField()),
                ('decided_by', models.CharField(max_length=200)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.event')),
                ('rollout', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='releases.rollout')),
            ],
            options={
                'ordering': ['number'],
                'constraints': [models.UniqueConstraint(fields=('rollout', 'number'), name='one_decision_per_number')],
            },
        ),
        migrations.CreateModel(
            name='NodeReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('node', models.CharField(max_length=120)),
                ('until', models.DateTimeField()),
                ('lost', models.PositiveBigIntegerField(default=0)),
                ('rollout', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='releases.rollout')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('rollout', 'node'), name='one_report_per_node')],
            },
        ),
        migrations.CreateModel(
            name='Proposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(max_length=12)),
                ('arm', models.CharField(blank=True, max_length=20)),
                ('reason', models.TextField()),
                ('evidence', models.JSONField(default=list)),
                ('outcome', models.CharField(choices=[('open', 'Open'), ('accepted', 'Accepted'), ('dismissed', 'Dismissed'), ('lapsed', 'Lapsed')], default='open', max_length=10)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('closed_at', models.DateTimeField(null=True)),
                ('event', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.event')),
                ('rollout', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='proposals', to='releases.rollout')),
                ('stage', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='releases.stage')),
            ],
            options={
                'ordering': ['-pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('outcome', 'open')), fields=('rollout',), name='one_open_proposal')],
            },
        ),
        migrations.CreateModel(
            name='UnitCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision', models.PositiveIntegerField()),
                ('version', models.PositiveIntegerField()),
                ('kind', models.CharField(max_length=24)),
                ('about', models.PositiveIntegerField(default=0)),
                ('value', models.SmallIntegerField(default=0)),
                ('node', models.CharField(max_length=120)),
                ('units', models.PositiveBigIntegerField(default=0)),
                ('stage', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='unit_counts', to='releases.stage')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('stage', 'revision', 'version', 'kind', 'about', 'value', 'node'), name='one_count_of_units')],
            },
        ),
        migrations.CreateModel(
            name='UnitFact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=24)),
                ('about', models.PositiveIntegerField(default=0)),
                ('unit', models.BigIntegerField()),
                ('revision', models.PositiveIntegerField()),
                ('version', models.PositiveIntegerField()),
                ('value', models.SmallIntegerField(default=0)),
                ('node', models.CharField(max_length=120)),
                ('at', models.DateTimeField()),
                ('rollout', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='facts', to='releases.rollout')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('rollout', 'kind', 'about', 'unit'), name='one_fact_of_a_unit')],
            },
        ),
    ]
