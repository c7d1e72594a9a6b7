"""Let the log be searched by one column in the log's own order, and tags by their value.

Why        pages show the newest matches first: an index of the column alone finds all matches, and all of them
           are then sorted. A search for a tag read every tag of every model.
Locks      none that readers or writers wait for on PostgreSQL: indexes are made and dropped CONCURRENTLY. SQLite
           lets readers go on and writers wait while an index is made: up to a minute for a million events.
Safe with  the previous release running: it is faster with the new indexes and needs none of the old ones.
Undo       makes the old ones again and drops the new ones; no data is touched.
"""

import registry.models.catalog
from django.db import migrations, models

from registry.migrations._online import AddIndexOnline

COLUMNS = ["kind", "subject", "model", "actor"]
CLASSES = ["varchar_pattern_ops", "int8_ops"]


def drop_indexes_of_one_column(apps, schema_editor):
    connection = schema_editor.connection
    online = " CONCURRENTLY" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "registry_event")
    for name, facts in found.items():
        if facts["index"] and not facts["unique"] and facts["columns"] in [[column] for column in COLUMNS]:
            schema_editor.execute(f"DROP INDEX{online} {connection.ops.quote_name(name)}")


def make_indexes_of_one_column(apps, schema_editor):
    online = " CONCURRENTLY" if schema_editor.connection.vendor == "postgresql" else ""
    for column in COLUMNS:
        schema_editor.execute(
            f'CREATE INDEX{online} registry_event_{column} ON registry_event ("{column}")'
        )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('registry', '0002_which_database_this_is'),
    ]

    operations = [
        *(
            AddIndexOnline(
                'event', models.Index(fields=[column, 'seq'], name=f'events_by_{column}', opclasses=CLASSES)
            )
            for column in COLUMNS
        ),
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(drop_indexes_of_one_column, make_indexes_of_one_column)],
            [
                migrations.AlterField('event', 'kind', models.CharField(max_length=48)),
                migrations.AlterField('event', 'subject', models.CharField(max_length=120)),
                migrations.AlterField('event', 'model', models.CharField(blank=True, max_length=63)),
                migrations.AlterField('event', 'actor', models.CharField(max_length=160)),
            ],
        ),
        AddIndexOnline(
            'tag',
            models.Index('model', 'key', registry.models.catalog.Beginning('value'), name='tags_by_value'),
        ),
    ]
