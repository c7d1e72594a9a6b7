"""Let what is on its way be listed with the oldest first, without reading what has ended long ago.

Why        releases on their way are the newest: in the order of their opening they come after all others.
Locks      none that readers or writers wait for on PostgreSQL: CONCURRENTLY. SQLite lets writers wait for a second.
Safe with  the previous release running.
Undo       drops the index; no data is touched.
"""

from django.db import migrations, models

from registry.migrations._online import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('releases', '0009_whose_answer_was_rewarded'),
    ]

    operations = [
        AddIndexOnline('release', models.Index(fields=['-id'], condition=models.Q(('state__in', ('draft', 'validating', 'in_review', 'approved', 'rolling_out'))), name='releases_on_their_way')),
    ]
