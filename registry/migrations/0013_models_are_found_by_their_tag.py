"""Give every model room for the tag that stands for its name in request ids.

Why        feedback names its model by eight bytes, and each batch loaded all models to find it.
Locks      a column that may be NULL rewrites nothing; the index is made while writes go on.
Safe with  the previous release running: it leaves the column empty, and who asks for tags fills it.
Undo       drops tags; they are made again from names.
"""

from django.db import migrations, models

from registry.migrations._online import AddIndexOnline


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('registry', '0012_builders_are_resolved_to_people'),
    ]

    operations = [
        migrations.AddField(
            model_name='registeredmodel',
            name='tag',
            field=models.CharField(editable=False, max_length=16, null=True),
        ),
        AddIndexOnline(
            model_name='registeredmodel',
            index=models.Index(fields=['tag'], name='models_by_tag'),
        ),
    ]
