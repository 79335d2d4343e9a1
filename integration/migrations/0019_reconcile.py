"""Comparisons of the shops with what they have acknowledged, each night."""

from zoneinfo import ZoneInfo

import django.db.models.deletion
from django.apps import apps as installed
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

LOOK = ["view_reconciliation", "view_difference"]
TASK = "tasks.reconcile.reconcile_all_outlets"


def add_rights(apps, schema_editor):
    create_permissions(installed.get_app_config("integration"), verbosity=0, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects
    for name in ("Viewer", "Operator", "Manager"):
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(content_type__app_label="integration", codename__in=LOOK))


def create_schedule(apps, schema_editor):
    """At half past two; made once, like the other schedules."""
    crontab_model = apps.get_model("django_celery_beat", "CrontabSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    when = {"minute": "30", "hour": "2", "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}
    when["timezone"] = ZoneInfo(settings.TIME_ZONE)
    crontab = crontab_model.objects.filter(**when).first() or crontab_model.objects.create(**when)
    defaults = {"task": TASK, "crontab": crontab}
    task_model.objects.get_or_create(name="Compare the shops with the dashboard", defaults=defaults)


class Migration(migrations.Migration):

    dependencies = [
        ('integration', '0018_guard_indexes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.AlterField(
            model_name='pushhistory',
            name='next_trigger',
            field=models.CharField(blank=True, choices=[('schedule', 'Schedule'), ('product_update', 'Product Update'), ('manual', 'Manual'), ('confirm', 'Confirm'), ('recovery', 'Recovery'), ('reconcile', 'Reconcile')], max_length=20),
        ),
        migrations.AlterField(
            model_name='pushhistory',
            name='trigger',
            field=models.CharField(choices=[('schedule', 'Schedule'), ('product_update', 'Product Update'), ('manual', 'Manual'), ('confirm', 'Confirm'), ('recovery', 'Recovery'), ('reconcile', 'Reconcile')], max_length=20),
        ),
        migrations.AlterField(
            model_name='pushsum',
            name='trigger',
            field=models.CharField(choices=[('schedule', 'Schedule'), ('product_update', 'Product Update'), ('manual', 'Manual'), ('confirm', 'Confirm'), ('recovery', 'Recovery'), ('reconcile', 'Reconcile')], max_length=20),
        ),
        migrations.CreateModel(
            name='Reconciliation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('trigger', models.CharField(choices=[('schedule', 'Schedule'), ('manual', 'Manual'), ('follow_up', 'Follow Up')], max_length=10)),
                ('sends', models.CharField(choices=[('nothing', 'Nothing'), ('usual', 'Usual'), ('all', 'All')], default='usual', max_length=10)),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('equal', 'Equal'), ('different', 'Different'), ('failed', 'Failed'), ('skipped', 'Skipped')], default='waiting', max_length=10)),
                ('created_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('rung_at', models.DateTimeField(null=True)),
                ('claim_token', models.UUIDField(null=True)),
                ('claimed_until', models.DateTimeField(null=True)),
                ('attempt_count', models.PositiveSmallIntegerField(default=0)),
                ('page_count', models.PositiveIntegerField(default=0, help_text='answers of the shop that were read')),
                ('read_count', models.PositiveIntegerField(default=0, help_text='items that these listed')),
                ('is_second_reading', models.BooleanField(default=False)),
                ('item_count', models.PositiveIntegerField(default=0, help_text='items of the outlet in the dashboard')),
                ('compared_count', models.PositiveIntegerField(default=0)),
                ('differing_count', models.PositiveIntegerField(default=0)),
                ('missing_count', models.PositiveIntegerField(default=0)),
                ('skipped_count', models.PositiveIntegerField(default=0)),
                ('unreadable_count', models.PositiveIntegerField(default=0, help_text="of the outlet's items")),
                ('malformed_count', models.PositiveIntegerField(default=0, help_text='of what the shop listed')),
                ('extra_count', models.PositiveIntegerField(default=0)),
                ('sent_count', models.PositiveIntegerField(default=0, help_text='items that are sent again')),
                ('is_held', models.BooleanField(default=False, help_text='so much differs that nothing was sent again')),
                ('error', models.TextField(blank=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('outlet', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reconciliations', to='integration.outlet')),
                ('push', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='integration.pushhistory')),
            ],
            options={
                'verbose_name': 'comparison',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Difference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('differs', 'Differs'), ('missing', 'Missing'), ('extra', 'Extra'), ('malformed', 'Malformed')], max_length=10)),
                ('sku', models.CharField(max_length=64)),
                ('shop_price', models.CharField(blank=True, max_length=40)),
                ('shop_stock_status', models.PositiveSmallIntegerField(null=True)),
                ('pushed_price', models.DecimalField(decimal_places=2, max_digits=10, null=True)),
                ('pushed_stock_status', models.PositiveSmallIntegerField(null=True)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('is_sent', models.BooleanField(default=False)),
                ('is_refused', models.BooleanField(default=False, help_text='the shop refuses it: it is not sent again')),
                ('reconciliation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='differences', to='integration.reconciliation')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.AddIndex(
            model_name='reconciliation',
            index=models.Index(fields=['outlet', '-created_at'], name='reconciliation_outlet_time'),
        ),
        migrations.AddIndex(
            model_name='reconciliation',
            index=models.Index(fields=['status', 'created_at'], name='reconciliation_status_time'),
        ),
        migrations.AddConstraint(
            model_name='reconciliation',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['waiting', 'running'])), fields=('outlet',), name='reconciliation_one_open'),
        ),
        migrations.RunPython(add_rights, migrations.RunPython.noop),
        migrations.RunPython(create_schedule, migrations.RunPython.noop),
    ]
