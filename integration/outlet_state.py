"""How each outlet is, in SQL, so that states are filtered, counted and sorted there; and the facts behind a state.

not set up > paused > trouble (breaker, push held) > pushing > trouble (last push failed, items in quarantine)
> waiting > in sync
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Case, Count, Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.utils.translation import gettext_lazy as _

from integration.changes import is_quarantined, unsynced
from integration.guard import OPEN_PUSHES as OPEN
from integration.guard import held_pushes
from integration.models import Outlet, OutletProduct, PushChunk, PushHistory, RejectedItem
from integration.obstacles import open_pauses

STRIP_LENGTH = 30  # pushes
LATE_LIMIT = 50  # outlets
WITHOUT_ADDRESS = ("memory",)  # platforms that need no endpoint
ENDED = (PushHistory.Status.SUCCESS, PushHistory.Status.PARTIAL, PushHistory.Status.FAILED)


class State(models.IntegerChoices):
    """In the order in which somebody should look at them."""

    TROUBLE = 1, _("trouble")
    WAITING = 2, _("changes waiting")
    PUSHING = 3, _("pushing")
    NOT_SET_UP = 4, _("not set up")
    PAUSED = 5, _("paused")
    IN_SYNC = 6, _("in sync")


# --- states ---------------------------------------------------------------------------------------------


def with_states(now: datetime) -> QuerySet[Any]:
    """All outlets, each with its `state`; without the secrets."""
    state = Case(
        When(Q(api_endpoint="") & ~Q(platform__in=WITHOUT_ADDRESS), then=Value(State.NOT_SET_UP)),
        When(is_paused(), then=Value(State.PAUSED)),
        When(health__open_until__isnull=False, then=Value(State.TROUBLE)),
        When(Exists(held_pushes().filter(outlet=OuterRef("pk")).order_by()), then=Value(State.TROUBLE)),
        When(Exists(open_pushes()), then=Value(State.PUSHING)),
        When(last_status=PushHistory.Status.FAILED, then=Value(State.TROUBLE)),
        When(pk__in=outlets_in_quarantine(), then=Value(State.TROUBLE)),
        When(first_waiting__isnull=False, then=Value(State.WAITING)),
        default=Value(State.IN_SYNC),
        output_field=models.IntegerField(),
    )
    # Not EXISTS: PostgreSQL would read every waiting item of the chain at once.
    waiting = OutletProduct.objects.filter(unsynced(now), outlet=OuterRef("pk")).values("pk")[:1]
    last_status = ended_pushes().values("status")[:1]
    outlets = Outlet.objects.defer("api_key", "api_secret").select_related("health")
    facts = {"last_status": Subquery(last_status), "first_waiting": Subquery(waiting)}
    return outlets.alias(**facts).annotate(state=state)


def is_paused() -> Q:
    return Q(is_active=False) | Q(push_enabled=False) | Q(Exists(open_pauses()))


def open_pushes() -> QuerySet[PushHistory]:
    return PushHistory.objects.filter(outlet=OuterRef("pk"), status__in=OPEN).order_by()


def ended_pushes() -> QuerySet[PushHistory]:
    """Pushes that ended by themselves, the newest first: one that somebody cancelled says nothing of the shop."""
    return PushHistory.objects.filter(outlet=OuterRef("pk"), status__in=ENDED)


def good_pushes() -> QuerySet[PushHistory]:
    """Pushes that went well, the newest first."""
    good = PushHistory.objects.filter(outlet=OuterRef("pk"), status=PushHistory.Status.SUCCESS)
    return good.order_by("-push_timestamp")


def outlets_in_quarantine() -> QuerySet[Any]:
    """Where `is_quarantined` holds for an item: found from the refusals, which are few."""
    return RejectedItem.objects.filter(is_refused_as_it_is()).order_by().values("outlet_product__outlet_id")


def is_refused_as_it_is() -> Q:
    """Of a rejected item: in quarantine, and the outlet still has the values that were refused."""
    same_price = Q(rejected_price=F("outlet_product__selling_price"))
    return Q(quarantined_at__isnull=False) & same_price & Q(rejected_stock_status=F("outlet_product__stock_status"))


def in_order(outlets: QuerySet[Any]) -> QuerySet[Any]:
    """Who needs somebody first; who is not active, last."""
    return outlets.order_by("-is_active", "state", "name", "pk")


# --- all outlets together -------------------------------------------------------------------------------


class Summary(NamedTuple):
    """How many active outlets are in each state, how many are not active, and since when a change waits."""

    counts: dict[State, int]
    inactive_count: int
    oldest_at: datetime | None


def summarize(now: datetime) -> Summary:
    grouped = with_states(now).order_by().values_list("is_active", "state").annotate(count=Count("pk"))
    counts, inactive_count = {}, 0
    for is_active, state, count in grouped:
        if is_active:
            counts[State(state)] = count
        else:
            inactive_count += count
    return Summary(counts, inactive_count, find_oldest(now, counts))


def find_oldest(now: datetime, counts: dict[State, int]) -> datetime | None:
    """Since when a change waits that a shop should have by now; not asked for where many outlets are late."""
    states = [state for state in (State.TROUBLE, State.WAITING) if counts.get(state)]
    if not 0 < sum(counts[state] for state in states) <= LATE_LIMIT:
        return None
    late = with_states(now).filter(is_active=True, state__in=states).order_by().values_list("pk", flat=True)
    waiting = OutletProduct.objects.filter(to_push(now), differs=True, outlet__in=list(late))
    oldest: datetime | None = waiting.aggregate(at=Min("waiting_since"))["at"]
    return oldest


def to_push(now: datetime) -> Q:
    """What the next partial push takes (as `changes.items_to_push`, of any outlet)."""
    return unsynced(now) & ~Q(is_quarantined())


# --- a page of outlets ----------------------------------------------------------------------------------


class Bar(NamedTuple):
    """A push in the strip."""

    push_id: int
    status: str


@dataclass(slots=True)
class Facts:
    """What stands behind an outlet's state."""

    has_products: bool = False
    waiting_count: int = 0
    oldest_at: datetime | None = None
    rejected_count: int = 0
    quarantined_count: int = 0
    last_good_at: datetime | None = None
    last_push: PushHistory | None = None
    open_push: PushHistory | None = None
    done_count: int = 0
    bars: list[Bar] = field(default_factory=list)


def read_facts(outlet_ids: Sequence[int], now: datetime) -> dict[int, Facts]:
    """The facts of these outlets, in a few queries however many they are."""
    facts = {outlet_id: Facts() for outlet_id in outlet_ids}
    note_pushes(facts)
    note_rejected(facts)
    note_waiting(facts, now)
    return facts


def note_waiting(facts: dict[int, Facts], now: datetime) -> None:
    """What the next push takes; quarantine is looked up item by item, so only where there is some."""
    some = [outlet_id for outlet_id, each in facts.items() if each.quarantined_count]
    note_counts(facts, OutletProduct.objects.filter(unsynced(now), outlet__in=facts.keys() - set(some)))
    note_counts(facts, OutletProduct.objects.filter(to_push(now), outlet__in=some))


def note_counts(facts: dict[int, Facts], waiting: QuerySet[OutletProduct]) -> None:
    oldest = Min("waiting_since", filter=Q(differs=True))
    for outlet_id, count, at in waiting.order_by().values_list("outlet").annotate(count=Count("pk"), at=oldest):
        facts[outlet_id].waiting_count, facts[outlet_id].oldest_at = count, at


def note_rejected(facts: dict[int, Facts]) -> None:
    rejected = RejectedItem.objects.filter(outlet_product__outlet__in=facts).order_by()
    counts = {"count": Count("pk"), "held": Count("pk", filter=is_refused_as_it_is())}
    for outlet_id, count, held in rejected.values_list("outlet_product__outlet").annotate(**counts):
        facts[outlet_id].rejected_count, facts[outlet_id].quarantined_count = count, held


def note_pushes(facts: dict[int, Facts]) -> None:
    newest_first = PushHistory.objects.filter(outlet=OuterRef("pk")).order_by("-push_timestamp")
    found = Outlet.objects.filter(pk__in=facts).annotate(
        has_products=Exists(OutletProduct.objects.filter(outlet=OuterRef("pk"))),
        last_good_at=Subquery(good_pushes().values("finished_at")[:1]),
        last_push_id=Subquery(ended_pushes().values("pk")[:1]),
        open_push_id=Subquery(open_pushes().values("pk")[:1]),
        strip_from=Subquery(newest_first.values("push_timestamp")[STRIP_LENGTH - 1 : STRIP_LENGTH]),
    )
    columns = ("pk", "has_products", "last_good_at", "last_push_id", "open_push_id", "strip_from")
    rows = list(found.order_by().values_list(*columns))
    pushes = read_pushes(push_id for row in rows for push_id in row[3:5])
    for pk, has_products, last_good_at, last_push_id, open_push_id, _strip_from in rows:
        each = facts[pk]
        each.has_products, each.last_good_at = has_products, last_good_at
        each.last_push, each.open_push = pushes.get(last_push_id), pushes.get(open_push_id)
    note_progress(facts)
    note_strips(facts, {row[0]: row[5] for row in rows})


def read_pushes(push_ids: Iterable[int | None]) -> dict[int | None, PushHistory]:
    columns = ("status", "push_timestamp", "stopped_at", "item_count", "error_details", "response_message")
    pushes = PushHistory.objects.filter(pk__in={pk for pk in push_ids if pk is not None})
    return {push.pk: push for push in pushes.only(*columns).order_by()}


def note_progress(facts: dict[int, Facts]) -> None:
    """How many items of each open push are done with."""
    under_way = {each.open_push.pk: each for each in facts.values() if each.open_push}
    ended = PushChunk.objects.filter(push__in=under_way, status__in=(PushChunk.Status.DONE, PushChunk.Status.FAILED))
    for push_id, count in ended.order_by().values_list("push").annotate(count=Sum("item_count")):
        under_way[push_id].done_count = count


def note_strips(facts: dict[int, Facts], starts: dict[int, datetime | None]) -> None:
    """The last pushes of each outlet, from the time of the earliest that is shown: it bounds what is read."""
    is_shown = Q(pk__in=())
    for outlet_id, start in starts.items():
        is_shown |= Q(outlet=outlet_id, push_timestamp__gte=start) if start else Q(outlet=outlet_id)
    pushes = PushHistory.objects.filter(is_shown).order_by("push_timestamp", "pk")
    for outlet_id, push_id, status in pushes.values_list("outlet", "pk", "status"):
        facts[outlet_id].bars.append(Bar(push_id, status))
    for each in facts.values():
        del each.bars[:-STRIP_LENGTH]


def count_items(outlet_ids: Sequence[int]) -> dict[int, int]:
    """How many items a push of everything takes."""
    items = OutletProduct.objects.filter(~Q(is_quarantined()), outlet__in=outlet_ids).order_by()
    return dict(items.values_list("outlet").annotate(count=Count("pk")))
