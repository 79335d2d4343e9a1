"""Branches, how their shops want to be spoken to, and how their endpoints are."""

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from integration.encryption import EncryptedTextField

LONGEST_INTERVAL = 24 * 60  # minutes
LONG_SECRET = 12  # characters: of a shorter one, the last four would say too much


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
    # What may be said of the secrets: when each was entered, and the last letters of a long one.
    api_key_set_at = models.DateTimeField(null=True, editable=False)
    api_key_ending = models.CharField(max_length=4, blank=True, editable=False, default="", db_default="")
    api_secret_set_at = models.DateTimeField(null=True, editable=False)
    api_secret_ending = models.CharField(max_length=4, blank=True, editable=False, default="", db_default="")
    push_enabled = models.BooleanField(default=False)
    push_after_update = models.BooleanField(default=False)
    push_interval_minutes = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_INTERVAL)],
        help_text="Minutes between two pushes of this outlet; empty: the schedule of all outlets.",
    )
    allow_private_address = models.BooleanField(
        default=False, help_text="The endpoint may lie in a private network or on this machine."
    )

    # Empty: as the platform's contract has it.
    guard_stock_percent = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MaxValueValidator(100)])
    guard_price_percent = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(10_000)]
    )
    guard_items_percent = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MaxValueValidator(100)])

    class Meta:
        ordering = ["platform", "store_id"]
        permissions = [("push_outlet", "Can start and cancel pushes")]
        constraints = [
            models.UniqueConstraint(fields=["platform", "store_id"], name="outlet_unique_store_id"),
            models.CheckConstraint(condition=~Q(store_id=""), name="outlet_store_id_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.platform} {self.store_id})"

    def set_secret(self, name: str, value: str, now: datetime) -> None:
        """Take `value` as api_key or api_secret; empty: forget it."""
        setattr(self, name, value)
        setattr(self, f"{name}_set_at", now if value else None)
        setattr(self, f"{name}_ending", value[-4:] if len(value) >= LONG_SECRET else "")


class OutletRevision(models.Model):
    """How often the outlet's values have been changed: a number that is committed together with them."""

    outlet = models.OneToOneField(Outlet, models.CASCADE, related_name="revision", primary_key=True)
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"revision {self.number} of outlet {self.outlet_id}"


class ContractVersion(models.Model):
    """What a platform's shop wants, as somebody stored it. The latest version holds; earlier ones stay."""

    platform = models.CharField(max_length=40)
    number = models.PositiveIntegerField(editable=False)
    preset = models.CharField(
        max_length=40, blank=True, help_text="The contract that it starts from; empty: the platform's own."
    )
    changes = models.JSONField(
        default=dict, blank=True, help_text='What differs from it: {"batch_size": 200, "fields": {"sku": "code"}}'
    )
    note = models.CharField(max_length=200, blank=True, help_text="Why.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)

    class Meta:
        ordering = ["platform", "-number"]
        constraints = [models.UniqueConstraint(fields=["platform", "number"], name="contractversion_unique")]

    def __str__(self) -> str:
        return f"{self.platform}, version {self.number}"


class AccessToken(models.Model):
    """What a shop's token server gave for one credential: for all workers, and all outlets that have it."""

    credential = models.CharField(max_length=64, unique=True)
    token = EncryptedTextField(blank=True)
    renew_at = models.DateTimeField(null=True)
    change_count = models.PositiveIntegerField(default=0)
    requested_at = models.DateTimeField(null=True)
    # One worker asks; the others wait for what it finds.
    fetching_until = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    failure = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"token {self.pk}"


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
