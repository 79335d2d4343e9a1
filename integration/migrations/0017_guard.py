"""Pushes that are held: what was found, who let them go, and the outlets' own limits."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone


def end_held(apps, schema_editor):
    """Backward: the previous release knows no held pushes, and would never end them."""
    pushes = apps.get_model("integration", "PushHistory").objects.filter(status="held")
    chunks = apps.get_model("integration", "PushChunk").objects
    chunks.filter(status="held").update(status="failed")
    now = timezone.now()
    pushes.update(status="cancelled", is_cancelled=True, stopped_at=now, finished_at=now, error_details="the guard was removed")


class Migration(migrations.Migration):

    dependencies = [
        ('integration', '0016_quick_encoder'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OutletRevision',
            fields=[
                ('outlet', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='revision', serialize=False, to='integration.outlet')),
                ('number', models.PositiveBigIntegerField(default=0)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='outlet',
            name='guard_items_percent',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(100)]),
        ),
        migrations.AddField(
            model_name='outlet',
            name='guard_price_percent',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(10000)]),
        ),
        migrations.AddField(
            model_name='outlet',
            name='guard_stock_percent',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(100)]),
        ),
        migrations.AddField(
            model_name='pushhistory',
            name='agreed',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='pushhistory',
            name='findings',
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name='pushhistory',
            name='guard_revision',
            field=models.PositiveBigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='pushhistory',
            name='held_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='pushhistory',
            name='hold_told_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='pushhistory',
            name='let_go_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='pushhistory',
            name='released_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', db_index=False, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('trouble', 'trouble'), ('recovery', 'recovery'), ('held', 'push held'), ('let_go', 'no longer held'), ('pause', 'pause'), ('resume', 'resume')], max_length=10),
        ),
        migrations.AlterField(
            model_name='pushchunk',
            name='status',
            field=models.CharField(choices=[('waiting', 'Waiting'), ('sending', 'Sending'), ('done', 'Done'), ('failed', 'Failed'), ('split', 'Split'), ('held', 'Held')], default='waiting', max_length=10),
        ),
        migrations.AlterField(
            model_name='pushhistory',
            name='status',
            field=models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('held', 'Held'), ('success', 'Success'), ('partial', 'Partial'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10),
        ),
        migrations.AlterField(
            model_name='pushsum',
            name='status',
            field=models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('held', 'Held'), ('success', 'Success'), ('partial', 'Partial'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], max_length=10),
        ),
        migrations.RunPython(migrations.RunPython.noop, end_held),
    ]
