"""What the shop said of each item of a request. Attempts of before, and of older workers, do not say."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integration", "0010_push_list")]

    operations = [
        migrations.AddField(
            model_name="pushattempt",
            name="verdicts",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="pushattempt",
            name="rejected",
            field=models.JSONField(null=True),
        ),
    ]
