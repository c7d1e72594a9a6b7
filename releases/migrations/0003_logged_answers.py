"""Make room for the prediction log: which archives of logged answers lie in the artifact store.

Why        answers that nodes keep are found again, and deleted when their time is over.
Locks      none on tables that exist: a new one, with foreign keys to environments and models.
Safe with  the previous release running: it neither reads nor writes it.
Undo       drops the table; the archives stay in the store, and nothing names them.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0001_initial'),
        ('releases', '0002_counters_of_the_nodes'),
    ]

    operations = [
        migrations.CreateModel(
            name='PredictionSegment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField()),
                ('node', models.CharField(max_length=120)),
                ('from_at', models.DateTimeField()),
                ('to_at', models.DateTimeField()),
                ('requests', models.PositiveIntegerField()),
                ('rows', models.PositiveBigIntegerField()),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('size', models.PositiveBigIntegerField()),
                ('environment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='releases.environment')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='prediction_segments', to='registry.registeredmodel')),
            ],
            options={
                'indexes': [models.Index(fields=['model', 'version', 'to_at'], name='predictions_by_version'), models.Index(fields=['to_at'], name='predictions_by_age')],
            },
        ),
    ]
