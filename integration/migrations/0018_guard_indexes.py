"""A held push is an open one: of these an outlet has one."""

from django.db import migrations, models

from integration.online_migrations import AddIndexOnline, AddUniqueOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("integration", "0017_guard"),
    ]

    operations = [
        AddIndexOnline(
            model_name="pushhistory",
            index=models.Index(condition=models.Q(("hold_told_at__isnull", False)), fields=["hold_told_at"], name="push_hold_told"),
        ),
        AddUniqueOnline(
            model_name="pushhistory",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["queued", "running", "held"])), fields=("outlet",), name="push_one_open"
            ),
        ),
        # After its successor, so that there is always one of them.
        migrations.RemoveConstraint(model_name="pushhistory", name="push_one_open_per_outlet"),
    ]
