"""A trial serves named units: who they are, while they are needed, and their hashes.

Why        a version may be tried on those whom somebody names before anybody else meets it.
Locks      a new column with a default of the database: an ACCESS EXCLUSIVE lock for milliseconds; a new table.
Safe with  the previous release running: it opens no trial, and the column has its default.
Undo       drops both; whom running trials name is lost.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0023_watched_after_a_switch'),
    ]

    operations = [
        migrations.AddField(
            model_name='stage',
            name='named',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.CreateModel(
            name='NamedUnits',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveSmallIntegerField()),
                ('units', models.JSONField(default=list)),
                ('release', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='named_units', to='releases.release')),
            ],
            options={
                'verbose_name_plural': 'named units',
                'constraints': [models.UniqueConstraint(fields=('release', 'place'), name='one_list_per_trial')],
            },
        ),
    ]
