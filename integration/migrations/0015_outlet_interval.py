"""An outlet's own interval; what a token may do at most, and accounts that are a token's alone; tries to sign in."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0014_token_scope")]

    operations = [
        migrations.AddField(
            model_name="outlet",
            name="push_interval_minutes",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Minutes between two pushes of this outlet; empty: the schedule of all outlets.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(1440),
                ],
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="permissions",
            field=models.JSONField(help_text="the most that it may do; empty: whatever its person may", null=True),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="role",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="of the account that is this token's alone",
                max_length=150,
            ),
        ),
        migrations.CreateModel(
            name="SignInTries",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(help_text="of the name and the address", max_length=64, unique=True)),
                ("count", models.PositiveIntegerField(default=0)),
                ("since", models.DateTimeField(db_index=True)),
            ],
            options={"default_permissions": ()},
        ),
    ]
