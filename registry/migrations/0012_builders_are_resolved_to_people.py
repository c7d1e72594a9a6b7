"""Keep the keys by which accounts and the builders of versions are compared.

Why        `Name <mail>`, `mailto:`, a plus-part or full-width letters let a builder sign his own build.
Locks      none on tables that exist.
Safe with  the previous release running: it neither reads nor writes the tables, and its own comparison stays.
Backfill   accounts, and versions that name a builder, in batches; what is added meanwhile by the previous release
           keeps the comparison letter by letter.
Undo       drops both tables.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from registry.builders import keys, keys_of_person

BATCH = 1000


def backfill(apps, schema_editor):
    person_key = apps.get_model("registry", "PersonKey")
    for person in apps.get_model("registry", "Person").objects.iterator():
        known = keys_of_person(person.username, person.email)
        person_key.objects.bulk_create(person_key(person=person, key=key) for key in known)
    builder_key = apps.get_model("registry", "BuilderKey")
    versions = apps.get_model("registry", "ModelVersion").objects.exclude(built_by="")
    rows = []
    for version, words in versions.order_by("pk").values_list("pk", "built_by").iterator(BATCH):
        rows += [builder_key(version_id=version, key=key) for key in keys(words)]
        if len(rows) >= BATCH:
            builder_key.objects.bulk_create(rows)
            rows = []
    builder_key.objects.bulk_create(rows)


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0011_models_are_called_as_people_write'),
    ]

    operations = [
        migrations.CreateModel(
            name='BuilderKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=300)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='builder_keys', to='registry.modelversion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('version', 'key'), name='one_row_per_key_of_a_builder')],
            },
        ),
        migrations.CreateModel(
            name='PersonKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(db_index=True, max_length=300)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='keys', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('person', 'key'), name='one_row_per_key_of_a_person')],
            },
        ),
        migrations.RunPython(backfill, migrations.RunPython.noop),
    ]
