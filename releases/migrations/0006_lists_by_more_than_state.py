"""Let releases be listed by model, environment and person, in the order of the list.

Why        the list of releases is filtered by them, alone and beside a state; the newest release of a model
           is asked for each model of a list.
Locks      none that readers or writers wait for on PostgreSQL: CONCURRENTLY. SQLite lets writers wait for a second.
Safe with  the previous release running.
Undo       drops the indexes; no data is touched.
"""

from django.db import migrations, models

from registry.migrations._online import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('releases', '0005_progress_of_gates'),
    ]

    operations = [
        AddIndexOnline('release', models.Index(fields=['model', '-id'], name='releases_by_model')),
        AddIndexOnline('release', models.Index(fields=['environment', 'state', '-id'], name='releases_by_place')),
        AddIndexOnline('release', models.Index(fields=['opened_by', 'state', '-id'], name='releases_by_opener')),
    ]
