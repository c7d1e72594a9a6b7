"""Call people people in the reading room, and an API token by its name.

Why        it said users, and api tokens.
Locks      none: nothing in the database changes.
Safe with  the previous release running: only words of pages.
Undo       the words of before.
"""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0009_sessions_know_their_person'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='apitoken',
            options={'verbose_name': 'API token'},
        ),
        migrations.AlterModelOptions(
            name='person',
            options={'verbose_name': 'person', 'verbose_name_plural': 'people'},
        ),
    ]
