"""Comparisons of what a shop really has with what it has acknowledged, and what they found."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Sum

from integration.models.outlets import Outlet
from integration.models.pushes import PushHistory


class Reconciliation(models.Model):
    """One comparison of one outlet.

    waiting -> running -> equal | different | failed | skipped

    An item counts once: compared (and then equal, differing or missing), unreadable, or skipped because it was on
    its way to the shop. What only the shop has is extra.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        EQUAL = "equal"
        DIFFERENT = "different"
        FAILED = "failed"
        SKIPPED = "skipped"

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        MANUAL = "manual"
        FOLLOW_UP = "follow_up"  # whether what was sent again is there now

    class Sends(models.TextChoices):
        """What is sent again: nothing, what differs unless it is suspiciously much, or all that differs."""

        NOTHING = "nothing"
        USUAL = "usual"
        ALL = "all"

    OPEN = (Status.WAITING, Status.RUNNING)
    ENDED = (Status.EQUAL, Status.DIFFERENT)  # with a result

    outlet = models.ForeignKey(Outlet, models.CASCADE, related_name="reconciliations")
    trigger = models.CharField(max_length=10, choices=Trigger)
    sends = models.CharField(max_length=10, choices=Sends, default=Sends.USUAL)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True)
    claim_token = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    page_count = models.PositiveIntegerField(default=0, help_text="answers of the shop that were read")
    read_count = models.PositiveIntegerField(default=0, help_text="items that these listed")
    is_second_reading = models.BooleanField(default=False)
    item_count = models.PositiveIntegerField(default=0, help_text="items of the outlet in the dashboard")
    compared_count = models.PositiveIntegerField(default=0)
    differing_count = models.PositiveIntegerField(default=0)
    missing_count = models.PositiveIntegerField(default=0)
    skipped_count = models.PositiveIntegerField(default=0)
    unreadable_count = models.PositiveIntegerField(default=0, help_text="of the outlet's items")
    malformed_count = models.PositiveIntegerField(default=0, help_text="of what the shop listed")
    extra_count = models.PositiveIntegerField(default=0)
    sent_count = models.PositiveIntegerField(default=0, help_text="items that are sent again")
    is_held = models.BooleanField(default=False, help_text="so much differs that nothing was sent again")
    push = models.ForeignKey(PushHistory, models.SET_NULL, null=True, related_name="+")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "comparison"
        constraints = [
            models.UniqueConstraint(
                fields=["outlet"], condition=Q(status__in=["waiting", "running"]), name="reconciliation_one_open"
            )
        ]
        indexes = [
            models.Index(fields=["outlet", "-created_at"], name="reconciliation_outlet_time"),
            models.Index(fields=["status", "created_at"], name="reconciliation_status_time"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk} of outlet {self.outlet_id}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def equal_count(self) -> int:
        return self.compared_count - self.differing_count - self.missing_count

    @property
    def different_count(self) -> int:
        """The outlet's items that the shop does not have as they should be."""
        return self.differing_count + self.missing_count + self.unreadable_count

    @property
    def listed_count(self) -> int:
        """What is listed of it, or would be if there were no limit."""
        return self.differing_count + self.missing_count + self.extra_count + self.malformed_count


EQUAL_SUM = Sum(F("compared_count") - F("differing_count") - F("missing_count"), default=0)


class Difference(models.Model):
    """One item of which the shop says otherwise than it has acknowledged. `shop_price` is text: it may be anything."""

    class Kind(models.TextChoices):
        DIFFERS = "differs"
        MISSING = "missing"
        EXTRA = "extra"
        MALFORMED = "malformed"

    reconciliation = models.ForeignKey(Reconciliation, models.CASCADE, related_name="differences")
    kind = models.CharField(max_length=10, choices=Kind)
    sku = models.CharField(max_length=64)
    shop_price = models.CharField(max_length=40, blank=True)
    shop_stock_status = models.PositiveSmallIntegerField(null=True)
    pushed_price = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    pushed_stock_status = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    is_sent = models.BooleanField(default=False)
    is_refused = models.BooleanField(default=False, help_text="the shop refuses it: it is not sent again")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.sku}: {self.kind}"
