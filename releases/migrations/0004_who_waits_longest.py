"""Let the releases of a state be read in the order in which they wait.

Why        every page counts what waits for its reader, the longest waiting first.
Locks      none that readers or writers wait for on PostgreSQL: CONCURRENTLY. SQLite lets writers wait for a second.
Safe with  the previous release running.
Undo       drops the index; no data is touched.
"""

from django.db import migrations, models

from registry.migrations._online import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('releases', '0003_logged_answers'),
    ]

    operations = [
        AddIndexOnline('release', models.Index(fields=['state', 'state_since'], name='releases_by_wait')),
    ]
