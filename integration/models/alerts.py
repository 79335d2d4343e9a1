"""Whom to tell when an outlet gets into trouble, what was told, and to whom."""

from django.conf import settings
from django.db import models

from integration.encryption import EncryptedTextField
from integration.models.access import PushPause
from integration.models.outlets import Outlet


class AlertTarget(models.Model):
    """Somewhere to send alerts: a mailbox, a channel, a webhook. Its address holds secrets."""

    name = models.CharField(max_length=100, unique=True)
    url = EncryptedTextField()
    kind = models.CharField(max_length=40, editable=False)  # may be shown, as no part of the address may
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    last_sent_at = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class OutletAlert(models.Model):
    """What was last told of an outlet, and since when it has been otherwise."""

    outlet = models.OneToOneField(Outlet, models.CASCADE, related_name="alert", primary_key=True)
    is_trouble = models.BooleanField(default=False, help_text="what was last told")
    told_at = models.DateTimeField(null=True)
    differs_since = models.DateTimeField(null=True)
    comparison_told_at = models.DateTimeField(
        null=True, help_text="since when somebody has to see to what the shop has; null: nobody"
    )

    def __str__(self) -> str:
        return f"alert of outlet {self.outlet_id}"


class Alert(models.Model):
    """One message: outlets that got into trouble, recovered, had pushes held or let go, or whose shops have something
    else, at the same time; or the pause of everything."""

    class Kind(models.TextChoices):
        TROUBLE = "trouble", "trouble"
        RECOVERY = "recovery", "recovery"
        HELD = "held", "push held"
        LET_GO = "let_go", "no longer held"
        DIFFERS = "differs", "shop differs"
        SETTLED = "settled", "comparison settled"
        PAUSE = "pause", "pause"
        RESUME = "resume", "resume"

    kind = models.CharField(max_length=10, choices=Kind)
    title = models.CharField(max_length=300)
    body = models.TextField()
    pause = models.ForeignKey(PushPause, models.CASCADE, null=True, related_name="alerts")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["pause", "kind"], name="alert_one_for_each_pause")]

    def __str__(self) -> str:
        return self.title


class AlertDelivery(models.Model):
    """One alert for one target: waiting -> sending -> sent, or waiting again, or failed."""

    class Status(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENDING = "sending", "sending"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"

    OPEN = (Status.WAITING, Status.SENDING)

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries")
    target = models.ForeignKey(AlertTarget, models.SET_NULL, null=True, related_name="deliveries")
    target_name = models.CharField(max_length=100)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    attempt_count = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    claim_token = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "alert deliveries"
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["target", "id"],
                condition=models.Q(status__in=["waiting", "sending"]),
                name="alertdelivery_open",
            )
        ]
        constraints = [models.UniqueConstraint(fields=["alert", "target"], name="alertdelivery_once")]

    def __str__(self) -> str:
        return f"alert {self.alert_id} to {self.target_name}"
