"""What Prometheus is told: exact numbers, for whom they are meant, at the same cost however large the chain is."""

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from integration import sums
from integration.metrics import write_metrics
from integration.models import (
    EndpointHealth,
    Outlet,
    OutletProduct,
    ProductUpload,
    PushAttempt,
    PushChunk,
    PushHistory,
    PushPause,
    PushSum,
    Reconciliation,
    RejectedItem,
    Rescue,
    SumMark,
    TaskRun,
    make_token,
)
from integration.outlet_state import State, summarize
from integration.preparation import prepare
from integration.pruning import prune_history
from integration.push_queue import plan_push, start_push
from integration.sums import LAG, add_up, bucket_of, note_run
from tasks.maintenance import prune, sweep
from tasks.push import push_all_outlets
from tests.conftest import NOW, make_outlet, stock
from tests.people import make_person, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db

Key = tuple[str, frozenset[tuple[str, str]]]
SEVEN = {"platform": "memory", "store_id": "007", "outlet": "Branch 007"}


@pytest.fixture(autouse=True)
def quiet_broker(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    monkeypatch.setattr("integration.metrics.read_lengths", lambda: {"celery": 4, "unacked": 1})


def scrape(at: Any = NOW) -> dict[Key, float]:
    text = write_metrics("", at)[0].decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = {key(sample.name, **sample.labels): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def key(name: str, **labels: str) -> Key:
    return name, frozenset(labels.items())


def end_push(
    outlet: Outlet, at: Any = NOW, status: str = "success", trigger: str = "schedule", **more: Any
) -> PushHistory:
    facts = {"platform": outlet.platform, "push_type": "partial", "push_timestamp": at, "finished_at": at, **more}
    return PushHistory.objects.create(outlet=outlet, status=status, trigger=trigger, **facts)


def end_attempt(push: PushHistory, seconds: float, outcome: str = "done", kind: str = "", at: Any = NOW) -> PushAttempt:
    chunk = PushChunk.objects.create(push=push, first_id=1, last_id=2, status="done")
    times = {"started_at": at - timedelta(seconds=seconds), "finished_at": at}
    return PushAttempt.objects.create(
        chunk=chunk, number=1, items=[], item_count=1, outcome=outcome, error_kind=kind, **times
    )


# --- outlets --------------------------------------------------------------------------------------------


def refuse(item: OutletProduct, at: Any) -> None:
    values = {"rejected_price": item.selling_price, "rejected_stock_status": item.stock_status}
    times = {"first_rejected_at": at, "last_rejected_at": at, "quarantined_at": at}
    RejectedItem.objects.create(outlet_product=item, reason="unknown product", **values, **times)


def test_an_outlet_s_numbers() -> None:
    outlet = make_outlet()
    stock(outlet, 5)
    items = OutletProduct.objects.order_by("pk")
    items.update(waiting_since=NOW - timedelta(seconds=90))
    refuse(items[0], NOW)
    end_push(outlet, NOW - timedelta(seconds=600))
    end_push(outlet, NOW - timedelta(seconds=60), "failed")
    EndpointHealth.objects.create(outlet=outlet, open_until=NOW + timedelta(seconds=5))
    found = scrape()
    names = ("waiting_items", "quarantined_items", "oldest_change_age_seconds", "breaker_state", "push_enabled")
    assert [found[key(f"shop_outlet_{name}", **SEVEN)] for name in names] == [4, 1, 90, 2, 1]
    assert found[key("shop_outlet_last_good_push_age_seconds", **SEVEN)] == 600
    assert scrape(NOW + timedelta(seconds=5))[key("shop_outlet_breaker_state", **SEVEN)] == 1


def test_a_comparison_says_how_old_it_is_and_what_differed() -> None:
    outlet = make_outlet()
    assert key("shop_outlet_differing_items", **SEVEN) not in scrape()
    values = {"outlet": outlet, "trigger": "manual", "created_at": NOW, "status": "different"}
    for hours in (99, 3):
        created_at = NOW - timedelta(hours=hours)
        Reconciliation.objects.create(**values | {"status": "failed", "created_at": created_at}, finished_at=NOW)
    assert scrape()[key("shop_outlet_comparison_age_seconds", **SEVEN)] == 99 * 3600
    counts = {"differing_count": 3, "missing_count": 2, "unreadable_count": 1, "extra_count": 9}
    Reconciliation.objects.create(**values, **counts, finished_at=NOW - timedelta(hours=2))
    Reconciliation.objects.create(**values | {"status": "failed"}, finished_at=NOW)
    found = scrape()
    names = ("comparison_age_seconds", "differing_items")
    assert [found[key(f"shop_outlet_{name}", **SEVEN)] for name in names] == [7200, 6]


def test_an_outlet_in_sync_waits_for_nothing() -> None:
    outlet = make_outlet(push_enabled=False)
    stock(outlet, 1)
    OutletProduct.objects.update(pushed_price=10, pushed_stock_status=1, waiting_since=NOW - timedelta(days=3))
    found = scrape()
    names = ("waiting_items", "quarantined_items", "oldest_change_age_seconds", "breaker_state", "push_enabled")
    assert [found[key(f"shop_outlet_{name}", **SEVEN)] for name in names] == [0, 0, 0, 0, 0]
    assert key("shop_outlet_last_good_push_age_seconds", **SEVEN) not in found


def test_outlets_are_counted_as_the_list_of_outlets_counts_them() -> None:
    make_outlet("1")
    stock(make_outlet("2"), 1)
    make_outlet("3", "pasons")
    make_outlet("4", is_active=False)
    make_outlet("5", push_enabled=False)
    found, summary = scrape(), summarize(NOW)
    counts = {state: found[key("shop_outlets", state=state.name.lower())] for state in State}
    assert {state: count for state, count in counts.items() if count} == summary.counts
    assert found[key("shop_outlets", state="inactive")] == summary.inactive_count == 1
    assert {dict(labels)["store_id"] for name, labels in found if name == "shop_outlet_waiting_items"} == set("1235")


@pytest.mark.parametrize(
    "name", ['a"b', "a\\", "a\nshop_paused 7", "a\r\nb", '"} 1 #', "سوق", "=cmd", "{}", "\x0bx\x85y\u2028z"]
)
@pytest.mark.parametrize("accept", ["", "application/openmetrics-text;version=1.0.0"])
def test_a_hostile_name_stays_a_label(name: str, accept: str) -> None:
    make_outlet(name=name)
    text = write_metrics(accept, NOW)[0].decode()
    labels = [
        sample.labels["outlet"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "shop_outlet_waiting_items"
    ]
    assert labels == [name]
    assert [line for line in text.split("\n") if line.startswith("shop_paused ")] == ["shop_paused 0.0"]


# --- counters -------------------------------------------------------------------------------------------


def counters(found: dict[Key, float]) -> dict[Key, float]:
    return {
        sample: value for sample, value in found.items() if sample[0].endswith(("_total", "_bucket", "_sum", "_count"))
    }


def test_there_are_no_totals_before_the_first_sum() -> None:
    end_push(make_outlet())
    assert not any(name.startswith(("shop_pushes", "shop_attempts")) for name, _ in scrape())


def test_pushes_and_requests_are_counted_whether_they_are_summed_or_not() -> None:
    outlet = make_outlet()
    old = end_push(outlet, NOW - timedelta(hours=1), rate_wait_count=2)
    end_attempt(old, 0.2, at=NOW - timedelta(hours=1))
    add_up(NOW)
    assert (SumMark.objects.get().summed_until, PushSum.objects.get().count) == (NOW - LAG, 1)
    new = end_push(outlet, NOW, rate_wait_count=1)
    end_push(outlet, NOW, "failed", "manual")
    end_push(outlet, NOW, "running", finished_at=None, rate_wait_count=4)
    end_attempt(new, 3)
    end_attempt(new, 40, "retry", "timeout")
    end_attempt(new, 1, "job")
    found = scrape()
    assert {labels: value for (name, labels), value in found.items() if name == "shop_pushes_total"} == {
        frozenset({("status", "success"), ("trigger", "schedule")}): 2,
        frozenset({("status", "failed"), ("trigger", "manual")}): 1,
    }
    assert found[key("shop_rate_limit_waits_total")] == 7
    assert {labels: value for (name, labels), value in found.items() if name == "shop_attempts_total"} == {
        frozenset({("outcome", "done"), ("error_kind", "")}): 2,
        frozenset({("outcome", "retry"), ("error_kind", "timeout")}): 1,
    }
    buckets = [
        found[key("shop_attempt_duration_seconds_bucket", le=le)] for le in ("0.1", "0.25", "5.0", "30.0", "+Inf")
    ]
    assert buckets == [0, 1, 2, 2, 3]
    assert found[key("shop_attempt_duration_seconds_sum")] == pytest.approx(43.2)
    assert found[key("shop_attempt_duration_seconds_count")] == 3


def test_no_counter_moves_when_the_rows_are_summed_twice_and_pruned(settings: Any) -> None:
    outlet = make_outlet()
    end_attempt(end_push(outlet, rate_wait_count=3), 0.5)
    end_attempt(end_push(outlet, status="failed"), 7, "retry", "http_503")
    add_up(NOW - timedelta(days=1))
    before = counters(scrape())
    later = NOW + timedelta(days=200)
    add_up(later)
    add_up(later)
    assert counters(scrape(later)) == before
    assert prune_history(later) == 2
    assert PushHistory.objects.count() == PushAttempt.objects.count() == 0
    assert counters(scrape(later)) == before


def test_what_is_pruned_by_the_task_was_summed_before() -> None:
    outlet = make_outlet()
    end_attempt(end_push(outlet), 0.5)
    prune()
    assert PushHistory.objects.count() == 0
    assert scrape()[key("shop_pushes_total", status="success", trigger="schedule")] == 1


def test_a_mark_that_moves_while_the_sums_are_read_counts_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    end_push(make_outlet())
    add_up(NOW)

    def move_once(*arguments: Any) -> Any:
        monkeypatch.undo()
        add_up(NOW + timedelta(hours=1))
        return read(*arguments)

    read = sums.read_attempts
    monkeypatch.setattr("integration.metrics.read_lengths", lambda: {})
    monkeypatch.setattr(sums, "read_attempts", move_once)
    totals = sums.read_totals()
    assert totals is not None
    assert {push: tally.count for push, tally in totals.pushes.items()} == {("success", "schedule"): 1}


@pytest.mark.parametrize("seconds, bucket", [(0, 100), (0.1, 100), (0.101, 250), (30, 30_000), (30.001, 0)])
def test_a_bucket_holds_what_took_no_longer(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket


def test_a_wait_for_the_shop_s_limit_is_counted(monkeypatch: pytest.MonkeyPatch, outlet: Outlet) -> None:
    stock(outlet, 1)
    push = start_push(outlet, "partial", "manual", timezone.now()).push
    assert push is not None
    plan_push(push.pk, timezone.now())
    monkeypatch.setattr("integration.preparation.seconds_to_wait", lambda *arguments: 3.0)
    prepare(PushChunk.objects.get().pk, timezone.now())
    push.refresh_from_db()
    assert push.rate_wait_count == 1


def test_rescues_are_counted_over_all_days() -> None:
    for days, count in ((0, 2), (1, 3)):
        Rescue.objects.create(date=NOW.date() - timedelta(days=days), kind="unheard", count=count)
    found = scrape()
    assert found[key("shop_rescues_total", kind="unheard")] == 5
    assert found[key("shop_rescues_total", kind="abandoned")] == 0


# --- queue ----------------------------------------------------------------------------------------------


def open_chunk(push: PushHistory, **more: Any) -> PushChunk:
    return PushChunk.objects.create(push=push, first_id=1, last_id=2, **more)


def test_the_queue_s_numbers() -> None:
    began = NOW - timedelta(seconds=100)
    push = end_push(make_outlet(), began, "running", finished_at=None)
    open_chunk(push, rung_at=NOW - timedelta(seconds=2))
    open_chunk(push, rung_at=NOW, not_before=NOW + timedelta(seconds=1))
    open_chunk(push)  # waits for its turn
    open_chunk(push, status="sending", rung_at=began)
    make_upload()
    found = scrape()
    names = ("open_pushes", "waiting_chunks", "due_chunks", "oldest_due_chunk_age_seconds", "uploads_waiting", "paused")
    assert [found[key(f"shop_{name}")] for name in names] == [1, 3, 1, 100, 1, 0]
    assert found[key("shop_broker_messages", queue="celery")] == 4
    assert found[key("shop_broker_messages", queue="unacked")] == 1


def make_upload() -> None:
    outlet = Outlet.objects.get()
    ProductUpload.objects.create(outlet=outlet, file_name="f.csv", content=b"", byte_count=1, created_at=NOW)


def test_a_push_that_moves_on_has_nothing_that_is_due_for_long() -> None:
    push = end_push(make_outlet(), NOW - timedelta(hours=1), "running", finished_at=None)
    open_chunk(push, rung_at=NOW - timedelta(seconds=9))
    end_attempt(push, 1, at=NOW - timedelta(seconds=9))
    assert scrape()[key("shop_oldest_due_chunk_age_seconds")] == 9


def test_a_pause_of_everything_shows() -> None:
    PushPause.objects.create(paused_at=NOW)
    assert scrape()[key("shop_paused")] == 1


def test_without_a_broker_its_numbers_are_absent_and_the_others_are_there(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.undo()
    for url in ("redis://127.0.0.1:1/0", "unix:///nowhere/valkey.sock", "amqp://guest@localhost//"):
        settings.BROKER_REDIS_URL = url
        found = scrape()
        assert not any(name == "shop_broker_messages" for name, _ in found)
        assert key("shop_paused") in found


def test_a_broker_that_hangs_holds_up_nobody_for_long(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.BROKER_REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        started = timezone.now()
        assert not any(name == "shop_broker_messages" for name, _ in scrape())
        assert timezone.now() - started < timedelta(seconds=3)


def test_the_tasks_last_runs_and_the_schedule_s_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.maintenance.uploads.ring", lambda ids: None)
    note_run(TaskRun.Task.SWEEP, NOW)
    sweep()
    prune()
    push_all_outlets(trigger="manual")
    assert set(TaskRun.objects.values_list("task", flat=True)) == {"sweep", "prune"}
    push_all_outlets()
    found = scrape()
    for task in TaskRun.objects.all():
        ran_at = found[key("shop_task_last_run_timestamp_seconds", task=task.task)]
        assert abs(ran_at - timezone.now().timestamp()) < 60
    assert TaskRun.objects.count() == 3
    assert found[key("shop_schedule_interval_seconds")] == 1800


# --- who, and at what cost ------------------------------------------------------------------------------


@pytest.mark.parametrize("role, status", [("nobody", 403), ("Viewer", 200), ("Operator", 200), ("Manager", 200)])
def test_who_may_scrape_with_a_session(role: str, status: int) -> None:
    assert signed_in(role).get("/metrics").status_code == status


def test_nobody_scrapes_without_a_session_or_a_token() -> None:
    client = Client()
    for headers in ({}, {"Authorization": "Bearer push_wrong"}, {"Authorization": "Basic eDp5"}):
        answer = client.get("/metrics", headers=headers)
        assert answer.status_code == 401
        assert b"shop_" not in answer.content


@pytest.mark.parametrize("role, status", [("nobody", 403), ("Viewer", 200)])
def test_a_program_scrapes_with_a_token(role: str, status: int) -> None:
    make_outlet()
    person = get_user_model().objects.get(username=make_person(role))
    row, token = make_token("prometheus", person.pk, None, timezone.now())
    answer = Client().get(
        "/metrics", headers={"Authorization": f"Bearer {token}", "Accept": "text/plain;version=0.0.4"}
    )
    assert answer.status_code == status
    assert (b"shop_outlet_waiting_items" in answer.content) == (status == 200)
    if status == 200:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    row.revoked_at = timezone.now()
    row.save()
    assert Client().get("/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_no_secret_is_told() -> None:
    make_outlet(api_key="key-3141592653", api_secret="secret-2718281828", api_endpoint="https://u:pass@shop.example/")
    text = write_metrics("", NOW)[0].decode()
    for secret in ("3141592653", "2718281828", "shop.example", "pass@"):
        assert secret not in text


def test_a_scrape_needs_no_encryption_key(settings: Any) -> None:
    make_outlet(api_key="key")
    settings.ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    assert key("shop_outlet_waiting_items", **SEVEN) in scrape()


def count_queries() -> int:
    with CaptureQueriesContext(connection) as queries:
        scrape()
    return len(queries)


def test_a_scrape_costs_as_many_queries_for_thirty_outlets_as_for_three() -> None:
    add_up(NOW)

    def add(first: int, last: int) -> None:
        for number in range(first, last):
            outlet = make_outlet(str(number))
            stock(outlet, 3)
            refuse(OutletProduct.objects.filter(outlet=outlet)[0], NOW)
            end_attempt(end_push(outlet), 0.5)
            open_chunk(end_push(outlet, NOW, "running", finished_at=None), rung_at=NOW)

    add(0, 3)
    few = count_queries()
    add(3, 30)
    assert count_queries() == few <= 25


def test_held_pushes_are_counted() -> None:
    outlet = make_outlet()
    assert scrape()[key("shop_held_pushes")] == 0
    PushHistory.objects.create(
        outlet=outlet, platform="memory", push_type="partial", trigger="manual", push_timestamp=NOW, status="held"
    )
    found = scrape()
    assert (found[key("shop_held_pushes")], found[key("shop_open_pushes")]) == (1, 1)
    assert found[key("shop_outlets", state="trouble")] == 1
