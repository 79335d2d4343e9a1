"""Comparisons in plain words: their states, what was found, and the proof in a sentence."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from integration.models import Difference, Reconciliation
from integration.pages.outlets_row import how_long
from integration.proof import Proof

Status = Reconciliation.Status
OLD = timedelta(hours=26)  # a night has been missed


class Look(NamedTuple):
    label: Any
    colour: str
    icon: str


LOOKS = {
    Status.WAITING: Look(gettext_lazy("about to start"), "secondary", "clock"),
    Status.RUNNING: Look(gettext_lazy("comparing"), "blue", "loader"),
    Status.EQUAL: Look(gettext_lazy("equal"), "green", "check"),
    Status.DIFFERENT: Look(gettext_lazy("differences"), "orange", "circle-alert"),
    Status.FAILED: Look(gettext_lazy("not read"), "red", "x"),
    Status.SKIPPED: Look(gettext_lazy("left out"), "secondary", "ban"),
}
TRIGGERS = {
    Reconciliation.Trigger.SCHEDULE: gettext_lazy("schedule"),
    Reconciliation.Trigger.MANUAL: gettext_lazy("by hand"),
    Reconciliation.Trigger.FOLLOW_UP: gettext_lazy("after sending again"),
}
KINDS = {
    Difference.Kind.DIFFERS: Look(gettext_lazy("other value in the shop"), "orange", "circle-alert"),
    Difference.Kind.MISSING: Look(gettext_lazy("missing in the shop"), "orange", "circle-alert"),
    Difference.Kind.EXTRA: Look(gettext_lazy("only in the shop"), "yellow", "circle-question-mark"),
    Difference.Kind.MALFORMED: Look(gettext_lazy("cannot be read"), "red", "x"),
}


# Of differing, missing, extra, malformed and skipped items.
SENTENCES = (
    ngettext_lazy("%(n)s item has another value in the shop.", "%(n)s items have other values in the shop.", "count"),
    ngettext_lazy("%(n)s item is missing in the shop.", "%(n)s items are missing in the shop.", "count"),
    ngettext_lazy("%(n)s item is only in the shop.", "%(n)s items are only in the shop.", "count"),
    ngettext_lazy("%(n)s entry of the shop cannot be read.", "%(n)s entries of the shop cannot be read.", "count"),
    ngettext_lazy(
        "%(n)s item was waiting to be sent and was not compared.",
        "%(n)s items were waiting to be sent and were not compared.",
        "count",
    ),
)
# Of different, extra and moving items, and of outlets without a comparison.
AGAINST = (
    ngettext_lazy("%(n)s item differed.", "%(n)s items differed.", "count"),
    ngettext_lazy("%(n)s item is only in a shop.", "%(n)s items are only in the shops.", "count"),
    ngettext_lazy("%(n)s item was waiting to be sent.", "%(n)s items were waiting to be sent.", "count"),
    ngettext_lazy("%(n)s outlet was never compared.", "%(n)s outlets were never compared.", "count"),
)


def look_of(row: Reconciliation) -> Look:
    return LOOKS[Status(row.status)]


def say_counts(row: Reconciliation) -> list[str]:
    """What was found beside what is equal, each in a sentence."""
    counts = (row.differing_count, row.missing_count, row.extra_count, row.malformed_count, row.skipped_count)
    return [sentence % (number(n) | {"count": n}) for n, sentence in zip(counts, SENTENCES, strict=True) if n]


def number(n: int) -> dict[str, str]:
    return {"n": f"{n:,}"}


def clock(at: datetime, now: datetime) -> str:
    local = timezone.localtime(at)
    is_today = local.date() == timezone.localtime(now).date()
    return date_format(local, "H:i" if is_today else "j M Y, H:i")


def say_proof(proof: Proof, now: datetime) -> str:
    """The whole chain: what was seen in the shops, when, and what stands against it. Empty: nothing was compared."""
    if proof.at is None:
        return ""
    facts = {"time": clock(proof.at, now), "equal": f"{proof.equal_count:,}", "total": f"{proof.item_count:,}"}
    said = [_("Proved equal at %(time)s: %(equal)s of %(total)s items.") % facts]
    never_count = proof.outlet_count - proof.compared_outlets
    counts = (proof.different_count, proof.extra_count, proof.moving_count, never_count)
    said += [text % (number(n) | {"count": n}) for n, text in zip(counts, AGAINST, strict=True) if n]
    if now - proof.at > OLD:
        said.append(_("That was %(time)s ago.") % {"time": how_long(now - proof.at)})
    return " ".join(said)
