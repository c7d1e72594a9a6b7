"""Make room for changes of a model's policy: who asked for which, and who decided.

Why        a policy may be changed only by an admin and a second person.
Locks      a new table; its foreign keys, and the guard on models, take a SHARE ROW EXCLUSIVE lock on models,
           people and grounds for milliseconds.
Safe with  the previous release running: it knows no such table and never changes a policy, which is what
           the new guard on the models' table refuses without a confirmed proposal.
Undo       drops that guard and the table; policies stay as they are, their history stays in the log.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARD = 'a_policy_changes_by_two_people'


def drop_guard(apps, schema_editor):
    if schema_editor.connection.vendor == 'postgresql':
        schema_editor.execute(f'DROP TRIGGER IF EXISTS {GUARD} ON registry_registeredmodel')
        schema_editor.execute(f'DROP FUNCTION IF EXISTS {GUARD}()')
    else:
        schema_editor.execute(f'DROP TRIGGER IF EXISTS {GUARD}')


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0003_the_log_is_searched_in_its_order'),
    ]

    operations = [
        migrations.CreateModel(
            name='PolicyProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('old_policy', models.JSONField()),
                ('new_policy', models.JSONField()),
                ('proposed_at', models.DateTimeField(auto_now_add=True)),
                ('decision', models.CharField(blank=True, choices=[('confirmed', 'Confirmed'), ('rejected', 'Rejected'), ('withdrawn', 'Withdrawn')], default='', max_length=9)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('decision_grounds', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.grounds')),
                ('grounds', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.grounds')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='policy_proposals', to='registry.registeredmodel')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-pk'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('decision', '')), fields=('model',), name='one_open_policy_proposal'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('decision', ''), ('decision_grounds', None)), models.Q(models.Q(('decision', ''), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False), ('decision_grounds__isnull', False)), _connector='OR'), name='a_policy_decision_is_whole'), models.CheckConstraint(condition=models.Q(('decision__in', ['', 'withdrawn']), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='a_second_person_decides_on_a_policy'), models.CheckConstraint(condition=models.Q(models.Q(('decision', 'withdrawn'), _negated=True), ('decided_by', models.F('proposed_by')), _connector='OR'), name='only_the_proposer_withdraws_a_policy')],
            },
        ),
        migrations.RunPython(migrations.RunPython.noop, drop_guard),
    ]
