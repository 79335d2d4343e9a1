"""What a write-back locks, and what updates and people lock beside it, comes in one order: nobody waits in a circle."""

import functools
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from integration import changes, delivery, forms, history, pruning, push_progress, push_queue
from integration.alerts import tell_of_holds
from integration.contracts import store_contract
from integration.delivery import send_chunk
from integration.forms import NamedSettingsForm, save_outlet
from integration.models import (
    AlertTarget,
    DailySum,
    EndpointHealth,
    Outlet,
    OutletProduct,
    PushAttempt,
    PushChunk,
    PushHistory,
    RejectedItem,
)
from integration.pages import push as push_page
from integration.pages.api_settings_forms import BranchForm
from integration.platforms.base import Outcome, SendResult
from integration.platforms.memory import Memory
from integration.product_update import apply_product_update
from integration.push_queue import plan_push, start_push, stop_push
from integration.push_service import send_again
from integration.rejections import release_items
from tests.conftest import make_outlet, stock
from tests.people import make_person
from tests.test_locks import in_threads, turn_rows_around

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def several_writers(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose write-backs are not tried again."""
    if connection.vendor == "sqlite":
        pytest.skip("there is one writer at a time")
    monkeypatch.setattr(delivery, "RECORD_AGAIN_AFTER", ())


def wait_for_locks(count: int, seconds: float) -> None:
    """Until so many connections wait for a lock, or for so long."""
    ends_at = time.monotonic() + seconds
    waiting = "wait_event_type = 'Lock' AND datname = current_database()"
    with connection.cursor() as cursor:
        while time.monotonic() < ends_at:
            cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {waiting}")
            if cursor.fetchone()[0] >= count:
                return
            time.sleep(0.02)


def refuse(outlet: Outlet, sku: str) -> RejectedItem:
    """As if the shop had refused it for long, at another price."""
    now = timezone.now()
    values = {"rejected_price": Decimal("9.00"), "rejected_stock_status": 1, "identical_count": 3}
    at = {"first_rejected_at": now, "last_rejected_at": now, "quarantined_at": now}
    item = OutletProduct.objects.get(outlet=outlet, product__sku=sku)
    return RejectedItem.objects.create(outlet_product=item, reason="no", **values, **at)


def begin(outlet: Outlet) -> tuple[PushHistory, int]:
    push = start_push(outlet, "full", "manual", timezone.now()).push
    assert push is not None
    (ring,) = plan_push(push.pk, timezone.now())
    return push, ring.id


def update(outlet: Outlet, skus: list[str]) -> None:
    apply_product_update(outlet, [{"sku": sku, "selling_price": "11.00", "stock_status": 1} for sku in skus])


def release_of_push(outlet: Outlet) -> None:
    push = PushHistory(outlet=outlet, push_timestamp=timezone.now() - timedelta(hours=1))
    push_progress.release_rejected(push, timezone.now())


def save_limits(outlet: Outlet) -> None:
    fresh = Outlet.objects.defer("api_key", "api_secret").get(pk=outlet.pk)
    form = NamedSettingsForm({"guard_stock_percent": 50}, instance=fresh, now=timezone.now())
    assert form.is_valid(), form.errors
    user = get_user_model().objects.get(username=make_person("administrator"))
    save_outlet(form, user.pk, timezone.now())
    assert Outlet.objects.filter(pk=outlet.pk, guard_stock_percent=50).exists()


ACTIONS: dict[str, Callable[[Outlet, list[str]], object]] = {
    "send again": lambda outlet, skus: send_again(outlet, skus, timezone.now()),
    "release": lambda outlet, skus: release_items(RejectedItem.objects.all()),
    "release what a push had refused": lambda outlet, skus: release_of_push(outlet),
    "save the outlet's limits": lambda outlet, skus: save_limits(outlet),
    "store a contract": lambda outlet, skus: store_contract("memory", "", {}, timezone.now()),
}


@pytest.mark.parametrize("place", [(history, "clear_rejections"), (delivery, "tell_breaker")], ids=lambda it: it[1])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_write_back_an_update_and_a_person_do_not_wait_in_a_circle(
    monkeypatch: pytest.MonkeyPatch, action: str, place: tuple[Any, str]
) -> None:
    outlet = make_outlet()
    skus = stock(outlet, 1)
    refuse(outlet, skus[0])
    EndpointHealth.objects.create(outlet=outlet, failure_count=1)
    push, chunk_id = begin(outlet)
    reached, free = threading.Event(), threading.Event()
    real, send = getattr(*place), Memory.send

    def pause(*args: Any) -> Any:
        reached.set()
        free.wait(20)
        return real(*args)

    def hold_meanwhile(self: Memory, *args: Any) -> Any:
        PushHistory.objects.filter(pk=push.pk).update(status="held")
        return send(self, *args)

    monkeypatch.setattr(*place, pause)
    monkeypatch.setattr(Memory, "send", hold_meanwhile)

    def change() -> None:
        reached.wait(20)
        update(outlet, skus)

    def act() -> None:
        reached.wait(20)
        wait_for_locks(1, 10)  # the update waits for the item
        ACTIONS[action](outlet, skus)

    def go_on() -> None:
        reached.wait(20)
        wait_for_locks(2, 2)
        free.set()

    assert in_threads(lambda: send_chunk(chunk_id, timezone.now()), change, act, go_on) == []
    assert reached.is_set()


def test_two_who_release_items_of_one_outlet_do_not_wait_in_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = make_outlet()
    refused = [refuse(outlet, sku) for sku in stock(outlet, 2)]
    monkeypatch.setattr(push_progress, "RELEASE_BATCH", 1)
    begun, real = threading.Event(), push_progress.lift_quarantine

    def lift(items: Any) -> int:
        count = real(items)
        begun.set()
        wait_for_locks(1, 2)
        return count

    monkeypatch.setattr(push_progress, "lift_quarantine", lift)

    def release() -> None:
        begun.wait(20)
        release_items(RejectedItem.objects.filter(pk=refused[1].pk))

    assert in_threads(lambda: release_of_push(outlet), release) == []
    assert RejectedItem.objects.filter(quarantined_at__isnull=False).count() == 0


def test_a_push_that_is_stopped_with_several_jobs_and_an_update_do_not_wait_in_a_circle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outlet = make_outlet()
    skus = stock(outlet, 2)
    turn_rows_around()
    push = start_push(outlet, "full", "manual", timezone.now()).push
    assert push is not None
    for item in OutletProduct.objects.order_by("product_id"):
        job = {"id": "1", "rejected": {}}
        ids = {"first_id": item.product_id, "last_id": item.product_id}
        chunk = PushChunk.objects.create(push=push, job=job, attempt_count=1, **ids)
        sent = [[item.pk, "10.00", 1]]
        PushAttempt.objects.create(chunk=chunk, number=1, started_at=timezone.now(), items=sent, item_count=1)
    PushHistory.objects.filter(pk=push.pk).update(status="running")
    begun, real = threading.Event(), changes.confirm_later

    def confirm(*args: Any) -> None:
        real(*args)
        if not begun.is_set():
            begun.set()
            wait_for_locks(1, 5)

    monkeypatch.setattr(changes, "confirm_later", confirm)

    def change() -> None:
        begun.wait(20)
        update(outlet, skus)

    assert in_threads(lambda: stop_push(push.pk, "stopped", timezone.now()), change) == []
    assert OutletProduct.objects.filter(confirm_at__isnull=False).count() == 2


def pause_once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, seconds: float = 3) -> threading.Event:
    """The function goes on when somebody waits for a lock; set when it has been reached."""
    reached, real = threading.Event(), getattr(module, name)

    def pause(*args: Any) -> Any:
        reached.set()
        wait_for_locks(1, seconds)
        return real(*args)

    monkeypatch.setattr(module, name, pause)
    return reached


def after(reached: threading.Event, work: Callable[[], object]) -> Callable[[], None]:
    def wait_and_work() -> None:
        assert reached.wait(20)
        work()

    return wait_and_work


def test_an_answer_that_stops_a_push_with_jobs_of_an_earlier_contract_and_an_update(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outlet = make_outlet()
    skus = stock(outlet, 2)
    push = start_push(outlet, "full", "manual", timezone.now()).push
    assert push is not None
    first, second = OutletProduct.objects.order_by("product_id")
    job = {"job": {"id": "1", "rejected": {}}, "attempt_count": 1}
    asked = PushChunk.objects.create(push=push, first_id=first.product_id, last_id=first.product_id, **job)
    sent = {"items": [[first.pk, "10.00", 1]], "item_count": 1}
    PushAttempt.objects.create(chunk=asked, number=1, started_at=timezone.now(), **sent)
    chunk = PushChunk.objects.create(push=push, first_id=second.product_id, last_id=second.product_id)
    PushHistory.objects.filter(pk=push.pk).update(status="running")
    refused = SendResult(Outcome.CREDENTIALS, unknown=frozenset(skus), error_kind="credentials", message="no")
    monkeypatch.setattr(Memory, "send", lambda *args: refused)
    reached = pause_once(monkeypatch, delivery, "tell_breaker")
    change = after(reached, lambda: update(outlet, skus))
    assert in_threads(lambda: send_chunk(chunk.pk, timezone.now()), change) == []
    assert PushHistory.objects.get().status == "failed"


@pytest.mark.parametrize("step", ["count_refused_push", "start_next"])
def test_a_full_push_that_is_started_as_another_push_ends(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    outlet = make_outlet()
    stock(outlet, 1)
    push, chunk_id = begin(outlet)
    EndpointHealth.objects.create(outlet=outlet, full_push_wanted=True)
    if step == "start_next":
        PushHistory.objects.filter(pk=push.pk).update(next_push_type="full", next_trigger="manual")
    else:
        refused = SendResult(Outcome.REFUSED, status_code=400, error_kind="refused", message="no")
        monkeypatch.setattr(Memory, "send", lambda *args: refused)
        monkeypatch.setattr(delivery, "is_refused_item", lambda *args: False)
    reached = pause_once(monkeypatch, push_queue, step)
    start = after(reached, lambda: start_push(outlet, "full", "manual", timezone.now()))
    assert in_threads(lambda: send_chunk(chunk_id, timezone.now()), start) == []


def test_another_store_id_is_saved_as_a_push_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = make_outlet()
    stock(outlet, 1)
    user = get_user_model().objects.get(username=make_person("administrator"))
    EndpointHealth.objects.create(outlet=outlet, failure_count=1)
    push, chunk_id = begin(outlet)
    PushHistory.objects.filter(pk=push.pk).update(next_push_type="full", next_trigger="manual")
    reached = pause_once(monkeypatch, forms, "reset_health")

    def save() -> None:
        fresh = Outlet.objects.defer("api_key", "api_secret").get(pk=outlet.pk)
        form = BranchForm({"name": "Branch", "store_id": "008", "is_active": "on"}, instance=fresh)
        assert form.is_valid(), form.errors
        save_outlet(form, user.pk, timezone.now())

    assert in_threads(save, after(reached, lambda: send_chunk(chunk_id, timezone.now()))) == []
    assert Outlet.objects.get().store_id == "008"


def hold_push(outlet: Outlet) -> None:
    at = timezone.now() - timedelta(hours=1)
    findings = {"trips": ["stock"], "stock_count": 1, "leap_count": 0, "known_count": 1, "item_count": 1}
    about = {"platform": outlet.platform, "push_type": "partial", "trigger": "manual", "status": "held"}
    PushHistory.objects.create(outlet=outlet, push_timestamp=at, held_at=at, findings=findings, **about)


def test_several_held_pushes_are_told_of_as_items_are_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """Branch 2 is the first by its id, and the second by its name."""
    AlertTarget.objects.create(name="t", url="https://example.com", kind="slack", created_at=timezone.now())
    for store_id in ("2", "1"):
        outlet = make_outlet(store_id)
        (sku,) = stock(outlet, 1, prefix=f"of-{store_id}-")
        refuse(outlet, sku)
        hold_push(outlet)
    reached, real = threading.Event(), QuerySet.update

    def change(self: QuerySet[Any], **values: Any) -> int:
        count = real(self, **values)
        if "hold_told_at" in values and not reached.is_set():
            reached.set()
            wait_for_locks(1, 3)
        return count

    monkeypatch.setattr(QuerySet, "update", change)
    release = after(reached, lambda: release_items(RejectedItem.objects.all()))
    assert in_threads(lambda: tell_of_holds(timezone.now()), release) == []
    assert PushHistory.objects.filter(hold_told_at__isnull=False).count() == 2


def test_a_push_is_asked_for_again_as_another_one_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = make_outlet()
    refuse(outlet, stock(outlet, 2)[0])
    OutletProduct.objects.update(pushed_price=Decimal("10.00"), pushed_stock_status=1, pushed_at=timezone.now())
    at = {"push_timestamp": timezone.now() - timedelta(hours=1), "finished_at": timezone.now()}
    about = {"platform": "memory", "push_type": "partial", "trigger": "manual", "status": "partial"}
    over = PushHistory.objects.create(outlet=outlet, **at, **about)
    client = Client()
    client.force_login(get_user_model().objects.get(username=make_person("administrator")))
    reached, real = threading.Event(), push_page.release_rejected

    def release(*args: Any) -> int:
        count = real(*args)
        reached.set()
        wait_for_locks(1, 2)
        return count

    monkeypatch.setattr(push_page, "release_rejected", release)
    answers: list[int] = []
    again = functools.partial(client.post, f"/pushes/{over.pk}/again/")
    send = after(reached, lambda: send_chunk(begin(outlet)[1], timezone.now()))
    assert in_threads(lambda: answers.append(again().status_code), send) == []
    assert answers == [302]


def test_two_who_prune_at_once_count_each_push_once(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = make_outlet()
    at = timezone.now() - timedelta(days=400)
    about = {"platform": "memory", "push_type": "full", "trigger": "manual", "status": "success", "item_count": 10}
    for _ in range(3):
        PushHistory.objects.create(outlet=outlet, push_timestamp=at, finished_at=at, **about)
    ids = list(PushHistory.objects.values_list("pk", flat=True))
    pause_once(monkeypatch, pruning, "sums_of", 1)
    assert in_threads(lambda: pruning.prune_batch(ids), lambda: pruning.prune_batch(ids)) == []
    assert list(DailySum.objects.values_list("push_count", "item_count")) == [(3, 30)]
