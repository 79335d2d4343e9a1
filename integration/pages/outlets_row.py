"""An outlet as a row says it: its state and the cause in words, what waits, the next push, the last pushes as bars."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integration.health import health_of
from integration.models import PushHistory, Reconciliation
from integration.outlet_state import STRIP_LENGTH, Bar, Facts, State
from integration.templatetags.shop import PUSH_STATES

REASON_LENGTH = 120
# Colour and icon of a state.
LOOKS = {
    State.TROUBLE: ("red", "triangle-alert"),
    State.WAITING: ("orange", "hourglass"),
    State.PUSHING: ("blue", "loader"),
    State.NOT_SET_UP: ("secondary", "unplug"),
    State.PAUSED: ("secondary", "circle-pause"),
    State.IN_SYNC: ("green", "check"),
}
BAR_WIDTH, BAR_STEP, STRIP_HEIGHT = 3, 4, 20
# A push's height in the strip, so that its colour is not needed.
HEIGHTS = {"success": 20, "running": 16, "queued": 16, "held": 16, "partial": 12, "failed": 7, "cancelled": 3}


class Cause(NamedTuple):
    """Why an outlet is in its state, and where there is more about it."""

    text: str = ""
    url: str = ""


class Path(NamedTuple):
    """The bars of one status, as one path of an SVG."""

    status: str
    d: str


@dataclass(slots=True)
class Row:
    outlet: Any  # with its state
    facts: Facts
    now: datetime
    next_push_at: datetime | None  # of the schedule
    proof: Reconciliation | None = None  # the last comparison with a result

    @property
    def state(self) -> State:
        return State(self.outlet.state)

    @property
    def look(self) -> dict[str, Any]:
        colour, icon = LOOKS[self.state]
        return {"label": self.state.label, "colour": colour, "icon": icon}

    @property
    def cause(self) -> Cause:
        return CAUSES[self.state](self)

    @property
    def oldest(self) -> str:
        return how_long(self.now - self.facts.oldest_at) if self.facts.oldest_at else ""

    @property
    def tries_at(self) -> datetime | None:
        """When the outlet is pushed next, if it is to be."""
        health = health_of(self.outlet)
        if not self.may_push:
            return None
        if health and health.open_until:
            return max(health.open_until, self.now)
        hold_until = health and health.hold_until
        return max(self.next_push_at, hold_until) if self.next_push_at and hold_until else self.next_push_at

    @property
    def next_push(self) -> str:
        if not self.may_push:
            return ""
        if is_held(self):
            return _("held")
        if self.state == State.PUSHING:
            return _("now")
        if self.tries_at is None:
            return _("only by hand")
        return in_how_long(self.tries_at, self.now)

    @property
    def may_push(self) -> bool:
        return self.state not in (State.NOT_SET_UP, State.PAUSED)

    @property
    def strip_width(self) -> int:
        return STRIP_LENGTH * BAR_STEP

    @property
    def strip(self) -> list[Path]:
        return draw(self.facts.bars)

    @property
    def strip_summary(self) -> str:
        return summarize_pushes(self.facts.bars)


# --- time -----------------------------------------------------------------------------------------------


def how_long(span: timedelta) -> str:
    """40 s, 14 min, 3 h, 2 days"""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return _("%(n)d s") % {"n": seconds}
    if seconds < 60 * 60:
        return _("%(n)d min") % {"n": seconds // 60}
    if seconds < 24 * 60 * 60:
        return _("%(n)d h") % {"n": seconds // 3600}
    days = seconds // (24 * 60 * 60)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


def in_how_long(at: datetime, now: datetime) -> str:
    return _("in %(time)s") % {"time": how_long(at - now)} if at > now else _("due")


def clock(at: datetime) -> str:
    return date_format(timezone.localtime(at), "H:i:s")


# --- why ------------------------------------------------------------------------------------------------


def why_not_set_up(row: Row) -> Cause:
    return Cause(_("No shop address is entered yet."), at_outlet("api_settings", row))


def why_paused(row: Row) -> Cause:
    if not row.outlet.is_active:
        return Cause(_("The outlet is not active."))
    if not row.outlet.push_enabled:
        return Cause(_("Pushing is switched off for this outlet."))
    return Cause(_("Every push is paused."), reverse("schedule"))


def why_trouble(row: Row) -> Cause:
    health, last = health_of(row.outlet), row.facts.last_push
    if health and health.open_until:
        return Cause(describe_breaker(health, row.now), at_outlet("push_list", row))
    if is_held(row):
        return why_held(row)
    if last and last.status == PushHistory.Status.FAILED:
        reason = shorten(last.error_details or last.response_message)
        return Cause(_("The last push failed: %(reason)s") % {"reason": reason}, reverse("push", args=[last.pk]))
    return why_refused(row, row.facts.quarantined_count)


def is_held(row: Row) -> bool:
    return row.facts.open_push is not None and row.facts.open_push.status == PushHistory.Status.HELD


def why_held(row: Row) -> Cause:
    assert row.facts.open_push is not None
    return Cause(_("A push is held until somebody looks at it."), reverse("push", args=[row.facts.open_push.pk]))


def describe_breaker(health: Any, now: datetime) -> str:
    facts = {"reason": shorten(health.reason), "time": clock(health.open_until)}
    if health.open_until <= now:
        return _("The shop is tried again now. Before: %(reason)s") % facts
    facts["wait"] = how_long(health.open_until - now)
    return _("Left alone until %(time)s (in %(wait)s): %(reason)s") % facts


def why_refused(row: Row, count: int) -> Cause:
    text = ngettext("%(n)d item refused by the shop", "%(n)d items refused by the shop", count) % {"n": count}
    return Cause(text, at_outlet("rejected_items", row))


def why_pushing(row: Row) -> Cause:
    push, health = row.facts.open_push, health_of(row.outlet)
    if push is None:
        return Cause()
    url = reverse("push", args=[push.pk])
    if health and health.hold_until and health.hold_until > row.now:
        return Cause(_("The shop asked us to wait until %(time)s.") % {"time": clock(health.hold_until)}, url)
    if push.stopped_at:
        return Cause(_("Being stopped."), url)
    if push.status == PushHistory.Status.QUEUED:
        return Cause(_("About to start, for %(time)s") % {"time": how_long(row.now - push.push_timestamp)}, url)
    done = {"done": f"{row.facts.done_count:,}", "total": f"{push.item_count:,}"}
    return Cause(_("%(done)s of %(total)s items") % done, url)


def why_waiting(row: Row) -> Cause:
    health, last = health_of(row.outlet), row.facts.last_push
    if health and health.hold_until and health.hold_until > row.now:
        return Cause(_("The shop asked us to wait until %(time)s.") % {"time": clock(health.hold_until)})
    if row.facts.rejected_count:
        return why_refused(row, row.facts.rejected_count)
    if last and last.status == PushHistory.Status.PARTIAL:
        return Cause(_("The last push did not get everything through."), reverse("push", args=[last.pk]))
    return Cause()


def why_in_sync(row: Row) -> Cause:
    return Cause() if row.facts.has_products else Cause(_("It has no products yet."), at_outlet("product_update", row))


CAUSES = {
    State.NOT_SET_UP: why_not_set_up,
    State.PAUSED: why_paused,
    State.TROUBLE: why_trouble,
    State.PUSHING: why_pushing,
    State.WAITING: why_waiting,
    State.IN_SYNC: why_in_sync,
}


def at_outlet(name: str, row: Row) -> str:
    return f"{reverse(name)}?outlet={row.outlet.pk}"


def shorten(text: str) -> str:
    return Truncator(text).chars(REASON_LENGTH) or _("no reason was given")


# --- the last pushes ------------------------------------------------------------------------------------


def draw(bars: list[Bar]) -> list[Path]:
    """One path for each status; the latest push stands at the end."""
    paths: dict[str, str] = {}
    for place, bar in enumerate(bars, STRIP_LENGTH - len(bars)):
        height = HEIGHTS[bar.status]
        step = f"M{place * BAR_STEP} {STRIP_HEIGHT - height}h{BAR_WIDTH}v{height}h-{BAR_WIDTH}z"
        paths[bar.status] = paths.get(bar.status, "") + step
    return [Path(status, d) for status, d in paths.items()]


def summarize_pushes(bars: list[Bar]) -> str:
    """Last 30 pushes: 28 success, 2 failed"""
    if not bars:
        return _("No push yet")
    counts = Counter(bar.status for bar in bars)
    parts = ", ".join(f"{counts[status]} {label}" for status, (label, *_more) in PUSH_STATES.items() if counts[status])
    start = ngettext("Last push: %(parts)s", "Last %(n)d pushes: %(parts)s", len(bars))
    return start % {"n": len(bars), "parts": parts}
