"""A release knows in which rollouts of others it takes part.

Why        several versions may be on trial in one rollout, each a release of its own.
Locks      none: only the name by which Python goes from a release to its arms is new.
Safe with  the release before: the table stays as it is.
Undo       nothing to undo.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0021_even_units")]

    operations = [
        migrations.AlterField(
            model_name="arm",
            name="release",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="parts", to="releases.release"
            ),
        ),
    ]
