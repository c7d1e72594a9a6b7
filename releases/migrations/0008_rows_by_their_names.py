"""Call more than one batch of feedback batches.

Why        the reading room said batchs.
Locks      none: nothing in the database changes.
Safe with  the previous release running: only words of pages.
Undo       the words of before.
"""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0007_what_lies_beyond_limits'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='feedbackbatch',
            options={'verbose_name_plural': 'feedback batches'},
        ),
    ]
