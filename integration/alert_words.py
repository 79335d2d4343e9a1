"""What an alert says: which outlet, why, what to do, and where."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integration.audit import mask_urls
from integration.error_kinds import NOTHING_TO_DO, POINTS_BELOW, explain
from integration.health import health_of
from integration.models import Outlet, PushAttempt, PushHistory, PushPause, Reconciliation
from integration.outlet_state import Facts, read_facts

LISTED = 20  # outlets of a message
REASON_LENGTH = 300


class Message(NamedTuple):
    title: str
    body: str


class Cause(NamedTuple):
    text: str
    advice: Any
    path: str


def link(path: str) -> str:
    return f"{settings.DASHBOARD_URL.rstrip('/')}{path}" if settings.DASHBOARD_URL else ""


def clean(text: str) -> str:
    """One short line, without what may be secret of an address."""
    return Truncator(" ".join(mask_urls(text).split())).chars(REASON_LENGTH)


def at(moment: datetime) -> str:
    return date_format(localtime(moment), "Y-m-d H:i")


def join(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


# --- trouble --------------------------------------------------------------------------------------------


def say_trouble(outlets: Sequence[Outlet], now: datetime) -> Message:
    n = len(outlets)
    title = ngettext("%(n)d outlet has trouble", "%(n)d outlets have trouble", n) % {"n": n}
    if n == 1:
        title = _("%(outlet)s has trouble") % {"outlet": outlets[0]}
    listed = outlets[:LISTED]
    facts = read_facts([outlet.pk for outlet in listed], now)
    blocks = [describe_trouble(outlet, facts[outlet.pk]) for outlet in listed]
    return Message(clean(title), "\n\n".join([*blocks, *say_more(n)]))


def describe_trouble(outlet: Outlet, facts: Facts) -> str:
    cause = cause_of(outlet, facts)
    return join(
        _("Outlet: %(outlet)s") % {"outlet": clean(str(outlet))},
        _("Cause: %(cause)s") % {"cause": cause.text},
        _("What to do: %(advice)s") % {"advice": cause.advice},
        link(cause.path),
    )


def cause_of(outlet: Outlet, facts: Facts) -> Cause:
    health, last = health_of(outlet), facts.last_push
    of_outlet = f"?outlet={outlet.pk}"
    if health and health.open_until:
        reason = clean(health.reason) or _("no reason was given")
        text = _("The shop fails again and again, and is left alone for a while: %(reason)s") % {"reason": reason}
        return Cause(text, advise(facts.open_push or last), reverse("push_list") + of_outlet)
    if last and last.status == PushHistory.Status.FAILED:
        reason = clean(last.error_details or last.response_message) or _("no reason was given")
        path = reverse("push", args=[last.pk])
        return Cause(_("The last push failed: %(reason)s") % {"reason": reason}, advise(last), path)
    n = facts.quarantined_count
    text = ngettext("%(n)d item refused by the shop", "%(n)d items refused by the shop", n) % {"n": n}
    advice = _("Correct the prices, or let the items be sent again.")
    return Cause(text, advice, reverse("rejected_items") + of_outlet)


def advise(push: PushHistory | None) -> Any:
    attempts = (
        PushAttempt.objects.filter(chunk__push=push).exclude(error_kind="") if push else PushAttempt.objects.none()
    )
    words = explain(attempts.order_by("-pk").values_list("error_kind", flat=True).first() or "")
    if words is None:
        return NOTHING_TO_DO
    if words in POINTS_BELOW:
        return _("Open the push in the dashboard and read what the shop has answered.")
    return words.advice


def say_more(count: int) -> list[str]:
    n = count - LISTED
    return [ngettext("and %(n)d more outlet", "and %(n)d more outlets", n) % {"n": n}] if n > 0 else []


# --- all is well again ----------------------------------------------------------------------------------


def say_recovery(outlets: Sequence[Outlet], told_at: dict[int, datetime]) -> Message:
    n = len(outlets)
    title = ngettext("%(n)d outlet is well again", "%(n)d outlets are well again", n) % {"n": n}
    if n == 1:
        title = _("%(outlet)s is well again") % {"outlet": outlets[0]}
    blocks = [
        join(
            _("Outlet: %(outlet)s") % {"outlet": clean(str(outlet))},
            _("The trouble was told %(time)s. There is nothing to do.") % {"time": at(told_at[outlet.pk])},
            link(f"{reverse('push_list')}?outlet={outlet.pk}"),
        )
        for outlet in outlets[:LISTED]
    ]
    return Message(clean(title), "\n\n".join([*blocks, *say_more(n)]))


# --- pushes that are held -------------------------------------------------------------------------------


def say_held(pushes: Sequence[PushHistory]) -> Message:
    n = len(pushes)
    title = ngettext("%(n)d push is held", "%(n)d pushes are held", n) % {"n": n}
    if n == 1:
        title = _("A push to %(outlet)s is held") % {"outlet": pushes[0].outlet}
    blocks = [
        join(
            _("Outlet: %(outlet)s") % {"outlet": clean(str(push.outlet))},
            _("Cause: %(cause)s") % {"cause": describe_findings(push.findings or {})},
            _("What to do: %(advice)s")
            % {"advice": _("Look at what it would do. Send it if that is meant, or correct the prices and stock.")},
            link(reverse("push", args=[push.pk])),
        )
        for push in pushes[:LISTED]
    ]
    return Message(clean(title), "\n\n".join([*blocks, *say_more(n)]))


def describe_findings(findings: dict[str, Any]) -> str:
    parts = []
    if (n := findings.get("stock_count", 0)) and "stock" in findings.get("trips", []):
        parts.append(ngettext("%(n)d item would go out of stock", "%(n)d items would go out of stock", n) % {"n": n})
        if gone := findings.get("gone_count", 0):
            text = ngettext("%(n)d item went within the last hour", "%(n)d items went within the last hour", gone)
            parts.append(text % {"n": gone})
    if (n := findings.get("leap_count", 0)) and "price" in findings.get("trips", []):
        text = ngettext(
            "the price of %(n)d item would move very far", "the prices of %(n)d items would move very far", n
        )
        parts.append(text % {"n": n})
    return "; ".join(parts)


def say_let_go(pushes: Sequence[PushHistory]) -> Message:
    n = len(pushes)
    title = ngettext("%(n)d push is no longer held", "%(n)d pushes are no longer held", n) % {"n": n}
    if n == 1:
        title = _("The push to %(outlet)s is no longer held") % {"outlet": pushes[0].outlet}
    blocks = [
        join(
            _("Outlet: %(outlet)s") % {"outlet": clean(str(push.outlet))},
            describe_end(push),
            link(reverse("push", args=[push.pk])),
        )
        for push in pushes[:LISTED]
    ]
    return Message(clean(title), "\n\n".join([*blocks, *say_more(n)]))


def describe_end(push: PushHistory) -> str:
    if push.is_cancelled:
        reason = clean(push.error_details) or _("no reason was given")
        return _("It was ended: %(reason)s. The next push is judged anew.") % {"reason": reason}
    if push.agreed is None:
        return _("What it would do is within the limits by now, and it went on by itself. There is nothing to do.")
    who = push.released_by.get_username() if push.released_by else "–"
    return _("Sent after all by %(who)s. There is nothing to do.") % {"who": who}


# --- shops that have something else ---------------------------------------------------------------------


def say_differs(comparisons: Sequence[Reconciliation]) -> Message:
    n = len(comparisons)
    title = ngettext("%(n)d shop has other prices or stock", "%(n)d shops have other prices or stock", n) % {"n": n}
    if n == 1:
        title = _("The shop of %(outlet)s has other prices or stock") % {"outlet": comparisons[0].outlet}
    blocks = [describe_comparison(row) for row in comparisons[:LISTED]]
    return Message(clean(title), "\n\n".join([*blocks, *say_more(n)]))


def describe_comparison(row: Reconciliation) -> str:
    n = row.differing_count + row.missing_count
    if row.is_held:
        cause = ngettext(
            "%(n)d of %(total)d compared items is otherwise in the shop: nothing was sent again",
            "%(n)d of %(total)d compared items are otherwise in the shop: so many that nothing was sent again",
            n,
        )
        advice = _("Look at the comparison. Send them again if the dashboard is right, or correct the contract.")
    else:
        cause = ngettext(
            "%(n)d item was sent again, and is still otherwise in the shop",
            "%(n)d items were sent again, and are still otherwise in the shop",
            n,
        )
        advice = _("Look at the comparison. Ask the shop why it takes what it does not show, or correct the contract.")
    return join(
        _("Outlet: %(outlet)s") % {"outlet": clean(str(row.outlet))},
        _("Cause: %(cause)s") % {"cause": cause % {"n": n, "total": row.compared_count}},
        _("What to do: %(advice)s") % {"advice": advice},
        link(reverse("comparison", args=[row.pk])),
    )


def say_settled(comparisons: Sequence[Reconciliation]) -> Message:
    n = len(comparisons)
    title = ngettext("The comparison with %(n)d shop is settled", "The comparisons with %(n)d shops are settled", n) % {
        "n": n
    }
    if n == 1:
        title = _("The comparison with the shop of %(outlet)s is settled") % {"outlet": comparisons[0].outlet}
    blocks = [
        join(
            _("Outlet: %(outlet)s") % {"outlet": clean(str(row.outlet))},
            _("%(equal)d of %(total)d compared items are as they should be, and none is to be sent again.")
            % {"equal": row.equal_count, "total": row.compared_count},
            link(reverse("comparison", args=[row.pk])),
        )
        for row in comparisons[:LISTED]
    ]
    return Message(clean(title), "\n\n".join([*blocks, *say_more(n)]))


# --- the pause of everything ----------------------------------------------------------------------------


def say_pause(pause: PushPause) -> Message:
    who = pause.paused_by.get_username() if pause.paused_by else "–"
    body = join(
        _("Paused by %(who)s, %(time)s: no shop gets new prices or stock.") % {"who": who, "time": at(pause.paused_at)},
        _("Cause: %(cause)s") % {"cause": clean(pause.reason)} if pause.reason else "",
        _("What to do: %(advice)s")
        % {"advice": _("Resume the pushes when the cause is gone. Changes go on gathering.")},
        link(reverse("schedule")),
    )
    return Message(_("Every push is paused."), body)


def say_resume(pause: PushPause) -> Message:
    who = pause.ended_by.get_username() if pause.ended_by else "–"
    body = _("Resumed by %(who)s: the shops get what has gathered. There is nothing to do.") % {"who": who}
    return Message(_("Pushes are no longer paused"), join(body, link(reverse("schedule"))))


def say_test(target: str) -> Message:
    body = _("This is a test for “%(name)s”. Alerts about outlets arrive in the same way.") % {"name": target}
    return Message(_("Test of the alerts"), join(body, link(reverse("alerts"))))
