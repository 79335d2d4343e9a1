"""What every platform's adapter takes and gives. Plain values: adapters know no models.

send(items, ...) -> SendResult  for the request one outcome, and for each item accepted, rejected or unknown
read_shelf(place) -> ShopPage      what the shop has, page by page, where its contract can read it back
test_connection() -> ConnectionResult
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from integration.platforms.contract import Contract


class Item(NamedTuple):
    """One outlet product (`id`) and its values as they are sent."""

    id: int
    product_id: int
    sku: str
    selling_price: Decimal
    stock_status: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an outlet's shop is and how to be let in. Its repr shows no secret."""

    url: str
    store_id: str
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    allow_private: bool = False  # the address may lie in a private network
    access_token: str = field(default="", repr=False)
    trusted_hosts: frozenset[str] = frozenset()  # that get the credentials too, beside the address's own


class Outcome(StrEnum):
    """What a request came to.

    done         the shop answered for the items
    retry        it did not work this time and may work later
    credentials  the shop does not let us in; no other request will fare better
    refused      the shop understood and refused the whole request
    broken       the shop's answer is not what its contract says
    forbidden    we do not send to this address
    job          the shop works it off later, and has to be asked for it
    overdue      the shop has not ended its job in time
    """

    DONE = "done"
    RETRY = "retry"
    CREDENTIALS = "credentials"
    REFUSED = "refused"
    BROKEN = "broken"
    FORBIDDEN = "forbidden"
    JOB = "job"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class SendResult:
    """`unknown` are SKUs that the shop may have applied, or may still apply later."""

    outcome: Outcome
    accepted: frozenset[str] = frozenset()
    rejected: dict[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    retry_after: float | None = None  # seconds
    error_kind: str = ""
    message: str = ""
    status_code: int | None = None
    excerpt: str = ""
    sent_bytes: int = 0
    received_bytes: int = 0
    elapsed_seconds: float = 0.0
    job_id: str = ""
    request: str = ""  # the last one that was sent, without secrets, its body cut


@dataclass(frozen=True, slots=True)
class ConnectionResult:
    ok: bool
    kind: str
    message: str
    status_code: int | None
    elapsed_ms: int


class ShopItem(NamedTuple):
    """An item as the shop lists it; None: the shop does not list the value. `problem`: why it cannot be read."""

    sku: str
    price: Decimal | None = None
    stock: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ShopPage:
    """A page of what the shop has, or why there is none (`outcome` is not DONE). Without `next_place`, the last."""

    outcome: Outcome
    items: tuple[ShopItem, ...] = ()
    next_place: str | None = None
    total: int | None = None
    error_kind: str = ""
    message: str = ""
    status_code: int | None = None
    retry_after: float | None = None


class Preview(NamedTuple):
    """A request as it would be sent; secrets are masked."""

    method: str
    url: str
    headers: dict[str, str]
    body: str

    @property
    def text(self) -> str:
        head = [f"{self.method} {self.url}", *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\n".join([*head, "", self.body])


class Platform(Protocol):
    """An adapter. It is made for one outlet's endpoint and speaks one contract."""

    default_contract: Contract

    def __init__(self, contract: Contract, endpoint: Endpoint) -> None: ...

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        """`request_key` is the same for every try of a chunk, `revision` greater for newer values of it."""
        ...

    def poll(self, job_id: str, items: Sequence[Item]) -> SendResult:
        """Ask what became of a job that `send` returned."""
        ...

    def read_shelf(self, place: str = "") -> ShopPage:
        """A page of what the shop has; the first one, or the one at the `next_place` that the page before named."""
        ...

    def preview(self, items: Sequence[Item], request_key: str = "chunk-0", revision: int = 0) -> list[Preview]:
        """What `send` would send, without secrets; nothing is sent."""
        ...

    def read_sample(self, status: int, body: bytes, items: Sequence[Item]) -> SendResult:
        """How this answer would be read."""
        ...

    def test_connection(self) -> ConnectionResult: ...


def skus(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(item.sku for item in items)
