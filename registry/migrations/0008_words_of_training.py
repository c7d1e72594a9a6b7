"""Keep the words of training by which models are found, and gather those of the versions that are there.

Why        nobody can look for an algorithm or a hyperparameter in a million manifests while a reader waits.
Locks      none: a new table, filled with rows of its own.
Safe with  the previous release running: a version that it takes meanwhile is found by the words of training
           only once a later version of its model says them.
Undo       drops the table; the manifests hold the truth.
"""

import django.db.models.deletion
from django.db import migrations, models

BATCH, TERM_CHARACTERS = 2000, 100


def gather(apps, schema_editor):
    version, term = (apps.get_model('registry', name) for name in ('ModelVersion', 'Term'))
    found = {}
    rows = version.objects.order_by('model', 'number').values_list('model', 'number', 'manifest__training')
    for model, number, training in rows.iterator(chunk_size=BATCH):
        for kind, text in told(training or {}):
            found[model, kind, text.casefold()[:TERM_CHARACTERS]] = text, number
        if len(found) >= BATCH:
            store(term, found)
            found = {}
    store(term, found)


def told(training):
    for kind in ('algorithm', 'library'):
        if text := str(training.get(kind) or '')[:TERM_CHARACTERS]:
            yield kind, text
    for name, value in (training.get('hyperparameters') or {}).items():
        yield 'hyperparameter', f'{name}={value}'[:TERM_CHARACTERS]


def store(term, found):
    term.objects.bulk_create(
        [
            term(model_id=model, kind=kind, key=key, text=text, newest=number)
            for (model, kind, key), (text, number) in found.items()
        ],
        update_conflicts=True,
        unique_fields=['model', 'kind', 'key'],
        update_fields=['text', 'newest'],
    )


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0007_invitations'),
    ]

    operations = [
        migrations.CreateModel(
            name='Term',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('algorithm', 'Algorithm'), ('library', 'Library'), ('hyperparameter', 'Hyperparameter')], max_length=16)),
                ('key', models.CharField(max_length=100)),
                ('text', models.CharField(max_length=100)),
                ('newest', models.PositiveIntegerField()),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='registry.registeredmodel')),
            ],
            options={
                'indexes': [models.Index(fields=['kind', 'key'], name='terms_by_beginning', opclasses=['varchar_pattern_ops', 'varchar_pattern_ops'])],
                'constraints': [models.UniqueConstraint(fields=('model', 'kind', 'key'), name='one_term_per_model')],
            },
        ),
        migrations.RunPython(gather, migrations.RunPython.noop),
    ]
