"""Whom to tell of trouble, and what was told."""

import django.db.models.deletion
import integration.encryption
from django.apps import apps as installed
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models


LOOK = ["view_alerttarget", "view_alert", "view_alertdelivery", "view_outletalert"]
RIGHTS = {
    "Viewer": LOOK,
    "Operator": LOOK,
    "Manager": [*LOOK, "add_alerttarget", "change_alerttarget", "delete_alerttarget"],
}


def add_rights(apps, schema_editor):
    create_permissions(installed.get_app_config("integration"), verbosity=0, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects
    for name, codes in RIGHTS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(content_type__app_label="integration", codename__in=codes))


class Migration(migrations.Migration):

    dependencies = [
        ('integration', '0012_attempt_sums'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OutletAlert',
            fields=[
                ('outlet', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='alert', serialize=False, to='integration.outlet')),
                ('is_trouble', models.BooleanField(default=False, help_text='what was last told')),
                ('told_at', models.DateTimeField(null=True)),
                ('differs_since', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('trouble', 'trouble'), ('recovery', 'recovery'), ('pause', 'pause'), ('resume', 'resume')], max_length=10)),
                ('title', models.CharField(max_length=300)),
                ('body', models.TextField()),
                ('created_at', models.DateTimeField(db_index=True)),
                ('pause', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='integration.pushpause')),
            ],
            options={
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='AlertTarget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('url', integration.encryption.EncryptedTextField()),
                ('kind', models.CharField(editable=False, max_length=40)),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField()),
                ('last_sent_at', models.DateTimeField(editable=False, null=True)),
                ('last_error', models.CharField(blank=True, editable=False, max_length=500)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AlertDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('target_name', models.CharField(max_length=100)),
                ('status', models.CharField(choices=[('waiting', 'waiting'), ('sending', 'sending'), ('sent', 'sent'), ('failed', 'failed')], default='waiting', max_length=10)),
                ('attempt_count', models.PositiveIntegerField(default=0)),
                ('not_before', models.DateTimeField()),
                ('claim_token', models.UUIDField(null=True)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('sent_at', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=500)),
                ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='integration.alert')),
                ('target', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='integration.alerttarget')),
            ],
            options={
                'verbose_name_plural': 'alert deliveries',
                'ordering': ['pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(fields=('pause', 'kind'), name='alert_one_for_each_pause'),
        ),
        migrations.AddIndex(
            model_name='alertdelivery',
            index=models.Index(condition=models.Q(('status__in', ['waiting', 'sending'])), fields=['target', 'id'], name='alertdelivery_open'),
        ),
        migrations.AddConstraint(
            model_name='alertdelivery',
            constraint=models.UniqueConstraint(fields=('alert', 'target'), name='alertdelivery_once'),
        ),
        migrations.RunPython(add_rights, migrations.RunPython.noop),
    ]
