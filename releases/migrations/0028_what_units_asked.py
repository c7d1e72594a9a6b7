"""Sum what becomes of units by what they asked, where a bandit looks at that.

Why        which version brings more may depend on the request: shares then follow what units of each context brought.
Locks      a column with a default in the database, and another unique constraint, which reads the table once: it has a
           row for each span of each version of a bandit.
Safe with  the previous release running: it leaves the column to its default, and no bandit of its looks at requests.
Undo       drops the column; what was summed of contexts has to be deleted before.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0027_weights_of_a_spell'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='cohortsum',
            name='one_sum_of_a_cohort',
        ),
        migrations.AddField(
            model_name='cohortsum',
            name='context',
            field=models.SmallIntegerField(db_default=-1, default=-1),
        ),
        migrations.AddConstraint(
            model_name='cohortsum',
            constraint=models.UniqueConstraint(fields=('rollout', 'metric', 'changed', 'even', 'hour', 'version', 'context'), name='one_sum_of_cohort_and_context'),
        ),
    ]
