"""Keep what people are told, what of it they want to be mailed, and the mails until they are sent.

Why        whom something waited for learnt of it only by looking.
Locks      none on tables that exist.
Safe with  the previous release running: it neither reads nor writes the tables, and tells nobody.
Undo       drops the tables; mails that were not sent yet never are.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0014_models_in_the_order_people_read'),
    ]

    operations = [
        migrations.CreateModel(
            name='Wishes',
            fields=[
                ('person', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='wishes', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('waits', models.BooleanField(default=True)),
                ('ended', models.BooleanField(default=True)),
                ('returned', models.BooleanField(default=True)),
            ],
            options={
                'verbose_name_plural': 'wishes',
            },
        ),
        migrations.CreateModel(
            name='Mail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_id', models.CharField(max_length=200, unique=True)),
                ('made_at', models.DateTimeField()),
                ('not_before', models.DateTimeField()),
                ('tries', models.PositiveIntegerField(default=0)),
                ('trouble', models.CharField(blank=True, max_length=200)),
                ('closed_at', models.DateTimeField(null=True)),
                ('sent', models.BooleanField(default=False)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mails', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('why', models.CharField(choices=[('returned', 'Returned'), ('ended', 'Ended'), ('waits', 'Waits')], max_length=8)),
                ('made_at', models.DateTimeField()),
                ('due', models.BooleanField(default=False)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.event')),
                ('mail', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='registry.mail')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(condition=models.Q(('closed_at', None)), fields=['not_before'], name='mails_that_are_due'),
        ),
        migrations.AddIndex(
            model_name='mail',
            index=models.Index(fields=['person', 'made_at'], name='mails_by_person'),
        ),
        migrations.AddConstraint(
            model_name='mail',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('person',), name='one_open_mail_per_person'),
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(condition=models.Q(('due', True)), fields=['person', 'made_at'], name='notices_to_mail'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.UniqueConstraint(fields=('person', 'event', 'why'), name='one_notice_per_event'),
        ),
    ]
