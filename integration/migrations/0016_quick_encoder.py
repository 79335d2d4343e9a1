"""How an attempt's items are written as JSON, which the database does not know."""

from django.db import migrations, models

from integration.models.pushes import QuickEncoder


class Migration(migrations.Migration):
    dependencies = [("integration", "0015_outlet_interval")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField("pushattempt", "items", models.JSONField(encoder=QuickEncoder)),
            ]
        )
    ]
