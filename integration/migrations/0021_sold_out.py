"""Since when an item is out of stock in its shop: what was emptied a short while ago counts for the guard."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("integration", "0020_comparison_alerts"),
    ]

    operations = [
        migrations.AddField(
            model_name="outletproduct",
            name="sold_out_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
