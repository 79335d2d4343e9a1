"""What is sold, at which price in which branch, and what its shop has acknowledged or refuses."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from integration.models.outlets import Outlet


class Product(models.Model):
    """One article of the chain."""

    sku = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=255, blank=True)
    barcode = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["sku"]
        constraints = [models.CheckConstraint(condition=~Q(sku=""), name="product_sku_not_empty")]

    def __str__(self) -> str:
        return self.sku


# The shop has never acknowledged the item, or has acknowledged other values than the dashboard's.
DIFFERS = (
    Q(pushed_price__isnull=True)
    | Q(pushed_stock_status__isnull=True)
    | ~Q(pushed_price=F("selling_price"))
    | ~Q(pushed_stock_status=F("stock_status"))
)
# What the partial index holds. A query uses it only if it says the same, word for word.
UNSETTLED = Q(differs=True) | Q(confirm_at__isnull=False)


class OutletProduct(models.Model):
    """One product in one outlet: what the dashboard says, and what the shop has acknowledged.

    `pushed_*` is written by an acknowledgement alone. `differs` is computed by the database, so that no
    writer can forget it; the partial index holds only what may have to be sent.
    """

    # Without an index of its own: the unique constraint's serves, and SQLite would prefer it to the partial one.
    outlet = models.ForeignKey(Outlet, models.CASCADE, related_name="products", db_index=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="outlets")
    selling_price = models.DecimalField(max_digits=10, decimal_places=2)
    stock_status = models.PositiveSmallIntegerField(default=0)
    pushed_price = models.DecimalField(max_digits=10, decimal_places=2, null=True, editable=False)
    pushed_stock_status = models.PositiveSmallIntegerField(null=True, editable=False)
    pushed_at = models.DateTimeField(null=True, editable=False)
    confirm_at = models.DateTimeField(null=True, editable=False)
    sold_out_at = models.DateTimeField(null=True, editable=False)  # since when the shop has it as out of stock
    # Since when the values are others than the shop's; it says nothing while they are the same.
    waiting_since = models.DateTimeField(db_default=Now(), editable=False)
    differs = models.GeneratedField(
        expression=models.Case(models.When(DIFFERS, then=models.Value(True)), default=models.Value(False)),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["outlet", "product"], name="outletproduct_unique"),
            models.CheckConstraint(condition=Q(selling_price__gt=0), name="outletproduct_price_above_zero"),
            models.CheckConstraint(condition=Q(stock_status__in=(0, 1)), name="outletproduct_stock_0_or_1"),
        ]
        indexes = [
            models.Index(fields=["outlet", "product"], condition=UNSETTLED, name="outletproduct_unsettled"),
            models.Index(
                fields=["outlet", "sold_out_at"], condition=Q(sold_out_at__isnull=False), name="outletproduct_sold_out"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_id} in {self.outlet_id}"


class RejectedItem(models.Model):
    """What the shop refuses at present, and why. Gone when the shop accepts the item."""

    outlet_product = models.OneToOneField(OutletProduct, models.CASCADE, related_name="rejection")
    reason = models.TextField()
    rejected_price = models.DecimalField(max_digits=10, decimal_places=2)
    rejected_stock_status = models.PositiveSmallIntegerField()
    first_rejected_at = models.DateTimeField()
    last_rejected_at = models.DateTimeField()
    rejection_count = models.PositiveIntegerField(default=1)
    identical_count = models.PositiveIntegerField(
        default=1, help_text="refusals in a row of the same values and reason"
    )
    quarantined_at = models.DateTimeField(
        null=True, help_text="not sent again until its values change or it is released"
    )

    class Meta:
        ordering = ["-last_rejected_at"]

    def __str__(self) -> str:
        return f"{self.outlet_product_id}: {self.reason[:60]}"
