"""Let models be listed by the name that people read, in the order of the list.

Why        a list that is ordered by slugs looks disordered wherever a model is called otherwise.
Locks      none that readers or writers wait for on PostgreSQL: CONCURRENTLY. SQLite lets writers wait for
           milliseconds: there are few models.
Safe with  the previous release running: it orders by the slug, as before.
Undo       drops the index; no data is touched.
"""

import django.db.models
from django.db import migrations

import registry.models.catalog
from registry.migrations._online import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('registry', '0013_models_are_found_by_their_tag'),
    ]

    operations = [
        AddIndexOnline('registeredmodel', django.db.models.Index(registry.models.catalog.CalledAs(), 'id', name='models_as_called')),
    ]
