"""Give each database a name of its own, so that nodes know its plans from another's.

Why        plans count from the log's head: a database made anew counts from the beginning, and nodes that
           had followed the old one ignored it for ever.
Locks      none on tables that exist.
Safe with  the previous release running: it neither reads nor writes the table.
Undo       drops the table; the next name is another one, and nodes follow it.
"""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Installation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=32)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
        ),
    ]
