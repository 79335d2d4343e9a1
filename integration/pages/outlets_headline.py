"""The whole chain in a sentence: "12 of 13 outlets are in sync; 1 has changes waiting." """

from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from integration.outlet_state import State, Summary
from integration.pages.outlets_filter import INACTIVE, STATES
from integration.pages.outlets_row import how_long

# What is said of the outlets that are in a state.
CLAUSES = {
    State.TROUBLE: ngettext_lazy("%(n)d has trouble", "%(n)d have trouble", "n"),
    State.WAITING: ngettext_lazy("%(n)d has changes waiting", "%(n)d have changes waiting", "n"),
    State.PUSHING: ngettext_lazy("%(n)d is pushing", "%(n)d are pushing", "n"),
    State.NOT_SET_UP: ngettext_lazy("%(n)d is not set up", "%(n)d are not set up", "n"),
    State.PAUSED: ngettext_lazy("%(n)d is paused", "%(n)d are paused", "n"),
}


class Part(NamedTuple):
    """A state with the number of outlets in it: a link that lists them."""

    state: str
    label: Any
    outlet_count: int


def headline(summary: Summary, now: datetime) -> str:
    total, in_sync = sum(summary.counts.values()), summary.counts.get(State.IN_SYNC, 0)
    if not total:
        return _("No outlet is active.")
    if in_sync == total:
        return ngettext("The outlet is in sync.", "All %(n)d outlets are in sync.", total) % {"n": total}
    clauses = [str(clause % {"n": count}) for state, clause in CLAUSES.items() if (count := summary.counts.get(state))]
    start = ngettext("%(n)d of %(total)d outlet is in sync", "%(n)d of %(total)d outlets are in sync", total)
    text = "; ".join([start % {"n": in_sync, "total": total}, *clauses]) + "."
    return f"{text} {say_oldest(summary.oldest_at, now)}" if summary.oldest_at else text


def say_oldest(oldest_at: datetime, now: datetime) -> str:
    return _("The oldest change has waited for %(time)s.") % {"time": how_long(now - oldest_at)}


def parts(summary: Summary) -> list[Part]:
    counts = {state.name.lower(): count for state, count in summary.counts.items()}
    counts[INACTIVE] = summary.inactive_count
    return [Part(name, label, counts[name]) for name, label in STATES if counts.get(name)]
