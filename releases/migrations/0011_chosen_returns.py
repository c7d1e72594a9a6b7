"""A rollout may be the way back from a live release to an earlier one that somebody chose.

Why        a roll-back to any version but the one that nodes keep loaded is prepared and verified first.
Locks      ADD COLUMN without a default takes an ACCESS EXCLUSIVE lock on releases_rollout for milliseconds; its
           foreign key a SHARE ROW EXCLUSIVE lock on releases_release while the (small) table is checked.
Safe with  the previous release running: it leaves the column empty, which is what its rollouts mean. It starts no
           such way back, and should not be left to carry one out: replace all of the control plane.
Undo       drops the column; what was live by it stays so.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("releases", "0010_open_releases_in_either_order")]
    operations = [
        migrations.AddField(
            model_name="rollout",
            name="returns_to",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="returns",
                to="releases.release",
            ),
        ),
    ]
