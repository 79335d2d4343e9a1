"""What the pages of pushes say, made anew from counts so that it can be translated."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integration.holds import DISCARDED_BY
from integration.models import Outlet, PushAttempt, PushChunk, PushHistory
from integration.obstacles import CannotPush
from integration.platforms.base import Outcome
from integration.push_progress import Counts, Progress

FEW, MINUTE = 10, 60  # seconds
CANCELLED_BY = "cancelled by "  # what the engine writes before a name

# Label, colour and icon of a chunk's state, and of what an attempt came to.
CHUNK_STATES: dict[str, tuple[Any, str, str]] = {
    PushChunk.Status.WAITING: (gettext_lazy("waiting"), "secondary", "clock"),
    PushChunk.Status.SENDING: (gettext_lazy("sending"), "blue", "loader"),
    PushChunk.Status.DONE: (gettext_lazy("done"), "green", "check"),
    PushChunk.Status.FAILED: (gettext_lazy("given up"), "red", "x"),
    PushChunk.Status.SPLIT: (gettext_lazy("halved"), "secondary", "split"),
    PushChunk.Status.HELD: (gettext_lazy("held"), "red", "hand"),
}
UNDER_WAY = (gettext_lazy("under way"), "blue", "loader")
OUTCOMES: dict[str, tuple[Any, str, str]] = {
    Outcome.DONE: (gettext_lazy("answered"), "green", "check"),
    Outcome.RETRY: (gettext_lazy("did not work"), "orange", "rotate-ccw"),
    Outcome.CREDENTIALS: (gettext_lazy("key refused"), "red", "key-round"),
    Outcome.REFUSED: (gettext_lazy("refused whole"), "red", "x"),
    Outcome.BROKEN: (gettext_lazy("answer unclear"), "orange", "circle-question-mark"),
    Outcome.FORBIDDEN: (gettext_lazy("not sent"), "red", "ban"),
    Outcome.JOB: (gettext_lazy("taken for later"), "blue", "hourglass"),
    Outcome.OVERDUE: (gettext_lazy("too late"), "orange", "hourglass"),
}


def chunk_state(chunk: PushChunk) -> dict[str, Any]:
    if chunk.job is not None and chunk.status in PushChunk.OPEN:
        return as_badge(OUTCOMES[Outcome.JOB])
    return as_badge(CHUNK_STATES[chunk.status])


def attempt_state(attempt: PushAttempt) -> dict[str, Any]:
    return as_badge(OUTCOMES.get(attempt.outcome, UNDER_WAY))


def as_badge(words: tuple[Any, str, str]) -> dict[str, Any]:
    return dict(zip(("label", "colour", "icon"), words, strict=True))


def clock(at: datetime | None) -> str:
    return date_format(timezone.localtime(at), "H:i:s") if at else "–"


# --- one push -------------------------------------------------------------------------------------------


def describe_outcome(push: PushHistory, counts: Counts) -> str:
    """What has come of the push, or what has come of it so far."""
    if push.status == PushHistory.Status.QUEUED:
        return _("Not begun yet.")
    accepted = counts.accepted_count if push.is_open else push.accepted_count
    refused = counts.rejected_count if push.is_open else push.rejected_count
    return " ".join(
        [
            say_accepted(accepted, push),
            *([say_refused(refused)] if refused else []),
            *([say_given_up(counts)] if counts.failed_count else []),
        ]
    )


def say_accepted(accepted: int, push: PushHistory) -> str:
    total = push.item_count
    if push.is_open:
        text = ngettext(
            "%(accepted)s of %(total)s item accepted so far.", "%(accepted)s of %(total)s items accepted so far.", total
        )
    else:
        text = ngettext("%(accepted)s of %(total)s item accepted.", "%(accepted)s of %(total)s items accepted.", total)
    return text % {"accepted": intcomma(accepted), "total": intcomma(total)}


def say_refused(count: int) -> str:
    text = ngettext("The shop refused %(shown)s item.", "The shop refused %(shown)s items.", count)
    return text % {"shown": intcomma(count)}


def say_given_up(counts: Counts) -> str:
    total = counts.chunk_count
    text = ngettext(
        "%(failed)s of %(total)s request was given up.", "%(failed)s of %(total)s requests were given up.", total
    )
    return text % {"failed": intcomma(counts.failed_count), "total": intcomma(total)}


def describe_state(push: PushHistory, counts: Counts, progress: Progress, now: datetime) -> str:
    """What an open push is doing."""
    if push.stopped_at:
        return _("Stopping: what is under way still ends, nothing more is sent.")
    if push.status == PushHistory.Status.HELD:
        return _("Held: nothing is sent until somebody has looked at it.")
    if push.status == PushHistory.Status.QUEUED:
        return describe_queued(push, now)
    if progress.waits_until and counts.job_count:
        return _("The shop works it off. It is asked again at %(at)s.") % {"at": clock(progress.waits_until)}
    if progress.waits_until and progress.reason:
        facts = {"at": clock(progress.waits_until), "reason": progress.reason}
        return _("The shop is left alone until %(at)s: %(reason)s") % facts
    if progress.waits_until:
        return _("The next request is sent at %(at)s.") % {"at": clock(progress.waits_until)}
    return _("Sending to the shop.")


def describe_queued(push: PushHistory, now: datetime) -> str:
    if now - push.push_timestamp < timedelta(seconds=settings.RING_AGAIN_SECONDS):
        return _("Waiting for a worker.")
    return _("No worker has begun it yet. If this lasts, ask whoever runs the service whether the workers run.")


def who_cancelled(push: PushHistory) -> str:
    """Empty where nobody has cancelled this very push: everything was paused, or the outlet was switched off."""
    prefixes = [prefix for prefix in (CANCELLED_BY, DISCARDED_BY) if push.error_details.startswith(prefix)]
    return push.error_details.removeprefix(prefixes[0]) if push.is_cancelled and prefixes else ""


def is_discarded(push: PushHistory) -> bool:
    return push.is_cancelled and push.error_details.startswith(DISCARDED_BY)


def say_about(seconds: float | None) -> str:
    """As exact as an estimate is."""
    if seconds is None:
        return "–"
    if seconds < FEW:
        return _("a few seconds")
    if seconds < MINUTE:
        return _("about %(seconds)d seconds") % {"seconds": FEW * round(seconds / FEW)}
    minutes = round(seconds / MINUTE)
    return ngettext("about %(minutes)d minute", "about %(minutes)d minutes", minutes) % {"minutes": minutes}


def seconds_of(push: PushHistory, now: datetime) -> float:
    return ((push.finished_at or now) - push.push_timestamp).total_seconds()


# --- why nothing can start ------------------------------------------------------------------------------


class Hint(NamedTuple):
    """What is in the way, and where it is put right."""

    text: str
    url: str
    label: str


def describe_obstacle(obstacle: CannotPush, outlet: Outlet) -> Hint:
    api_settings = (f"{reverse('api_settings')}?outlet={outlet.pk}", _("API settings"))
    match obstacle.kind:
        case "inactive":
            return Hint(_("This outlet is not active. Activate it first."), *api_settings)
        case "disabled":
            return Hint(_("Pushing is switched off for this outlet. Switch it on first."), *api_settings)
        case "no_endpoint":
            return Hint(_("The shop's address is missing. Enter it first."), *api_settings)
        case "paused":
            text = _("Every push is paused. Somebody has to end the pause first.")
            return Hint(text, reverse("schedule"), _("Schedule"))
        case "contract":
            text = _("The contract of %(platform)s cannot be used: %(why)s")
            facts = {"platform": outlet.platform, "why": obstacle.detail}
            return Hint(text % facts, f"{reverse('contract')}?platform={outlet.platform}", _("Contract"))
    text = _(
        "The shop has failed several times and is left alone until %(until)s: %(why)s. It is tried again then by "
        "itself. A connection test that works ends the wait at once."
    )
    return Hint(text % {"until": clock(obstacle.until), "why": obstacle.detail}, *api_settings)
