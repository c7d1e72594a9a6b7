"""Give every model room for a name as people write it, beside the slug that it has.

Why        a name of small ASCII letters is an address, and no name to most of those who read it.
Locks      columns that may be NULL rewrite nothing, and the index begins empty: milliseconds on both databases.
           A default or UNIQUE in the column would make SQLite rebuild the table, which triggers name.
Safe with  the previous release running: it leaves both columns empty, and such a model is called by its slug,
           as before.
Undo       drops the names; slugs, and with them all addresses, stay.
"""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0010_rows_by_their_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='registeredmodel',
            name='title',
            field=models.CharField(blank=True, max_length=200, null=True),
        ),
        migrations.AddField(
            model_name='registeredmodel',
            name='title_key',
            field=models.CharField(editable=False, max_length=400, null=True),
        ),
        migrations.AddConstraint(
            model_name='registeredmodel',
            constraint=models.UniqueConstraint(condition=models.Q(('title_key', None), _negated=True), fields=('title_key',), name='one_model_per_title'),
        ),
        migrations.AlterField(
            model_name='registeredmodel',
            name='name',
            field=models.CharField(max_length=63, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9._-]{0,62}\\Z', 'Write at most 63 small letters, digits, dots, hyphens and underscores, the first a letter or digit.')]),
        ),
    ]
