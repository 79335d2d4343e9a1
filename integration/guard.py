"""Whether a push would do something that nobody means. Then it is held until a person says so.

1. Compared are the dashboard's values with those that the shop has acknowledged: a first push is never held.
2. A share of a few items says nothing, so below `min_items` nothing is held. Items that went out of stock within the
   last hour count with those that would go now: a shop that is emptied in several updates is emptied all the same.
3. What a person has agreed to is not held again; more than that is. A push that is held goes on by itself where less
   of what held it is left, not where more has come in beside it.
4. A product update may come in while a push runs. What is sent has the revision that was judged (integration.revisions)
   or moves nothing far; else the push is judged once more before anything of it is sent.
5. The cost grows with what has changed, not with what exists.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, Max, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Abs, Cast, Round
from django.db.models.lookups import GreaterThan

from integration import changes, revisions
from integration.changes import SliceRead
from integration.models import UNSETTLED, Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory
from integration.platforms.base import Item
from integration.platforms.contract import Contract

logger = logging.getLogger(__name__)
STOCK, PRICE = "stock", "price"
RECENT = timedelta(hours=1)
AGREED = ("stock_count", "leap_count")
# SQLite uses the partial index of open pushes only where their states stand in the statement itself.
OPEN_PUSHES = tuple(RawSQL(f"'{status.value}'", ()) for status in PushHistory.OPEN)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is too much: the platform's, or the outlet's own."""

    is_on: bool = True
    stock_percent: int = 30  # of the outlet's items that the shop knows
    price_percent: int = 60  # of the shop's price: a move beyond it is a leap
    items_percent: int = 5  # of the items that are sent: so many may leap
    min_items: int = 10


@dataclass(frozen=True, slots=True)
class Findings:
    """What a push would do. The totals are counted only where they matter, and only as far."""

    stock_count: int = 0  # items that go out of stock
    gone_count: int = 0  # items that went out of stock a short while ago
    known_count: int | None = None  # items that the shop knows
    leap_count: int = 0  # items whose price leaps
    item_count: int | None = None  # items that are sent
    trips: tuple[str, ...] = ()


class Look(NamedTuple):
    """Findings, of the values with this revision or of later ones, and what somebody has agreed to."""

    findings: Findings
    revision: int
    agreed: dict[str, Any] | None = None
    let_go_at: datetime | None = None  # of the push as it was looked at: a look from before says nothing any more

    def is_of(self, push: PushHistory) -> bool:
        return self.let_go_at == push.let_go_at


class Stale(Exception):
    """The push has to be judged once more: values have come in since that move far."""

    def __init__(self, push_id: int) -> None:
        super().__init__(push_id)
        self.push_id = push_id


def limits_of(outlet: Outlet, contract: Contract) -> Limits:
    guard = contract.guard
    own: dict[str, int | None] = {
        "stock_percent": outlet.guard_stock_percent,
        "price_percent": outlet.guard_price_percent,
        "items_percent": outlet.guard_items_percent,
    }
    chosen = {name: getattr(guard, name) if value is None else value for name, value in own.items()}
    return Limits(is_on=guard.enabled, min_items=guard.min_items, **chosen)


# --- judging --------------------------------------------------------------------------------------------


def exceeds(count: int, total: int, percent: int, limits: Limits, agreed: int) -> bool:
    """More than the share, by whole numbers; of a few items, or within what was agreed to, nothing is too much."""
    return count >= limits.min_items and count > agreed and count * 100 > percent * total


def leaps(price: Any, known_price: Any, limits: Limits) -> bool:
    return bool(abs(price - known_price) * 100 > limits.price_percent * known_price)


def moves_far(item: Item, pushed_price: Decimal | None, pushed_stock_status: int | None, limits: Limits) -> bool:
    """The guard counts this item."""
    if pushed_price is None or pushed_stock_status is None:
        return False
    is_leaving = pushed_stock_status > 0 and item.stock_status == 0
    return is_leaving or leaps(item.selling_price, pushed_price, limits)


def look(push: PushHistory, contract: Contract, now: datetime) -> Look:
    """Judge what the push would do now. The revision is read first: what comes in meanwhile has a later one."""
    revision = revisions.revision_of(push.outlet_id)
    limits = limits_of(push.outlet, contract)
    if not limits.is_on:
        return Look(Findings(), revision, None, push.let_go_at)
    found = judge(push, limits, push.agreed, now)
    if found.trips and push.agreed is None and (agreed := agreed_before(push)):
        return Look(judge(push, limits, agreed, now), revision, agreed, push.let_go_at)
    return Look(found, revision, push.agreed, push.let_go_at)


def agreed_before(push: PushHistory) -> dict[str, Any] | None:
    """What was agreed to for the outlet's last push, if that did not get it through."""
    last = last_ended(push)
    return last.agreed if last and last.status != PushHistory.Status.SUCCESS else None


def last_ended(push: PushHistory) -> PushHistory | None:
    """The outlet's last push that is over."""
    ended = PushHistory.objects.filter(outlet=push.outlet_id, finished_at__isnull=False).order_by("-push_timestamp")
    return ended.only("status", "agreed", "findings").first()


def judge(push: PushHistory, limits: Limits, agreed: dict[str, Any] | None, now: datetime) -> Findings:
    """What somebody has agreed to is no reason; what has changed since then is judged by itself.

    What went a short while ago counts only where nothing was agreed to: the push itself may have sent it.
    """
    items = moving(push.outlet_id)
    found = weigh(push, items, limits, agreed or {}, now, counts_gone=not agreed)
    if found.trips or not agreed:
        return found
    since = items.filter(waiting_since__gt=datetime.fromisoformat(agreed["at"]))
    fresh = weigh(push, since, limits, {}, now, counts_gone=False)
    return fresh if fresh.trips else found


def weigh(
    push: PushHistory,
    items: QuerySet[OutletProduct],
    limits: Limits,
    agreed: dict[str, Any],
    now: datetime,
    *,
    counts_gone: bool,
) -> Findings:
    counts = items.aggregate(stock_count=Count("pk", filter=LEAVING), leap_count=Count("pk", filter=leaping(limits)))
    counts["gone_count"] = count_gone(push, now) if counts["stock_count"] and counts_gone else 0
    known_count = item_count = None
    trips = []
    out_count = counts["stock_count"] + counts["gone_count"]
    if out_count >= limits.min_items:
        known_count = count_known(push.outlet_id, out_count, limits.stock_percent)
        if exceeds(out_count, known_count, limits.stock_percent, limits, agreed.get("stock_count", 0)):
            trips.append(STOCK)
    if counts["leap_count"] >= limits.min_items:
        item_count = count_sent(push, counts["leap_count"], limits.items_percent, now)
        if exceeds(counts["leap_count"], item_count, limits.items_percent, limits, agreed.get("leap_count", 0)):
            trips.append(PRICE)
    return Findings(known_count=known_count, item_count=item_count, trips=tuple(trips), **counts)


LEAVING = Q(pushed_stock_status__gt=0, stock_status=0)


def moving(outlet_id: int) -> QuerySet[OutletProduct]:
    """What the shop knows otherwise. Items that it has never acknowledged do not count, nor those in quarantine."""
    known = {"pushed_price__isnull": False, "pushed_stock_status__isnull": False}
    products = OutletProduct.objects.filter(UNSETTLED, ~changes.is_quarantined(), outlet_id=outlet_id)
    return products.filter(differs=True, **known)


def cents(name: str) -> Cast:
    """SQLite keeps prices as floating-point numbers: whole ones can be compared."""
    return Cast(Round(F(name) * 100), BigIntegerField())


def leaping(limits: Limits) -> Q:
    moved = ExpressionWrapper(Abs(cents("selling_price") - cents("pushed_price")) * 100, BigIntegerField())
    allowed = ExpressionWrapper(cents("pushed_price") * limits.price_percent, BigIntegerField())
    return Q(GreaterThan(moved, allowed))


def count_gone(push: PushHistory, now: datetime) -> int:
    """Items that pushes took out of stock a short while ago, since the last one whose stock somebody agreed to.

    Of a push that is held, before it was held: waiting does not set it free.
    """
    until = push.held_at if push.status == PushHistory.Status.HELD and push.held_at else now
    ended = PushHistory.objects.filter(outlet=push.outlet_id, agreed__isnull=False, finished_at__gt=until - RECENT)
    agreed = [pk for pk, found in ended.values_list("pk", "findings") if STOCK in (found or {}).get("trips", ())]
    # Not the push's own end: answers wait for each other, and a later one may bear an earlier time.
    answered = PushAttempt.objects.filter(chunk__push__in=agreed).aggregate(at=Max("finished_at"))["at"]
    gone = OutletProduct.objects.filter(outlet=push.outlet_id, pushed_stock_status=0, stock_status=0)
    return gone.filter(sold_out_at__gt=max(until - RECENT, answered or until - RECENT)).count()


def count_known(outlet_id: int, count: int, percent: int) -> int:
    known = OutletProduct.objects.filter(outlet_id=outlet_id, pushed_stock_status__isnull=False)
    return count_up_to(known, enough(count, percent))


def count_sent(push: PushHistory, count: int, percent: int, now: datetime) -> int:
    """Of a push that runs, with what has been sent of it: towards its end, the rest is not the whole. Where prices hold
    it, no more than when they began to."""
    items = changes.items_to_push(push.outlet_id, push.push_type, now)
    found = max(push.item_count, count_up_to(items, enough(count, percent)))
    before = held_by(push)
    return min(found, before["item_count"]) if PRICE in before.get("trips", ()) else found


def held_by(push: PushHistory) -> dict[str, Any]:
    """What the push is held for, or what the one before was discarded for: that is still there."""
    if push.status == PushHistory.Status.HELD:
        return push.findings or {}
    last = last_ended(push)
    return last.findings or {} if last and last.status == PushHistory.Status.CANCELLED else {}


def enough(count: int, percent: int) -> int:
    """Of so many or more, `count` is no more than this share."""
    return max(-(-count * 100 // max(percent, 1)), 1)


def count_up_to(items: QuerySet[OutletProduct], limit: int) -> int:
    return items.order_by()[:limit].count()


# --- what is sent ---------------------------------------------------------------------------------------


def check(push: PushHistory, contract: Contract, read: SliceRead) -> None:
    """Stale if these items' values are not those that were judged, and one of them moves far."""
    if not read.items or read.revision == push.guard_revision:
        return
    limits = limits_of(push.outlet, contract)
    pairs = zip(read.items, read.pushed, strict=True)
    if limits.is_on and any(moves_far(item, *pushed, limits) for item, pushed in pairs):
        raise Stale(push.pk)


def is_kept_back(chunk: PushChunk) -> bool:
    """The chunk came back, or came in, while its push was held. A job that the shop has taken is still asked for."""
    return chunk.push.status == PushHistory.Status.HELD and chunk.job is None


# --- the held push --------------------------------------------------------------------------------------


def settle(push: PushHistory, look: Look, now: datetime) -> bool:
    """Note what was found, and hold the push if that is too much. The caller has locked the push."""
    if not look.is_of(push):
        return False
    if look.findings.trips:
        hold(push, look, now)
        return True
    if look.agreed:
        left = {name: min(look.agreed[name], getattr(look.findings, name)) for name in AGREED}
        push.agreed = {**left, "at": look.agreed["at"]}
    if look.agreed or push.guard_revision != look.revision:
        push.guard_revision = look.revision
        push.save(update_fields=["guard_revision", "agreed"])
    return False


def hold(push: PushHistory, look: Look, now: datetime) -> None:
    """Nothing more of it is sent; what is under way still ends for itself."""
    push.status = PushHistory.Status.HELD
    push.held_at = now
    push.findings = asdict(look.findings)
    push.guard_revision = look.revision
    push.save(update_fields=["status", "held_at", "findings", "guard_revision"])
    waiting = PushChunk.objects.filter(push=push, status=PushChunk.Status.WAITING, job__isnull=True)
    waiting.update(status=PushChunk.Status.HELD)
    facts = {"push_id": push.pk, "outlet_id": push.outlet_id, "trips": look.findings.trips}
    logger.warning("push held", extra=facts)


def keep(push: PushHistory, look: Look) -> None:
    """Still held, for what it would do by now."""
    push.findings = asdict(look.findings)
    push.guard_revision = look.revision
    push.save(update_fields=["findings", "guard_revision"])


def agree(push: PushHistory, look: Look, user_id: int | None, now: datetime) -> None:
    push.agreed = {**{name: getattr(look.findings, name) for name in AGREED}, "at": now.isoformat()}
    push.released_by_id = user_id
    push.save(update_fields=["agreed", "released_by"])


def let_go(push: PushHistory, look: Look, now: datetime) -> None:
    """Have it go on where it was. The caller has locked the push."""
    has_begun = PushChunk.objects.filter(push=push).exists()
    push.status = PushHistory.Status.RUNNING if has_begun else PushHistory.Status.QUEUED
    push.guard_revision = look.revision
    push.let_go_at = now
    push.save(update_fields=["status", "guard_revision", "let_go_at"])
    logger.info("push let go", extra={"push_id": push.pk, "outlet_id": push.outlet_id})
    held = PushChunk.objects.filter(push=push, status=PushChunk.Status.HELD)
    held.update(status=PushChunk.Status.WAITING, rung_at=None)


def held_pushes() -> QuerySet[PushHistory]:
    return PushHistory.objects.filter(status__in=OPEN_PUSHES).filter(status=PushHistory.Status.HELD)
