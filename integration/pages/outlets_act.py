"""What can be done with several outlets at once, and what is said of it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, ngettext_lazy

from integration import audit
from integration.health import health_of
from integration.models import Outlet, PushHistory
from integration.obstacles import CannotPush
from integration.outlet_state import Facts, State
from integration.pages.outlets_row import Row
from integration.push_queue import Ring, start_push
from tasks import push

PUSH_CHANGES, PUSH_EVERYTHING, ENABLE, PAUSE = "push_changes", "push_everything", "enable", "pause"
# The actions, and who may do them.
PERMISSIONS = {
    PUSH_CHANGES: "integration.push_outlet",
    PUSH_EVERYTHING: "integration.push_outlet",
    ENABLE: "integration.change_outlet",
    PAUSE: "integration.change_outlet",
}
Message = tuple[int, str]  # its level and text

STARTED, JOINED, NOTHING = "started", "joined", "nothing"
RESULTS = {
    STARTED: (messages.SUCCESS, ngettext_lazy("Push started: %(names)s.", "%(n)d pushes started: %(names)s.", "n")),
    JOINED: (
        messages.INFO,
        ngettext_lazy(
            "A push is under way, and this one follows it: %(names)s.",
            "%(n)d pushes are under way, and these follow them: %(names)s.",
            "n",
        ),
    ),
    NOTHING: (
        messages.INFO,
        ngettext_lazy(
            "Nothing to push, the shop has it all: %(names)s.",
            "Nothing to push, %(n)d shops have it all: %(names)s.",
            "n",
        ),
    ),
}


def act(action: str, outlets: Sequence[Any], user_id: int, now: datetime) -> list[Message]:
    """Do it, and say what became of each outlet."""
    if action in (ENABLE, PAUSE):
        return [switch(outlets, user_id, now, is_on=action == ENABLE)]
    push_type = PushHistory.PushType.FULL if action == PUSH_EVERYTHING else PushHistory.PushType.PARTIAL
    return list(push_each(outlets, push_type, user_id, now))


@transaction.atomic
def switch(outlets: Sequence[Outlet], user_id: int, now: datetime, *, is_on: bool) -> Message:
    """Turn pushing on or off; who did it is recorded where it was otherwise before."""
    changed = [outlet for outlet in outlets if outlet.push_enabled != is_on]
    Outlet.objects.filter(pk__in=[outlet.pk for outlet in changed]).update(push_enabled=is_on)
    states = ({"push_enabled": not is_on}, {"push_enabled": is_on})
    audit.record_each(user_id, [(outlet, *states) for outlet in changed], now)
    count, names = len(outlets), list_names(outlets)
    if is_on:
        text = ngettext("Pushing is on: %(names)s.", "Pushing is on for %(n)d outlets: %(names)s.", count)
    else:
        text = ngettext("Paused: %(names)s.", "%(n)d outlets are paused: %(names)s.", count)
    return messages.SUCCESS, text % {"n": count, "names": names}


def push_each(outlets: Sequence[Any], push_type: str, user_id: int, now: datetime) -> Iterator[Message]:
    """Start the pushes, and then wake the workers once: a broker that hangs is waited for once."""
    rings: list[Ring] = []
    done: dict[str, list[Outlet]] = {STARTED: [], JOINED: [], NOTHING: []}
    refused: list[Message] = []
    for outlet in outlets:
        try:
            started = start_push(outlet, push_type, PushHistory.Trigger.MANUAL, now, user_id)
        except CannotPush as exc:
            refused.append((messages.ERROR, f"{outlet.name}: {why_not(outlet, exc, now)}"))
            continue
        rings += started.rings
        done[NOTHING if started.push is None else JOINED if started.joined else STARTED].append(outlet)
    push.ring(rings)
    yield from refused
    for result, (level, text) in RESULTS.items():
        if done[result]:
            yield level, str(text % {"n": len(done[result]), "names": list_names(done[result])})


def why_not(outlet: Any, error: CannotPush, now: datetime) -> str:
    """In the list's words where they say it, else in the engine's."""
    health = health_of(outlet)
    is_left_alone = outlet.state == State.TROUBLE and health and health.open_until
    if is_left_alone or outlet.state in (State.NOT_SET_UP, State.PAUSED):
        return Row(outlet, Facts(), now, None).cause.text
    return str(error)


def list_names(outlets: Sequence[Outlet]) -> str:
    return _(", ").join(outlet.name for outlet in outlets)
