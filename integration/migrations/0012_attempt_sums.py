"""Sums for the metrics, which pruning leaves alone. Old workers go on meanwhile: what they write is counted too."""

from django.conf import settings
from django.db import migrations, models

from integration.online_migrations import AddIndexOnline, InOneTransaction


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('integration', '0011_attempt_rejected'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AddIndexOnline(
            model_name='pushattempt',
            index=models.Index(fields=['finished_at'], name='attempt_finished'),
        ),
        AddIndexOnline(
            model_name='pushhistory',
            index=models.Index(fields=['finished_at'], name='push_finished'),
        ),
        InOneTransaction([
            migrations.CreateModel(
                name='AttemptSum',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('outcome', models.CharField(max_length=20)),
                    ('error_kind', models.CharField(blank=True, max_length=30)),
                    ('longest_ms', models.PositiveIntegerField(help_text='they took no longer than this; 0: longer than all others')),
                    ('count', models.PositiveBigIntegerField(default=0)),
                    ('seconds', models.FloatField(default=0)),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='PushSum',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('status', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('success', 'Success'), ('partial', 'Partial'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], max_length=10)),
                    ('trigger', models.CharField(choices=[('schedule', 'Schedule'), ('product_update', 'Product Update'), ('manual', 'Manual'), ('confirm', 'Confirm'), ('recovery', 'Recovery')], max_length=20)),
                    ('count', models.PositiveBigIntegerField(default=0)),
                    ('rate_wait_count', models.PositiveBigIntegerField(default=0)),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='SumMark',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('summed_until', models.DateTimeField()),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.CreateModel(
                name='TaskRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('task', models.CharField(choices=[('schedule', 'Schedule'), ('sweep', 'Sweep'), ('prune', 'Prune')], max_length=10, unique=True)),
                    ('ran_at', models.DateTimeField()),
                ],
                options={
                    'default_permissions': (),
                },
            ),
            migrations.AddField(
                model_name='pushhistory',
                name='rate_wait_count',
                field=models.PositiveIntegerField(db_default=0, default=0, help_text="times that a request waited for the shop's rate limit"),
            ),
            migrations.AddConstraint(
                model_name='attemptsum',
                constraint=models.UniqueConstraint(fields=('outcome', 'error_kind', 'longest_ms'), name='attemptsum_unique'),
            ),
            migrations.AddConstraint(
                model_name='pushsum',
                constraint=models.UniqueConstraint(fields=('status', 'trigger'), name='pushsum_unique'),
            ),
        ]),
    ]
