"""Prices and stock change by chance, in every way that there is."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import Error, connection

from benchmarks.soak import clock
from benchmarks.soak.chain import Chain, first_price
from benchmarks.soak.clients import Person, Refused, Till
from benchmarks.soak.journal import Journal
from integration.models import Outlet
from integration.product_update import apply_product_update

EVERY = (0.6, 2.4)  # seconds between two updates
NUDGE = 8.0  # a store that suffers gets a change at least so often
PATIENCE = 60.0
WAYS = {"JSON": 45, "JSON, one item": 25, "CSV": 6, "function": 12, "page": 12}
SENDERS = 6  # a till may have to wait for two minutes, if the database crashed while its update was under way
MISTAKEN = 0.9  # of a store's products go out of stock by mistake; some of them come back before it is noticed
RESERVED = 1  # the first product of a store changes only when a fault is about it

Row = dict[str, Any]


class Probe(NamedTuple):
    """A change whose way to the shop is timed."""

    outlet_id: int
    store_id: str
    product_id: int
    price: Decimal
    asked_at: float


class Traffic(threading.Thread):
    def __init__(self, till: Till, person: Person, chain: Chain, journal: Journal, seed: int) -> None:
        super().__init__(daemon=True, name="traffic")
        self.till, self.person, self.chain, self.journal = till, person, chain, journal
        self.chance = random.Random(seed)
        self.skus = [*chain.product_ids]
        self.prices = {store: [first_price(n) for n in range(len(self.skus))] for store in chain.outlet_ids}
        self.nudged_at: dict[str, float] = {}
        self.probes: list[Probe] = []
        self.lock = threading.Lock()
        self.page_lock = threading.Lock()
        self.senders = ThreadPoolExecutor(SENDERS, "sender")
        self.is_over = threading.Event()

    def run(self) -> None:
        self.person.sign_in()
        while not self.is_over.wait(self.chance.uniform(*EVERY)):
            self.change(*self.choose())
        self.senders.shutdown()

    def choose(self) -> tuple[str, str]:
        """A store that suffers and has not changed for a while, or any; and how."""
        late = clock.now() - NUDGE
        waiting = [store for store in self.journal.troubled() if self.nudged_at.get(store, 0.0) < late]
        (way,) = self.chance.choices([*WAYS], [*WAYS.values()])
        return (waiting[0], "JSON") if waiting else (self.chance.choice([*self.chain.outlet_ids]), way)

    def change(self, store_id: str, way: str, reserved: bool = False) -> None:
        """Nobody waits for it: whoever does the next thing must not be late."""
        with self.lock:
            self.nudged_at[store_id] = clock.now()
            rows = self.rows(store_id, way, reserved)
        self.senders.submit(self.send, store_id, way, rows)

    def put_all(self, store_id: str, stock: int) -> None:
        """Nearly all products of the store, by an update that nobody means, or back."""
        count = round(len(self.skus) * MISTAKEN)
        with self.lock:
            held = zip(self.skus[:count], self.prices[store_id], strict=False)
            rows = [{"sku": sku, "selling_price": str(price), "stock_status": stock} for sku, price in held]
        self.senders.submit(self.send, store_id, "mistake", rows)

    def send(self, store_id: str, way: str, rows: list[Row]) -> None:
        try:
            self.WAY[way](self, store_id, rows)
            self.journal.count(way)
        except (Refused, Error) as exc:
            self.journal.complain(f"an update of store {store_id} ({way}) was not taken: {exc}")
        finally:
            connection.close()

    # --- rows -------------------------------------------------------------------------------------------

    def rows(self, store_id: str, way: str, reserved: bool) -> list[Row]:
        count = {"JSON": self.chance.randint(2, 40), "CSV": self.chance.randint(200, 500), "function": 60}.get(way, 1)
        places = range(RESERVED) if reserved else self.chance.sample(range(RESERVED, len(self.skus)), count)
        return [self.row(store_id, place) for place in places]

    def row(self, store_id: str, place: int) -> Row:
        """A price moves by a tenth at most, and few products are out of stock: as in a shop."""
        step = self.chance.choice([-1, 1]) * self.chance.randint(1, 10)
        price = self.prices[store_id][place]
        moved = (price * (100 + step) / 100).quantize(Decimal("0.01"))
        self.prices[store_id][place] = moved if Decimal("0.50") < moved != price else first_price(place) + 1
        stock = int(self.chance.random() > 0.05)
        return {"sku": self.skus[place], "selling_price": str(self.prices[store_id][place]), "stock_status": stock}

    # --- ways -------------------------------------------------------------------------------------------

    def by_json(self, store_id: str, rows: list[Row]) -> None:
        self.till.update(store_id, rows)

    def by_probe(self, store_id: str, rows: list[Row]) -> None:
        product_id, price = self.chain.product_ids[rows[0]["sku"]], Decimal(rows[0]["selling_price"])
        probe = Probe(self.chain.outlet_ids[store_id], store_id, product_id, price, time.time())
        self.till.update(store_id, rows)
        if store_id not in self.chain.scheduled:
            self.probes.append(probe)

    def by_csv(self, store_id: str, rows: list[Row]) -> None:
        self.till.upload(store_id, rows)

    def by_function(self, store_id: str, rows: list[Row]) -> None:
        outlets = Outlet.objects.defer("api_key", "api_secret")
        patiently(lambda: apply_product_update(outlets.get(pk=self.chain.outlet_ids[store_id]), rows))

    def by_page(self, store_id: str, rows: list[Row]) -> None:
        with self.page_lock:
            self.person.change(self.chain.outlet_ids[store_id], rows[0])

    def release(self, push_id: int) -> None:
        with self.page_lock:
            self.person.release(push_id)
            self.journal.count("held push sent")

    WAY: dict[str, Callable[["Traffic", str, list[Row]], None]] = {
        "JSON": by_json,
        "JSON, one item": by_probe,
        "CSV": by_csv,
        "function": by_function,
        "page": by_page,
        "mistake": by_json,
    }


def patiently(ask: Callable[[], Any]) -> Any:
    """What it returns, once the database is there."""
    ends_at = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except Error:
            connection.close()
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.5)
