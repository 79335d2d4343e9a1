"""Pushes, their chunks and attempts, and what is kept of them."""

import json

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import Q

from integration.models.outlets import Outlet


class PushHistory(models.Model):
    """One push of one outlet.

    queued -> running -> success | partial | failed | cancelled
    queued or running -> held -> queued or running, or cancelled: it would do what nobody means (integration.guard)

    A push that was stopped (`stopped_at`) sends nothing more; what is under way still ends for itself.
    """

    class PushType(models.TextChoices):
        FULL = "full"
        PARTIAL = "partial"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        HELD = "held"
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
        RECONCILE = "reconcile"

    OPEN = (Status.QUEUED, Status.RUNNING, Status.HELD)

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
    retry_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="requests beyond each chunk's first, once the push has ended"
    )
    rate_wait_count = models.PositiveIntegerField(
        default=0, db_default=0, help_text="times that a request waited for the shop's rate limit"
    )
    response_code = models.PositiveSmallIntegerField(null=True)
    response_message = models.TextField(blank=True)
    error_details = models.TextField(blank=True)
    # What was asked for while this push was open; it starts when this one ends.
    next_push_type = models.CharField(max_length=10, choices=PushType, blank=True)
    next_trigger = models.CharField(max_length=20, choices=Trigger, blank=True)
    next_created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    # The guard: what it found last, of which values, and what somebody has agreed to.
    held_at = models.DateTimeField(null=True)
    hold_told_at = models.DateTimeField(null=True)
    findings = models.JSONField(null=True)
    guard_revision = models.PositiveBigIntegerField(default=0, db_default=0)
    let_go_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    agreed = models.JSONField(null=True)

    class Meta:
        ordering = ["-push_timestamp", "-id"]
        verbose_name = "push"
        verbose_name_plural = "push history"
        constraints = [
            models.UniqueConstraint(
                fields=["outlet"], condition=Q(status__in=["queued", "running", "held"]), name="push_one_open"
            )
        ]
        indexes = [
            models.Index(fields=["outlet", "-push_timestamp"], name="push_outlet_time"),
            models.Index(fields=["-push_timestamp", "-id"], name="push_time"),
            models.Index(fields=["finished_at"], name="push_finished"),
            models.Index(fields=["hold_told_at"], condition=Q(hold_told_at__isnull=False), name="push_hold_told"),
        ]

    def __str__(self) -> str:
        return f"push {self.pk} of outlet {self.outlet_id}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN


class PushChunk(models.Model):
    """A slice of a push that fits one request: the products from `first_id` to `last_id`.

    waiting -> sending -> done | failed, and sending -> waiting for another try, or to ask for its `job`,
    and sending -> split: the shop refused it whole, and two halves have taken its place,
    and waiting -> held -> waiting with its push
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENDING = "sending"
        DONE = "done"
        FAILED = "failed"
        SPLIT = "split"
        HELD = "held"

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
    # {"id": "...", "rejected": {sku: reason}}: the shop has taken it for later, and has to be asked.
    job = models.JSONField(null=True)
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


class QuickEncoder(json.JSONEncoder):
    """For long lists: the standard library would take as long for them as the database does."""

    def encode(self, o: object) -> str:
        return msgspec.json.encode(o).decode()


class PushAttempt(models.Model):
    """One HTTP call of one chunk. Written before the socket opens; `finished_at` stays empty if its worker dies."""

    chunk = models.ForeignKey(PushChunk, models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # [[outlet product's id, "13.99", 1], ...]: what was sent, so that an attempt without an end can be confirmed.
    items = models.JSONField(encoder=QuickEncoder)
    item_count = models.PositiveIntegerField()
    # A letter for each of the items (integration.verdicts), and {"outlet product's id": reason} of the refused ones.
    verdicts = models.TextField(blank=True, default="", db_default="")
    rejected = models.JSONField(null=True)
    sent_bytes = models.PositiveIntegerField(default=0)
    received_bytes = models.PositiveIntegerField(default=0)
    response_code = models.PositiveSmallIntegerField(null=True)
    request_excerpt = models.TextField(blank=True, default="", db_default="")
    response_excerpt = models.TextField(blank=True)
    outcome = models.CharField(max_length=20, blank=True)
    error_kind = models.CharField(max_length=30, blank=True)
    error_message = models.TextField(blank=True)

    class Meta:
        ordering = ["started_at", "id"]
        constraints = [models.UniqueConstraint(fields=["chunk", "number"], name="attempt_unique_number")]
        indexes = [models.Index(fields=["finished_at"], name="attempt_finished")]

    def __str__(self) -> str:
        return f"attempt {self.number} of chunk {self.chunk_id}"


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
