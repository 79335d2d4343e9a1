"""The schedule, made once: what an administrator changes afterwards stays."""

from django.db import migrations


def create_schedule(apps, schema_editor):
    interval_model = apps.get_model("django_celery_beat", "IntervalSchedule")
    task_model = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, task, minutes in (
        ("Partial push of all outlets", "tasks.push.push_all_outlets", 30),
        ("Sweep", "tasks.maintenance.sweep", 1),
    ):
        interval = interval_model.objects.filter(every=minutes, period="minutes").first()
        interval = interval or interval_model.objects.create(every=minutes, period="minutes")
        task_model.objects.get_or_create(name=name, defaults={"task": task, "interval": interval})


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(create_schedule, migrations.RunPython.noop)]
