"""The sample chain that `serve` opens on: thirteen outlets with two days of history, and some of them in trouble.

The engine has made all of it, by pushes to the mock shop. The mock shop goes on misbehaving as MISBEHAVIOURS say,
so the trouble stays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from integration import demo_records
from integration.demo_chain import DEMO_KEY, OUTLETS, address_in, load_sample_chain
from integration.demo_past import cancel_at, change_at, change_skus_at, push_at, update_at, write_pushes
from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, PushHistory, Reconciliation
from integration.reconciliation import run_reconciliation
from integration.reconciliation_queue import want_all
from integration.update_record import Sender

MORE_OUTLETS = (
    ("52", "Pasons Deira", "Dubai"),
    ("58", "Pasons Al Nahda", "Sharjah"),
    ("63", "Pasons Khalifa City", "Abu Dhabi"),
    ("71", "Pasons Al Jimi", "Al Ain"),
    ("77", "Pasons Al Rashidiya", "Ajman"),
    ("84", "Pasons Al Nakheel", "Ras Al Khaimah"),
    ("90", "Pasons Faseel", "Fujairah"),
    ("96", "Pasons Al Salamah", "Umm Al Quwain"),
)
DOWN, WAITING, REFUSING, LOCKED_OUT, PAUSED, SLOW, HELD, NOT_SET_UP = "31", "45", "52", "58", "63", "77", "90", "96"

REFUSED = {
    "9340000000017": "unknown product",
    "9340000000104": "unknown product",
    "9340000000311": "the price is above this category's limit",
    "9340000000518": "the price is above this category's limit",
    "9340000000842": "no longer sold here",
    "9340000001263": "unknown product",
    "9340000001377": "the price is above this category's limit",
    "9340000001604": "no longer sold here",
    "9340000001911": "unknown product",
}
REFUSED_FOR_LONG = 6  # of them, so often that they are in quarantine
OUTAGE = {"mode": "status", "status": 503, "error": "down for maintenance", "store_id": DOWN}
REFUSAL = {"mode": "reject", "store_id": REFUSING, "reasons": REFUSED}
DELAY = {"mode": "slow", "seconds": 6, "store_id": SLOW}
MISBEHAVIOURS: tuple[dict[str, Any], ...] = (OUTAGE, REFUSAL, DELAY)

# What went wrong once, by outlet and number of the push.
MISHAPS: dict[str, dict[int, dict[str, Any]]] = {
    "14": {2: {"mode": "status", "status": 503, "error": "please try again", "times": 1}},
    "22": {4: {"mode": "html", "times": 3}},
    "71": {
        1: {"mode": "cut", "times": 1},
        5: {"mode": "status", "status": 429, "retry_after": "20", "error": "too many requests", "times": 1},
    },
    "84": {3: {"mode": "status", "status": 500, "error": "internal error", "times": 3}},
}
CANCELLED = {HELD: 3, WAITING: 1}
IN_FILS = 160  # products
FULL = 20 * 60  # minutes ago, when all outlets were pushed in full
WRITTEN = 22  # pushes of each outlet before that
AFTER_A_FAILURE = (1, 2.5, 5, 10, 18.5, 34, 49.5)  # minutes: the breaker lets a probe through, each time later


@dataclass(frozen=True, slots=True)
class Teller:
    """What the stories need: the shop, the people, and the time at which the visitor comes."""

    shop: MockShop
    now: datetime
    operator_id: int | None
    manager_id: int | None
    tills: Sender

    def ago(self, minutes: float) -> datetime:
        return self.now - timedelta(minutes=minutes)


def make_sample(shop: MockShop, now: datetime) -> None:
    """The whole chain, or nothing of it where something breaks off."""
    operator_id, manager_id = demo_records.somebody("Operator"), demo_records.somebody("Manager")
    with transaction.atomic():
        teller = Teller(shop, now, operator_id, manager_id, demo_records.make_tokens(now, manager_id))
        outlets = load_sample_chain(shop.url, now, OUTLETS + MORE_OUTLETS)
        for outlet in outlets:
            set_up(outlet, teller)
        demo_records.store_contracts(now, manager_id)
        for outlet in outlets:
            tell(outlet, teller)
        demo_records.make_records(now, operator_id, manager_id)
        compare_all(now)


def compare_all(now: datetime) -> None:
    want_all(now)
    for reconciliation_id in Reconciliation.objects.filter(status__in=Reconciliation.OPEN).values_list("pk", flat=True):
        run_reconciliation(reconciliation_id, now)


def sample_outlets() -> QuerySet[Outlet]:
    return Outlet.objects.filter(platform="pasons", store_id__in=[facts[0] for facts in OUTLETS + MORE_OUTLETS])


def move_sample(shop_url: str) -> None:
    """The mock shop listens elsewhere now; whoever was pointed to another address stays there."""
    for outlet in sample_outlets().filter(api_endpoint__startswith="http://127.0.0.1:").only("store_id"):
        Outlet.objects.filter(pk=outlet.pk).update(api_endpoint=address_in(shop_url, outlet.store_id))


# --- two days ---------------------------------------------------------------------------------------------


def set_up(outlet: Outlet, teller: Teller) -> None:
    if outlet.store_id == NOT_SET_UP:
        outlet.api_endpoint = ""
        outlet.push_enabled = outlet.push_after_update = False
        outlet.set_secret("api_key", "", teller.now)
        outlet.save()
        outlet.products.update(waiting_since=teller.ago(5 * 60))
        return
    outlet.set_secret("api_key", DEMO_KEY, teller.ago(48 * 60))
    outlet.push_after_update = outlet.store_id not in (WAITING, PAUSED, DOWN, LOCKED_OUT)
    outlet.save()
    chance = Random(f"yesterday of {outlet.store_id}")
    minutes = sorted(chance.uniform(FULL + 45, 48 * 60) for _ in range(WRITTEN))
    write_pushes(outlet, [teller.ago(each) for each in reversed(minutes)], chance)
    push_at(outlet, teller.ago(FULL), "full", "manual", teller.manager_id)


def tell(outlet: Outlet, teller: Teller) -> None:
    if outlet.store_id == NOT_SET_UP:
        return
    if outlet.store_id not in STORIES:
        everyday(outlet, teller, 7, until=25)
        return
    count, until, story = STORIES[outlet.store_id]
    everyday(outlet, teller, count, until)
    story(outlet, teller)


def everyday(outlet: Outlet, teller: Teller, count: int, until: float) -> None:
    """Changes and their pushes, from the full push until so many minutes ago."""
    chance = Random(f"days of {outlet.store_id}")
    step = (FULL - 60 - until) / count
    for number in range(count):
        minutes = FULL - 60 - step * (number + chance.random() * 0.8)
        change_at(outlet, chance.randint(3, 60), teller.ago(minutes + chance.randint(1, 12)), chance, teller.tills)
        mishap = MISHAPS.get(outlet.store_id, {}).get(number)
        if mishap:
            teller.shop.misbehave(**mishap, store_id=outlet.store_id)
        if CANCELLED.get(outlet.store_id) == number:
            cancel_at(outlet, teller.ago(minutes), teller.operator_id)
        else:
            push_at(outlet, teller.ago(minutes), "partial", *cause(outlet, teller, chance))
        if mishap:
            push_at(outlet, teller.ago(minutes - 6), trigger=PushHistory.Trigger.CONFIRM)


def cause(outlet: Outlet, teller: Teller, chance: Random) -> tuple[str, int | None]:
    """(trigger, the person who asked)"""
    if chance.random() < 0.1:
        return PushHistory.Trigger.MANUAL, teller.operator_id
    is_update = outlet.push_after_update and chance.random() < 0.7
    return (PushHistory.Trigger.PRODUCT_UPDATE if is_update else PushHistory.Trigger.SCHEDULE), None


# --- the trouble ------------------------------------------------------------------------------------------


def is_down(outlet: Outlet, teller: Teller) -> None:
    """Its shop answers 503 since more than an hour: the breaker is open."""
    teller.shop.misbehave(**OUTAGE)
    chance = Random(DOWN)
    change_at(outlet, 64, teller.ago(90), chance, teller.tills)
    push_at(outlet, teller.ago(82))
    change_at(outlet, 17, teller.ago(60), chance, teller.tills)
    push_at(outlet, teller.ago(52))
    probe(outlet, teller, 52)


def is_locked_out(outlet: Outlet, teller: Teller) -> None:
    """Somebody has entered a key that its shop refuses."""
    outlet.set_secret("api_key", "withdrawn-key-7c21", teller.ago(66))
    outlet.save()
    demo_records.note(outlet, teller.ago(66), teller.manager_id, {"api_key": "old"}, {"api_key": "new"})
    change_at(outlet, 43, teller.ago(63), Random(LOCKED_OUT), teller.tills)
    push_at(outlet, teller.ago(57))
    probe(outlet, teller, 57)


def probe(outlet: Outlet, teller: Teller, failed: float) -> None:
    for minutes in AFTER_A_FAILURE:
        push_at(outlet, teller.ago(failed - minutes), trigger=PushHistory.Trigger.RECOVERY)


def is_refusing(outlet: Outlet, teller: Teller) -> None:
    """Its shop refuses some items: six of them so often that they are in quarantine, three since a short while."""
    teller.shop.misbehave(**REFUSAL)
    chance, skus = Random(REFUSING), list(REFUSED)
    change_skus_at(outlet, skus[:REFUSED_FOR_LONG], teller.ago(215), teller.tills)
    for minutes in (210, 150, 90):
        change_at(outlet, 21, teller.ago(minutes + 4), chance, teller.tills)
        push_at(outlet, teller.ago(minutes))
    change_skus_at(outlet, skus[REFUSED_FOR_LONG:], teller.ago(36), teller.tills)
    change_at(outlet, 14, teller.ago(33), chance, teller.tills)
    push_at(outlet, teller.ago(31))


def is_paused(outlet: Outlet, teller: Teller) -> None:
    """Somebody has switched its pushes off; changes go on."""
    outlet.push_enabled = False
    outlet.save()
    demo_records.note(outlet, teller.ago(6 * 60), teller.manager_id, {"push_enabled": True}, {"push_enabled": False})
    for minutes in (330, 210, 120, 45):
        change_at(outlet, 35, teller.ago(minutes), Random(minutes), teller.tills)


def is_waiting(outlet: Outlet, teller: Teller) -> None:
    """Changes since the last push: the next one is the schedule's."""
    for start, end in pairwise((140, 95, 50)):
        change_at(outlet, 18, teller.ago(start), Random(start), teller.tills)
        push_at(outlet, teller.ago(end))
    change_at(outlet, 38, teller.ago(18), Random(18), teller.tills)
    change_at(outlet, 9, teller.ago(6), Random(6), teller.tills)


def is_held(outlet: Outlet, teller: Teller) -> None:
    """The tills have sent prices in fils, and nobody means that: its push waits for somebody to look at it."""
    ids = list(outlet.products.order_by("pk").values_list("pk", flat=True)[:IN_FILS])
    products = OutletProduct.objects.filter(pk__in=ids)
    with update_at(products, teller.ago(24.1), teller.tills):
        products.update(selling_price=F("selling_price") * 100)
    push_at(outlet, teller.ago(24), trigger=PushHistory.Trigger.PRODUCT_UPDATE)


# What is told of an outlet, after so many everyday pushes that end so many minutes ago.
STORIES: dict[str, tuple[int, float, Callable[[Outlet, Teller], None]]] = {
    DOWN: (3, 240, is_down),
    LOCKED_OUT: (3, 240, is_locked_out),
    REFUSING: (3, 300, is_refusing),
    PAUSED: (6, 400, is_paused),
    WAITING: (4, 240, is_waiting),
    HELD: (7, 60, is_held),
}


def slow_outlet() -> Outlet | None:
    """The one whose shop takes its time: a full push of it can be watched."""
    return sample_outlets().filter(store_id=SLOW).defer("api_key", "api_secret").first()
