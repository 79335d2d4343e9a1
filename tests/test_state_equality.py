"""Whatever happens in whatever order, in the end the shop has what the dashboard says."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from integration.abandoned import release_abandoned
from integration.contracts import contract_of
from integration.models import EndpointHealth, Outlet, OutletProduct, PushChunk, PushHistory, RejectedItem
from integration.platforms.base import Item, Outcome, SendResult, skus
from integration.platforms.memory import Memory
from integration.push_service import PushService
from tests.conftest import acknowledged_state, dashboard_state, make_outlet, memory_state, stock

pytestmark = pytest.mark.django_db
SKU_COUNT = 3
Values = tuple[str, int]


class Unreliable(Memory):
    """A shop whose next answers are told beforehand, and that may apply a request long after its time-out."""

    plan: ClassVar[list[str]] = []
    late: ClassVar[list[tuple[list[Item], int]]] = []
    ever: ClassVar[set[tuple[str, str, int]]] = set()
    during: ClassVar[list[Callable[[], None]]] = []
    revisions: ClassVar[dict[str, int]] = {}
    refused: ClassVar[set[str]] = set()

    @classmethod
    def apply(cls, items: Sequence[Item], revision: int = 0) -> None:
        """With revisions, an older one changes nothing."""
        items = [item for item in items if cls.revisions.get(item.sku, 0) <= revision]
        cls.revisions.update((item.sku, revision) for item in items)
        cls.shops.setdefault("007", {}).update({i.sku: (i.selling_price, i.stock_status) for i in items})
        cls.ever.update((i.sku, f"{i.selling_price:.2f}", i.stock_status) for i in items)

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        revision = revision if self.contract.revision_field else 0
        if self.during:
            self.during.pop()()
        match self.plan.pop(0) if self.plan else "ok":
            case "ok":
                self.apply(items, revision)
                return SendResult(Outcome.DONE, accepted=skus(items))
            case "refuse":
                self.refused.add(items[0].sku)
                self.apply(items[1:], revision)
                return SendResult(Outcome.DONE, accepted=skus(items[1:]), rejected={items[0].sku: "no"})
            case "refuse-all":
                self.refused.update(skus(items))
                return SendResult(Outcome.REFUSED, status_code=400, error_kind="http_400", message="no")
            case "lost":
                return SendResult(Outcome.RETRY, unknown=skus(items), error_kind="timeout")
            case "applied":
                self.apply(items, revision)
                return SendResult(Outcome.RETRY, unknown=skus(items), error_kind="timeout")
            case "late":
                self.late.append((list(items), revision))
                return SendResult(Outcome.RETRY, unknown=skus(items), error_kind="timeout")
            case "half":
                self.apply(items[: len(items) // 2], revision)
                return SendResult(Outcome.BROKEN, unknown=skus(items), error_kind="bad_answer")
        return SendResult(Outcome.CREDENTIALS, message="no")


def time_passes() -> None:
    """The shop applies what it still holds; only then are unknown outcomes due, unless revisions keep it out.

    What it refused while it was due has been put off in any case.
    """
    for items, revision in Unreliable.late:
        Unreliable.apply(items, revision)
    Unreliable.late.clear()
    waiting = OutletProduct.objects.filter(confirm_at__isnull=False)
    if contract_of("memory").revision_field:
        waiting = waiting.filter(product__sku__in=Unreliable.refused)
    waiting.update(confirm_at=timezone.now())


def lose_claim() -> None:
    """The worker that is sending is taken for dead."""
    PushChunk.objects.filter(status="sending").update(claimed_until=timezone.now() - timedelta(seconds=1))
    release_abandoned(timezone.now())


def set_values(number: int, cents: int, status: int) -> None:
    OutletProduct.objects.filter(product__sku=f"s{number:05d}").update(
        selling_price=Decimal(cents) / 100, stock_status=status
    )


def check_records(outlet: Outlet) -> None:
    recorded = {(sku, *values) for sku, values in acknowledged_state(outlet).items()}
    assert recorded <= Unreliable.ever


def push(outlet: Outlet, push_type: str, skus: list[str] | None = None) -> None:
    """When the breaker's pause is over: it doubles with each failure, and a longer one would end the sequence."""
    EndpointHealth.objects.filter(open_until__isnull=False).update(open_until=timezone.now())
    PushService(outlet).push(skus, push_type)
    check_records(outlet)


changes = st.tuples(st.integers(0, SKU_COUNT - 1), st.integers(1, 500), st.integers(0, 1))
KINDS = ["refuse", "refuse-all", "lost", "applied", "late", "half", "credentials"]
faults = st.tuples(st.sampled_from(KINDS), st.integers(1, 4))
steps = st.one_of(
    st.tuples(st.just("change"), changes),
    st.tuples(st.just("change in flight"), changes),
    st.tuples(st.just("push"), st.sampled_from(["partial", "full"])),
    st.tuples(st.just("push with a fault"), faults),
    st.tuples(st.just("change and push"), changes),
    st.tuples(st.just("claim lost in flight"), changes),
    st.tuples(st.just("push by name"), st.integers(0, SKU_COUNT - 1)),
    st.tuples(st.just("time passes"), st.none()),
)


@pytest.mark.parametrize("revision_field", ["", "revision"])
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@example(sequence=[("push with a fault", ("late", 1)), ("change and push", (0, 1, 0))])
@example(
    sequence=[("push", "full"), ("change", (0, 1, 0)), ("push with a fault", ("applied", 3)), ("change", (0, 1000, 1))]
)
@example(
    sequence=[
        ("change and push", (0, 2, 0)),
        ("change", (0, 1, 0)),
        ("push with a fault", ("refuse", 4)),
        ("push", "partial"),
        ("push with a fault", ("applied", 4)),
        ("push by name", 0),
        ("push", "partial"),
        ("change", (0, 2, 0)),
    ]
)
@given(sequence=st.lists(steps, max_size=12))
def test_in_the_end_the_states_are_equal(settings: Any, revision_field: str, sequence: list[tuple[str, Any]]) -> None:
    contract = {"backoff_seconds": 0.0001, "batch_size": 2, "breaker_failures": 10_000, "breaker_seconds": 0.0001}
    contract |= {"revision_field": revision_field}
    settings.PLATFORMS = {"memory": "tests.test_state_equality.Unreliable"}
    settings.CONTRACTS = {"memory": contract}
    outlet = start_anew()
    for what, value in sequence:
        take(what, value, outlet)
    heal(outlet)
    assert memory_state() == dashboard_state(outlet) == acknowledged_state(outlet)
    assert not PushHistory.objects.filter(status__in=PushHistory.OPEN).exists()


def take(what: str, value: Any, outlet: Outlet) -> None:
    if what == "change in flight":
        Unreliable.during.append(lambda: set_values(*value))
    if what == "claim lost in flight":
        Unreliable.during.append(lambda: (set_values(*value), lose_claim()))
    if what == "push by name":
        push(outlet, "partial", [f"s{value:05d}"])
        return
    if what.startswith("change and") or what == "change":
        set_values(*value)
    if what == "push with a fault":
        Unreliable.plan.extend([value[0]] * value[1])
    if what == "time passes":
        time_passes()
    if "push" in what:
        push(outlet, value if what == "push" else "partial")


def start_anew() -> Outlet:
    PushHistory.objects.all().delete()
    Outlet.objects.all().delete()
    Memory.reset()
    kept = (
        Unreliable.plan,
        Unreliable.late,
        Unreliable.ever,
        Unreliable.during,
        Unreliable.revisions,
        Unreliable.refused,
    )
    for collected in kept:
        collected.clear()
    outlet = make_outlet()
    stock(outlet, SKU_COUNT)
    return outlet


def heal(outlet: Outlet) -> None:
    """The shop is well again; what it refused is released by hand."""
    Unreliable.plan.clear()
    Unreliable.during.clear()
    RejectedItem.objects.update(quarantined_at=None, identical_count=0)
    for _ in range(2):
        time_passes()
        push(outlet, "partial")
