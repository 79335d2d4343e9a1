"""All pushes, newest first, without sorting them."""

from django.db import migrations, models

from integration.online_migrations import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("integration", "0009_product_upload_batches"),
    ]

    operations = [
        AddIndexOnline(
            model_name="pushhistory",
            index=models.Index(fields=["-push_timestamp", "-id"], name="push_time"),
        ),
    ]
