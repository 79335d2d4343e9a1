"""Prune the history once a day; made once, like the other schedules."""

from django.db import migrations


def create_schedule(apps, schema_editor):
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    interval = interval_model.objects.filter(every=1, period="days").first()
    interval = interval or interval_model.objects.create(every=1, period="days")
    defaults = {"task": "tasks.maintenance.prune", "interval": interval}
    task_model.objects.get_or_create(name="Prune the history", defaults=defaults)


class Migration(migrations.Migration):
    dependencies = [("integration", "0003_delivery")]
    operations = [migrations.RunPython(create_schedule, migrations.RunPython.noop)]
