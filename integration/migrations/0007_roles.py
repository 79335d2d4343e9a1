"""The groups Viewer, Operator and Manager. What an administrator changes of them later stays."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

MODELS = (
    "outlet",
    "outletproduct",
    "product",
    "pushhistory",
    "pushchunk",
    "pushattempt",
    "rejecteditem",
    "endpointhealth",
    "contractversion",
    "dailysum",
    "rescue",
)
VIEWER = [f"integration.view_{model}" for model in MODELS]
OPERATOR = [*VIEWER, "integration.push_outlet", "integration.change_outletproduct"]
SCHEDULE = [f"django_celery_beat.{action}_{model}" for action in ("view", "add", "change") for model in ("periodictask", "intervalschedule", "crontabschedule")]
MANAGER = [*OPERATOR, "integration.add_outlet", "integration.change_outlet", "integration.add_contractversion", *SCHEDULE]
ROLES = {"Viewer": VIEWER, "Operator": OPERATOR, "Manager": MANAGER}


def make_roles(apps, schema_editor):
    for label in ("integration", "django_celery_beat"):
        create_permissions(installed.get_app_config(label), verbosity=0, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects
    for name, codes in ROLES.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        for code in codes:
            label, codename = code.split(".")
            group.permissions.add(permissions.get(content_type__app_label=label, codename=codename))


class Migration(migrations.Migration):
    dependencies = [
        ("integration", "0006_contracts_and_tokens"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="outlet",
            options={
                "ordering": ["platform", "store_id"],
                "permissions": [("push_outlet", "Can start and cancel pushes")],
            },
        ),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    ]
