"""Sum what becomes of units for whom all arms of a bandit play alike, beside all the others.

Why        the shares of a bandit follow what it earns, so that plain means of all its units are wrong; those of the
           units that play evenly stay right.
Locks      a column with a default in the database, and another unique constraint: milliseconds, for nothing has
           written to the table yet.
Safe with  the previous release running: it leaves the column to its default, and no bandit runs under it.
Undo       drops the column.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('releases', '0020_shares_alone'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='cohortsum',
            name='one_sum_per_cohort',
        ),
        migrations.AddField(
            model_name='cohortsum',
            name='even',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name='cohortsum',
            constraint=models.UniqueConstraint(fields=('rollout', 'metric', 'changed', 'even', 'hour', 'version'), name='one_sum_of_a_cohort'),
        ),
    ]
