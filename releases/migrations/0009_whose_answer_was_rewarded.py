"""Keep with each reward whose answer it was, and one mark for each boot that ships feedback.

Why        what an arm earned in an environment, and by which unit, is what bandits and experiments ask; and
           each batch of feedback walked all batches of its boot.
Locks      columns that may be NULL rewrite nothing, the table of marks is new, and the index is made while
           writes go on.
Safe with  the previous release running: it leaves the columns empty, and they are filled from the stored ids
           once a minute; what it took in without a mark is known by its row and is not taken in again.
Undo       drops the columns and the marks; ids stay, and nodes know how far they were acknowledged.
"""

import django.db.models.deletion
from django.db import migrations, models

from registry.migrations._online import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('releases', '0008_rows_by_their_names'),
    ]

    operations = [
        migrations.CreateModel(
            name='FeedbackShipment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('node', models.CharField(max_length=120)),
                ('boot', models.CharField(max_length=64)),
                ('sequence', models.PositiveBigIntegerField()),
                ('at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'constraints': [
                    models.UniqueConstraint(fields=('node', 'boot'), name='one_feedback_mark_per_boot')
                ],
            },
        ),
        migrations.AddField(
            model_name='reward',
            name='environment',
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name='+',
                to='releases.environment',
            ),
        ),
        migrations.AddField(
            model_name='reward',
            name='arm',
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='reward',
            name='unit',
            field=models.BigIntegerField(null=True),
        ),
        AddIndexOnline(
            model_name='reward',
            index=models.Index(condition=models.Q(('unit', None)), fields=['id'], name='rewards_of_nobody_yet'),
        ),
    ]
