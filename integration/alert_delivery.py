"""Alerts on their way: claimed, sent outside of any transaction, and tried again if that failed.

A target gets its alerts in their order, one at a time: a recovery never overtakes the trouble before it. A worker that
dies while it sends leaves a claim that runs out, and a target may take what it does not answer in time: such a message
may arrive twice, with the same number.
"""

import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from integration.alert_targets import Result, send
from integration.alert_words import say_test
from integration.encryption import WrongEncryptionKey
from integration.models import AlertDelivery, AlertTarget

ATTEMPTS = 5
UNANSWERED = 2  # attempts after which what may have arrived is not sent any more
WAITS = (30, 60, 120, 240)  # seconds after the first, second ... failure
LEASE_SECONDS = 60
WAITING, SENDING = AlertDelivery.Status.WAITING, AlertDelivery.Status.SENDING


class Claim(NamedTuple):
    delivery: AlertDelivery
    token: uuid.UUID


def due(now: datetime) -> QuerySet[AlertDelivery]:
    """The oldest open delivery of each target, if its time has come or its claim has run out."""
    earlier = AlertDelivery.objects.filter(
        target=OuterRef("target"), pk__lt=OuterRef("pk"), status__in=AlertDelivery.OPEN
    )
    is_due = Q(status=WAITING, not_before__lte=now) | Q(status=SENDING, claimed_until__lt=Now())
    return AlertDelivery.objects.filter(is_due, ~Exists(earlier), target__isnull=False).order_by("pk")


def claim(delivery_id: int, now: datetime) -> Claim | None:
    """The attempt is counted here, so a message that kills its worker ends."""
    token = uuid.uuid4()
    claimed = (
        due(now)
        .filter(pk=delivery_id)
        .order_by()
        .update(
            status=SENDING,
            claim_token=token,
            claimed_until=Now() + timedelta(seconds=LEASE_SECONDS),
            attempt_count=F("attempt_count") + 1,
        )
    )
    if not claimed:
        return None
    deliveries = AlertDelivery.objects.select_related("alert", "target").defer("target__url")
    return Claim(deliveries.get(pk=delivery_id), token)


def deliver(delivery_id: int, now: datetime) -> int | None:
    """Send one alert to its target; the target's next delivery, if that may go at once."""
    claimed = claim(delivery_id, now)
    if claimed is None:
        return None
    finish(claimed, attempt(claimed.delivery), now)
    return due(now).filter(target=claimed.delivery.target).values_list("pk", flat=True).first()


def attempt(delivery: AlertDelivery) -> Result:
    if delivery.target is None or not delivery.target.is_active:
        return Result(_("The target was switched off before it was sent."))
    number = _("Alert %(number)d") % {"number": delivery.alert_id}
    return send_to(delivery.target, delivery.alert.title, f"{delivery.alert.body}\n\n{number}")


def send_to(target: AlertTarget, title: str, body: str) -> Result:
    try:
        url = AlertTarget.objects.only("url").get(pk=target.pk).url
    except WrongEncryptionKey:
        lost = _("The address cannot be read any more, since the encryption key has changed: add the target again.")
        return Result(lost)
    except AlertTarget.DoesNotExist:
        return Result(_("The target is gone."))
    return send(url, title, body)


def finish(claimed: Claim, result: Result, now: datetime) -> None:
    delivery, error = claimed.delivery, result.error
    is_off = delivery.target is None or not delivery.target.is_active
    changes = {"status": AlertDelivery.Status.SENT, "sent_at": now}
    if error:
        is_over = is_off or delivery.attempt_count >= (UNANSWERED if result.may_have_arrived else ATTEMPTS)
        wait = WAITS[min(delivery.attempt_count, len(WAITS)) - 1]
        changes = {
            "status": AlertDelivery.Status.FAILED if is_over else WAITING,
            "not_before": now + timedelta(seconds=wait),
        }
    held = AlertDelivery.objects.filter(pk=delivery.pk, claim_token=claimed.token, status=SENDING)
    held.update(claim_token=None, claimed_until=None, error=error[:500], **changes)
    if delivery.target_id and not is_off:
        note(delivery.target_id, error, now)


def note(target_id: int, error: str, now: datetime) -> None:
    changes = {"last_error": error[:500]} if error else {"last_error": "", "last_sent_at": now}
    AlertTarget.objects.filter(pk=target_id).update(**changes)


def send_test(target: AlertTarget, now: datetime) -> str:
    """Send a test at once; what went wrong, in words."""
    error = send_to(target, *say_test(target.name)).error
    note(target.pk, error, now)
    return error


def give_up(target: AlertTarget) -> None:
    """What has not been sent to the target is not sent any more."""
    waiting = AlertDelivery.objects.filter(target=target, status__in=AlertDelivery.OPEN)
    waiting.update(status=AlertDelivery.Status.FAILED, error=_("The target was deleted before it was sent."))
