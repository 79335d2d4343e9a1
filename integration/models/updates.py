"""Who brought new prices and stock, and how."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from integration.models.access import ApiToken
from integration.models.outlets import Outlet
from integration.models.uploads import ProductUpload


class ProductUpdate(models.Model):
    """An update that has changed values of an outlet; written in the transactions that change them."""

    class Source(models.TextChoices):
        FILE = "file", "file"
        API = "api", "API"
        PAGE = "page", "page"
        COMMAND = "command", "command line"
        CODE = "code", "code on the server"

    outlet = models.ForeignKey(Outlet, models.CASCADE, related_name="updates", db_index=False)
    source = models.CharField(max_length=10, choices=Source)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    token = models.ForeignKey(ApiToken, models.SET_NULL, null=True, related_name="+")
    upload = models.ForeignKey(ProductUpload, models.SET_NULL, null=True, related_name="+")
    created_count = models.PositiveIntegerField(default=0)
    changed_count = models.PositiveIntegerField(default=0)
    sold_out_count = models.PositiveIntegerField(default=0, help_text="of the changed ones: what went out of stock")
    changes = models.JSONField(default=list, help_text="the first ones, as update_record.describe writes them")
    written_at = models.DateTimeField(db_default=Now(), help_text="its last batch")

    class Meta:
        ordering = ["-written_at", "-pk"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["outlet", "written_at"], name="productupdate_outlet"),
            models.Index(fields=["written_at"], name="productupdate_time"),
            models.Index(fields=["source", "written_at"], name="productupdate_source"),
        ]

    def __str__(self) -> str:
        return f"update {self.pk} of outlet {self.outlet_id}"
