"""An outlet's own interval."""

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
    ]
