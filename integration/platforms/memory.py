"""A shop in this process's memory, for trying things out and for tests. It takes what it is sent."""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from integration.platforms.answers import Answer, read_push
from integration.platforms.base import (
    ConnectionResult,
    Endpoint,
    Item,
    Outcome,
    Preview,
    SendResult,
    ShopItem,
    ShopPage,
    skus,
)
from integration.platforms.contract import Contract, ReadBack
from integration.platforms.mapping import encode_body


class Memory:
    default_contract = Contract(read_back=ReadBack(paging="cursor", settle_seconds=0))
    shops: ClassVar[dict[str, dict[str, tuple[Decimal, int]]]] = {}
    # Results that the next requests get instead, and SKUs that are refused with a reason.
    script: ClassVar[list[SendResult]] = []
    refused: ClassVar[dict[str, str]] = {}

    def __init__(self, contract: Contract, endpoint: Endpoint) -> None:
        self.contract = contract
        self.endpoint = endpoint

    @classmethod
    def reset(cls) -> None:
        cls.shops.clear()
        cls.script.clear()
        cls.refused.clear()

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        if self.script:
            return self.script.pop(0)
        rejected = {item.sku: self.refused[item.sku] for item in items if item.sku in self.refused}
        accepted = [item for item in items if item.sku not in rejected]
        shop = self.shops.setdefault(self.endpoint.store_id, {})
        shop.update({item.sku: (item.selling_price, item.stock_status) for item in accepted})
        return SendResult(Outcome.DONE, accepted=skus(accepted), rejected=rejected, status_code=200)

    def poll(self, job_id: str, items: Sequence[Item]) -> SendResult:
        return self.send(items, job_id)

    def read_shelf(self, place: str = "") -> ShopPage:
        """By SKU, from the one after `place` on."""
        size = self.contract.read_back.page_size if self.contract.read_back else 500
        shop = self.shops.get(self.endpoint.store_id, {})
        behind = sorted(sku for sku in shop if sku > place)
        items = tuple(ShopItem(sku, *shop[sku]) for sku in behind[:size])
        return ShopPage(Outcome.DONE, items, items[-1].sku if len(behind) > size else None, len(shop))

    def preview(self, items: Sequence[Item], request_key: str = "chunk-0", revision: int = 0) -> list[Preview]:
        body = encode_body(self.contract, self.endpoint, items, revision).decode()
        return [Preview("PUT", f"memory:{self.endpoint.store_id}", {}, body)]

    def read_sample(self, status: int, body: bytes, items: Sequence[Item]) -> SendResult:
        return read_push(self.contract, Answer(status, body), items)

    def test_connection(self) -> ConnectionResult:
        return ConnectionResult(True, "ok", "memory is always there", None, 0)
