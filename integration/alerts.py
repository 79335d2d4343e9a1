"""When an outlet gets into trouble or recovers, that is told once.

1. A state is told when it has held for ALERT_AFTER_SECONDS, and never twice: what was told stands in the outlet's row,
   changed by a conditional UPDATE in the transaction that writes what is to be sent.
2. An outlet that is paused, not set up, being pushed or held is neither well nor in trouble: nothing changes.
3. It has recovered when it is in sync, or when changes wait and a push has succeeded since the trouble was told.
4. Outlets that change at the same time share a message.
5. A push that is held is told once, and once that it no longer is, whatever else is told of its outlet.
6. So is a comparison that needs somebody: so much differs that nothing was sent again, or what was sent again is still
   not there. It is settled by one that finds nothing to send.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from integration.alert_words import (
    Message,
    say_differs,
    say_held,
    say_let_go,
    say_pause,
    say_recovery,
    say_resume,
    say_settled,
    say_trouble,
)
from integration.guard import held_pushes
from integration.models import (
    Alert,
    AlertDelivery,
    AlertTarget,
    Outlet,
    OutletAlert,
    PushHistory,
    PushPause,
    Reconciliation,
)
from integration.outlet_state import State, with_states

GATHERING = timedelta(hours=1)  # while a night's comparisons go on, outlets wait for each other this long
LOOK_BACK = timedelta(days=1)


class Seen(NamedTuple):
    """An outlet that is well or in trouble now, and what was told of it."""

    outlet_id: int
    is_trouble: bool
    was_trouble: bool
    told_at: datetime | None
    differs_since: datetime | None


def watch(now: datetime) -> None:
    """Write down whom to tell what. Without a target, nothing is told and nothing is looked at."""
    if not AlertTarget.objects.filter(is_active=True).exists():
        return
    tell_of_outlets(look(now), now)
    tell_of_holds(now)
    tell_of_comparisons(now)
    tell_of_pauses(now)


def look(now: datetime) -> list[Seen]:
    """The outlets that are, or that were told to be, in trouble."""
    succeeded = PushHistory.objects.filter(
        outlet=OuterRef("pk"), status=PushHistory.Status.SUCCESS, finished_at__gt=OuterRef("alert__told_at")
    )
    known = Q(alert__is_trouble=True) | Q(alert__differs_since__isnull=False)
    outlets = with_states(now).filter(Q(state=State.TROUBLE) | known, is_active=True).order_by("pk")
    outlets = outlets.exclude(Exists(held_pushes().filter(outlet=OuterRef("pk")).order_by()))
    rows = outlets.annotate(has_succeeded=Exists(succeeded)).values_list(
        "pk", "state", "has_succeeded", "alert__is_trouble", "alert__told_at", "alert__differs_since"
    )
    return [
        Seen(pk, state == State.TROUBLE, bool(was_trouble), told_at, since)
        for pk, state, has_succeeded, was_trouble, told_at, since in rows
        if state in (State.TROUBLE, State.IN_SYNC) or (state == State.WAITING and (has_succeeded or not was_trouble))
    ]


def tell_of_outlets(seen: Sequence[Seen], now: datetime) -> None:
    settled = [one.outlet_id for one in seen if one.is_trouble == one.was_trouble and one.differs_since]
    OutletAlert.objects.filter(pk__in=settled).update(differs_since=None)
    changed = [one for one in seen if one.is_trouble != one.was_trouble]
    begin(changed, now)
    limit = now - timedelta(seconds=settings.ALERT_AFTER_SECONDS)
    due = [one for one in changed if (one.differs_since or now) <= limit]
    if due:
        tell_changes(due, now)


def begin(changed: Sequence[Seen], now: datetime) -> None:
    """Note since when it is otherwise than was told."""
    new = [one.outlet_id for one in changed if one.differs_since is None]
    OutletAlert.objects.bulk_create([OutletAlert(outlet_id=pk) for pk in new], ignore_conflicts=True)
    OutletAlert.objects.filter(pk__in=new, differs_since__isnull=True).update(differs_since=now)


@transaction.atomic
def tell_changes(due: Sequence[Seen], now: datetime) -> None:
    told_at = {one.outlet_id: one.told_at or now for one in due}
    claimed = [one for one in due if claim(one, now)]
    outlets = Outlet.objects.defer("api_key", "api_secret").select_related("health").order_by("name", "pk")
    troubled = list(outlets.filter(pk__in=[one.outlet_id for one in claimed if one.is_trouble]))
    recovered = list(outlets.filter(pk__in=[one.outlet_id for one in claimed if not one.is_trouble]))
    if troubled:
        tell(Alert.Kind.TROUBLE, say_trouble(troubled, now), now)
    if recovered:
        tell(Alert.Kind.RECOVERY, say_recovery(recovered, told_at), now)


def claim(one: Seen, now: datetime) -> bool:
    """Two sweeps at the same time tell it once."""
    row = OutletAlert.objects.filter(pk=one.outlet_id, is_trouble=one.was_trouble, differs_since__isnull=False)
    return bool(row.update(is_trouble=one.is_trouble, told_at=now, differs_since=None))


def tell(kind: Alert.Kind, message: Message, now: datetime, pause: PushPause | None = None) -> None:
    """To be sent to every target that is switched on; in the caller's transaction."""
    alert = Alert.objects.create(kind=kind, title=message.title, body=message.body, pause=pause, created_at=now)
    targets = AlertTarget.objects.filter(is_active=True).defer("url")
    AlertDelivery.objects.bulk_create(
        AlertDelivery(alert=alert, target=target, target_name=target.name, not_before=now) for target in targets
    )


# --- pushes that are held -------------------------------------------------------------------------------


def tell_of_holds(now: datetime) -> None:
    """What was told stands in the push's row, changed under a condition: two sweeps tell it once."""
    limit = now - timedelta(seconds=settings.ALERT_AFTER_SECONDS)
    is_told = Q(hold_told_at__isnull=False)
    begun = held_pushes().filter(~is_told, held_at__lte=limit)
    with transaction.atomic():
        if claimed := claim_holds(begun, held_pushes().filter(~is_told), now):
            tell(Alert.Kind.HELD, say_held(claimed), now)
    over = PushHistory.objects.filter(is_told).exclude(status=PushHistory.Status.HELD)
    with transaction.atomic():
        if claimed := claim_holds(over, over, None):
            tell(Alert.Kind.LET_GO, say_let_go(claimed), now)


def claim_holds(
    found: QuerySet[PushHistory], still: QuerySet[PushHistory], told_at: datetime | None
) -> list[PushHistory]:
    """In the order of their ids, as others lock several pushes; listed by the outlets' names."""
    pushes = found.select_related("outlet", "released_by").defer("outlet__api_key", "outlet__api_secret")
    named = list(pushes.order_by("outlet__name", "pk"))
    claimed = {pk for pk in sorted(push.pk for push in named) if still.filter(pk=pk).update(hold_told_at=told_at)}
    return [push for push in named if push.pk in claimed]


# --- shops that have something else ---------------------------------------------------------------------


def tell_of_comparisons(now: datetime) -> None:
    """What was told stands in the outlet's row, changed under a condition: two sweeps tell it once."""
    is_told = Q(outlet__alert__comparison_told_at__isnull=False)
    begun = needing_somebody(now).filter(~is_told)
    with transaction.atomic():
        if claimed := claim_comparisons(begun, now):
            tell(Alert.Kind.DIFFERS, say_differs(claimed), now)
    over = last_results().filter(is_told, is_held=False, sent_count=0, compared_count__gt=F("skipped_count"))
    with transaction.atomic():
        if claimed := claim_comparisons(over, None):
            tell(Alert.Kind.SETTLED, say_settled(claimed), now)


def last_results() -> QuerySet[Reconciliation]:
    """Of each active outlet the last comparison with a result; not those that were to send nothing."""
    results = Reconciliation.objects.filter(status__in=Reconciliation.ENDED).exclude(sends=Reconciliation.Sends.NOTHING)
    later = results.filter(outlet=OuterRef("outlet"), created_at__gt=OuterRef("created_at"))
    return results.filter(~Exists(later), outlet__is_active=True).order_by("outlet")


def needing_somebody(now: datetime) -> QuerySet[Reconciliation]:
    followed_up = Q(trigger=Reconciliation.Trigger.FOLLOW_UP, sent_count__gt=0)
    found = last_results().filter(Q(is_held=True) | followed_up, status=Reconciliation.Status.DIFFERENT)
    is_night = Reconciliation.objects.filter(
        trigger=Reconciliation.Trigger.SCHEDULE, status__in=Reconciliation.OPEN
    ).exists()
    wait = GATHERING if is_night else timedelta(seconds=settings.ALERT_AFTER_SECONDS)
    return found.filter(created_at__gt=now - LOOK_BACK, finished_at__lte=now - wait)


def claim_comparisons(found: QuerySet[Reconciliation], told_at: datetime | None) -> list[Reconciliation]:
    """In the order of the outlets' ids; listed by their names."""
    rows = list(found.select_related("outlet").defer("outlet__api_key", "outlet__api_secret"))
    OutletAlert.objects.bulk_create([OutletAlert(outlet_id=row.outlet_id) for row in rows], ignore_conflicts=True)
    still = OutletAlert.objects.filter(comparison_told_at__isnull=told_at is not None)
    claimed = [row for row in rows if still.filter(pk=row.outlet_id).update(comparison_told_at=told_at)]
    return sorted(claimed, key=lambda row: (row.outlet.name, row.outlet_id))


# --- the pause of everything ----------------------------------------------------------------------------


def tell_of_pauses(now: datetime) -> None:
    limit = now - timedelta(seconds=settings.ALERT_AFTER_SECONDS)
    told = Alert.objects.filter(pause=OuterRef("pk"))
    pauses = PushPause.objects.select_related("paused_by", "ended_by").order_by("pk")
    begun = pauses.filter(~Exists(told), ended_at__isnull=True, paused_at__lte=limit)
    ended = pauses.filter(Exists(told.filter(kind=Alert.Kind.PAUSE)), ended_at__isnull=False)
    over = ended.filter(~Exists(told.filter(kind=Alert.Kind.RESUME)))
    for pause in begun:
        tell_of_pause(Alert.Kind.PAUSE, say_pause, pause, now)
    for pause in over:
        tell_of_pause(Alert.Kind.RESUME, say_resume, pause, now)


@transaction.atomic
def tell_of_pause(kind: Alert.Kind, say: Callable[[PushPause], Message], pause: PushPause, now: datetime) -> None:
    """Under the pause's lock, so that two sweeps tell it once."""
    PushPause.objects.filter(pk=pause.pk).update(reason=F("reason"))
    if not Alert.objects.filter(pause=pause, kind=kind).exists():
        tell(kind, say(pause), now, pause)
