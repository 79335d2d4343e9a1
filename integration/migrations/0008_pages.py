"""What the pages need: uploads, tokens of programs, the pause of everything, and when a change began to wait."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.apps import apps as installed
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

RIGHTS = {
    "Viewer": ["view_productupload", "view_pushpause"],
    "Operator": ["view_productupload", "view_pushpause", "add_productupload", "change_rejecteditem"],
    "Manager": [
        "view_productupload", "view_pushpause", "add_productupload", "change_rejecteditem",
        "add_pushpause", "change_pushpause", "view_apitoken", "add_apitoken", "change_apitoken",
    ],
}


def add_rights(apps, schema_editor):
    create_permissions(installed.get_app_config("integration"), verbosity=0, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects
    for name, codes in RIGHTS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(content_type__app_label="integration", codename__in=codes))


class Migration(migrations.Migration):

    dependencies = [
        ('integration', '0007_roles'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='outlet',
            name='api_key_ending',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=4),
        ),
        migrations.AddField(
            model_name='outlet',
            name='api_key_set_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='outlet',
            name='api_secret_ending',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=4),
        ),
        migrations.AddField(
            model_name='outlet',
            name='api_secret_set_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='outletproduct',
            name='waiting_since',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        migrations.AddField(
            model_name='pushattempt',
            name='request_excerpt',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.AddField(
            model_name='pushhistory',
            name='retry_count',
            field=models.PositiveIntegerField(db_default=0, default=0, help_text="requests beyond each chunk's first, once the push has ended"),
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('ending', models.CharField(editable=False, max_length=4)),
                ('created_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API token',
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='ProductUpload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file_name', models.CharField(max_length=200)),
                ('content', models.BinaryField()),
                ('byte_count', models.PositiveIntegerField(help_text='of the file as it was uploaded')),
                ('created_at', models.DateTimeField()),
                ('applied_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('checking', 'Checking'), ('checked', 'Checked'), ('queued', 'Queued'), ('applying', 'Applying'), ('done', 'Done'), ('failed', 'Failed'), ('discarded', 'Discarded')], default='waiting', max_length=10)),
                ('claim_token', models.UUIDField(null=True)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('attempt_count', models.PositiveSmallIntegerField(default=0)),
                ('row_count', models.PositiveIntegerField(default=0)),
                ('done_count', models.PositiveIntegerField(default=0, help_text='rows that are done with, in the step under way')),
                ('created_count', models.PositiveIntegerField(default=0)),
                ('changed_count', models.PositiveIntegerField(default=0)),
                ('unchanged_count', models.PositiveIntegerField(default=0)),
                ('bad_count', models.PositiveIntegerField(default=0)),
                ('duplicate_count', models.PositiveIntegerField(default=0)),
                ('findings', models.JSONField(default=dict)),
                ('before', models.BinaryField(null=True)),
                ('error', models.TextField(blank=True)),
                ('applied_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('outlet', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uploads', to='integration.outlet')),
                ('undoes', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='undone_by', to='integration.productupload')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('status__in', ['waiting', 'checking', 'queued', 'applying'])), fields=['status'], name='upload_open')],
            },
        ),
        migrations.CreateModel(
            name='PushPause',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('paused_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('paused_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-paused_at'],
                'constraints': [models.UniqueConstraint(models.Value(1), condition=models.Q(('ended_at__isnull', True)), name='pushpause_one_at_a_time')],
            },
        ),
        migrations.RunPython(add_rights, migrations.RunPython.noop),
    ]
