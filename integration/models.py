"""The nouns: outlets, their products, what was pushed and what came of it."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from integration.encryption import EncryptedTextField


class Outlet(models.Model):
    """A branch on one platform, with its own endpoint, credentials and store id."""

    platform = models.CharField(max_length=40, default="pasons")
    store_id = models.CharField(max_length=64, help_text="The shop's id of this branch: text, so 007 stays 007.")
    name = models.CharField(max_length=200)
    location = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    api_endpoint = models.URLField(max_length=500, blank=True)
    api_key = EncryptedTextField(blank=True)
    api_secret = EncryptedTextField(blank=True)
    push_enabled = models.BooleanField(default=False)
    push_after_update = models.BooleanField(default=False)
    allow_private_address = models.BooleanField(
        default=False, help_text="The endpoint may lie in a private network or on this machine."
    )

    class Meta:
        ordering = ["platform", "store_id"]
        constraints = [
            models.UniqueConstraint(fields=["platform", "store_id"], name="outlet_unique_store_id"),
            models.CheckConstraint(condition=~Q(store_id=""), name="outlet_store_id_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.platform} {self.store_id})"


class EndpointHealth(models.Model):
    """The breaker of an outlet's endpoint, and why it is as it is.

    closed (`open_until` is empty) -> open until then -> half-open: one probe, which closes it or opens it again
    """

    outlet = models.OneToOneField(Outlet, models.CASCADE, related_name="health", primary_key=True)
    failure_count = models.PositiveIntegerField(default=0, help_text="failures since the last success")
    open_count = models.PositiveIntegerField(default=0, help_text="times it has opened since the last success")
    open_until = models.DateTimeField(null=True)
    probe_until = models.DateTimeField(null=True)
    hold_until = models.DateTimeField(null=True, help_text="the shop has asked to be left alone until then")
    full_push_wanted = models.BooleanField(
        default=False, help_text="somebody asked for everything when the breaker opened"
    )
    reason = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "endpoint health"

    def __str__(self) -> str:
        return f"endpoint of outlet {self.outlet_id}: {self.reason or 'no failure'}"


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
        indexes = [models.Index(fields=["outlet", "product"], condition=UNSETTLED, name="outletproduct_unsettled")]

    def __str__(self) -> str:
        return f"{self.product_id} in {self.outlet_id}"

    @property
    def enabled(self) -> int:
        """The name that some shops use for `stock_status`."""
        return self.stock_status


class PushHistory(models.Model):
    """One push of one outlet.

    queued -> running -> success | partial | failed | cancelled

    A push that was stopped (`stopped_at`) sends nothing more; what is under way still ends for itself.
    """

    class PushType(models.TextChoices):
        FULL = "full"
        PARTIAL = "partial"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCESS = "success"
        PARTIAL = "partial"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        PRODUCT_UPDATE = "product_update"
        MANUAL = "manual"
        CONFIRM = "confirm"
        RECOVERY = "recovery"

    OPEN = (Status.QUEUED, Status.RUNNING)

    outlet = models.ForeignKey(Outlet, models.PROTECT, related_name="pushes")
    platform = models.CharField(max_length=40)
    push_type = models.CharField(max_length=10, choices=PushType)
    trigger = models.CharField(max_length=20, choices=Trigger)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    push_timestamp = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    is_cancelled = models.BooleanField(default=False)
    finished_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    item_count = models.PositiveIntegerField(default=0)
    accepted_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)
    split_count = models.PositiveIntegerField(default=0, help_text="requests that were refused whole and halved")
    response_code = models.PositiveSmallIntegerField(null=True)
    response_message = models.TextField(blank=True)
    error_details = models.TextField(blank=True)
    # What was asked for while this push was open; it starts when this one ends.
    next_push_type = models.CharField(max_length=10, choices=PushType, blank=True)
    next_trigger = models.CharField(max_length=20, choices=Trigger, blank=True)
    next_created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-push_timestamp", "-id"]
        verbose_name = "push"
        verbose_name_plural = "push history"
        constraints = [
            models.UniqueConstraint(
                fields=["outlet"], condition=Q(status__in=["queued", "running"]), name="push_one_open_per_outlet"
            )
        ]
        indexes = [models.Index(fields=["outlet", "-push_timestamp"], name="push_outlet_time")]

    def __str__(self) -> str:
        return f"push {self.pk} of outlet {self.outlet_id}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN


class PushChunk(models.Model):
    """A slice of a push that fits one request: the products from `first_id` to `last_id`.

    waiting -> sending -> done | failed, and sending -> waiting for another try,
    and sending -> split: the shop refused it whole, and two halves have taken its place
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"
        DONE = "done"
        FAILED = "failed"
        SPLIT = "split"

    OPEN = (Status.WAITING, Status.SENDING)

    push = models.ForeignKey(PushHistory, models.CASCADE, related_name="chunks")
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True)
    item_count = models.PositiveIntegerField(default=0)
    accepted_count = models.PositiveIntegerField(default=0)
    rejected_count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["first_id"]
        indexes = [
            models.Index(fields=["push", "first_id"], name="chunk_push_first"),
            models.Index(fields=["status"], condition=Q(status__in=["waiting", "sending"]), name="chunk_open"),
        ]

    def __str__(self) -> str:
        return f"chunk {self.pk} of push {self.push_id}"


class PushAttempt(models.Model):
    """One HTTP call of one chunk. Written before the socket opens; `finished_at` stays empty if its worker dies."""

    chunk = models.ForeignKey(PushChunk, models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # [[outlet product's id, "13.99", 1], ...]: what was sent, so that an attempt without an end can be confirmed.
    items = models.JSONField()
    item_count = models.PositiveIntegerField()
    sent_bytes = models.PositiveIntegerField(default=0)
    received_bytes = models.PositiveIntegerField(default=0)
    response_code = models.PositiveSmallIntegerField(null=True)
    response_excerpt = models.TextField(blank=True)
    outcome = models.CharField(max_length=20, blank=True)
    error_kind = models.CharField(max_length=30, blank=True)
    error_message = models.TextField(blank=True)

    class Meta:
        ordering = ["started_at", "id"]
        constraints = [models.UniqueConstraint(fields=["chunk", "number"], name="attempt_unique_number")]

    def __str__(self) -> str:
        return f"attempt {self.number} of chunk {self.chunk_id}"


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


class DailySum(models.Model):
    """What was pushed on a day, kept when the day's pushes are pruned."""

    outlet = models.ForeignKey(Outlet, models.CASCADE, related_name="daily_sums")
    date = models.DateField()
    push_count = models.PositiveIntegerField(default=0)
    failed_count = models.PositiveIntegerField(default=0)
    item_count = models.PositiveBigIntegerField(default=0)
    accepted_count = models.PositiveBigIntegerField(default=0)
    rejected_count = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-date"]
        constraints = [models.UniqueConstraint(fields=["outlet", "date"], name="dailysum_unique")]

    def __str__(self) -> str:
        return f"{self.date} of outlet {self.outlet_id}"


class Rescue(models.Model):
    """How often the sweep had to help on a day. In normal running it does not."""

    class Kind(models.TextChoices):
        ABANDONED = "abandoned", "claims of dead workers"
        UNHEARD = "unheard", "messages that nobody took"
        UNPLANNED = "unplanned", "pushes that nobody planned"
        UNENDED = "unended", "pushes that nobody ended"
        OVERDUE = "overdue", "pushes past their deadline"

    date = models.DateField()
    kind = models.CharField(max_length=10, choices=Kind)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-date", "kind"]
        constraints = [models.UniqueConstraint(fields=["date", "kind"], name="rescue_unique")]

    def __str__(self) -> str:
        return f"{self.count} {self.get_kind_display()} on {self.date}"
