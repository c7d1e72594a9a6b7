"""Count wrong passwords where all web processes see it.

Why        each process counted for itself, and forgot it with a restart.
Locks      none on tables that exist.
Safe with  the previous release running: it neither reads nor writes the table.
Undo       drops the table; counts begin anew.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0005_jobs_take_turns'),
    ]

    operations = [
        migrations.CreateModel(
            name='Attempts',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('tries', models.PositiveIntegerField()),
                ('since', models.FloatField(db_index=True)),
            ],
            options={
                'verbose_name_plural': 'attempts',
            },
        ),
    ]
