"""How long it takes to map and encode 500 items, and to read the answer to them: `make bench`."""

import json
import time
from collections.abc import Callable
from decimal import Decimal

from integration.platforms.answers import Answer, read_push
from integration.platforms.base import Endpoint, Item
from integration.platforms.contract import Contract, FieldMapping
from integration.platforms.http import HttpPlatform
from integration.platforms.mapping import encode_body
from integration.platforms.presets import PRESETS

ENDPOINT = Endpoint("https://shop.example", "7", "key")
ITEMS = [Item(n, n, f"93409570{n:05d}", Decimal(1000 + n) / 100, n % 2) for n in range(500)]
NESTED = Contract(
    fields=FieldMapping(sku="product.id", selling_price="product.price", stock_status="product.state"),
    price_format="object_string",
)
ROUNDS = 200


def milliseconds(work: Callable[[], object]) -> float:
    """The median of many rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return sorted(times)[ROUNDS // 2] * 1000


def main() -> None:
    for name, contract in {**PRESETS, "nested objects": NESTED}.items():
        spent = milliseconds(lambda contract=contract: encode_body(contract, ENDPOINT, ITEMS))  # type: ignore[misc]
        print(f"encode 500 items for {name}: {spent:.2f} ms")
    adapter = HttpPlatform(PRESETS["pasons"], ENDPOINT)
    request = adapter.build(ITEMS, "chunk-1")
    spent = milliseconds(lambda: HttpPlatform(PRESETS["pasons"], ENDPOINT).excerpt_of(request))
    print(f"keep the beginning of a request of 500 items, without secrets: {spent:.2f} ms")
    answer = Answer(200, json.dumps({"update": [{"id": n} for n in range(500)]}).encode())
    spent = milliseconds(lambda: read_push(PRESETS["woocommerce"], answer, ITEMS))
    print(f"read an answer that lists 500 items: {spent:.2f} ms")


if __name__ == "__main__":
    main()
