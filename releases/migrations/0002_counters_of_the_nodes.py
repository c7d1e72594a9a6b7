"""Make room for what nodes count: requests, errors and latencies per version, arm and minute.

Why        figures per version and node outlive the nodes and are the same for every reader.
Locks      none on tables that exist: three new ones, with foreign keys to environments and models.
Safe with  the previous release running: it neither reads nor writes them.
Undo       drops the tables; what they hold cannot be had again.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0001_initial'),
        ('releases', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='CounterShipment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('node', models.CharField(max_length=120)),
                ('boot', models.CharField(max_length=64)),
                ('sequence', models.PositiveBigIntegerField()),
                ('at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('node', 'boot'), name='one_mark_per_boot')],
            },
        ),
        migrations.CreateModel(
            name='NodeTraffic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('span', models.PositiveIntegerField(default=60)),
                ('requests', models.PositiveBigIntegerField(default=0)),
                ('rows', models.PositiveBigIntegerField(default=0)),
                ('seconds', models.FloatField(default=0.0)),
                ('codes', models.JSONField(default=dict)),
                ('buckets', models.JSONField(default=list)),
                ('node', models.CharField(max_length=120)),
                ('environment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='releases.environment')),
            ],
            options={
                'indexes': [models.Index(fields=['span', 'at'], name='node_traffic_by_age')],
                'constraints': [models.UniqueConstraint(fields=('environment', 'node', 'span', 'at'), name='one_row_per_node')],
            },
        ),
        migrations.CreateModel(
            name='Traffic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('span', models.PositiveIntegerField(default=60)),
                ('requests', models.PositiveBigIntegerField(default=0)),
                ('rows', models.PositiveBigIntegerField(default=0)),
                ('seconds', models.FloatField(default=0.0)),
                ('codes', models.JSONField(default=dict)),
                ('buckets', models.JSONField(default=list)),
                ('version', models.PositiveIntegerField()),
                ('arm', models.CharField(max_length=40)),
                ('environment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='releases.environment')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='traffic', to='registry.registeredmodel')),
            ],
            options={
                'indexes': [models.Index(fields=['model', 'span', 'at'], name='traffic_by_model'), models.Index(fields=['span', 'at'], name='traffic_by_age')],
                'constraints': [models.UniqueConstraint(fields=('environment', 'model', 'version', 'arm', 'span', 'at'), name='one_row_per_traffic')],
            },
        ),
    ]
