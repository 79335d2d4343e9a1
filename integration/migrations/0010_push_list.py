"""All pushes, newest first, without sorting them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("integration", "0009_product_upload_batches"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="pushhistory",
            index=models.Index(fields=["-push_timestamp", "-id"], name="push_time"),
        ),
    ]
