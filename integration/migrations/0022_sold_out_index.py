"""Finds what went out of stock in the last hour without reading an outlet."""

from django.db import migrations, models

from integration.online_migrations import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("integration", "0021_sold_out"),
    ]

    operations = [
        AddIndexOnline(
            model_name="outletproduct",
            index=models.Index(
                condition=models.Q(("sold_out_at__isnull", False)),
                fields=["outlet", "sold_out_at"],
                name="outletproduct_sold_out",
            ),
        ),
    ]
