"""A database that was restored from a backup: the shops have newer values than it knows of."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Max, Model
from django.utils import timezone

from integration.mock_shop import MockShop
from integration.models import (
    Outlet,
    OutletProduct,
    ProductUpload,
    PushAttempt,
    PushChunk,
    PushHistory,
    PushPause,
)
from integration.platforms.base import Item, Outcome, SendResult, skus
from integration.platforms.memory import Memory
from integration.preparation import prepare
from integration.push_queue import plan_push, start_push
from integration.push_service import PushService, run_push
from integration.reconciliation_queue import want_one
from integration.restore import LEAD
from integration.sweep import sweep
from tests.conftest import acknowledged_state, dashboard_state, make_outlet, memory_state, set_price, stock

pytestmark = pytest.mark.django_db
VALUES = ("selling_price", "stock_status", "pushed_price", "pushed_stock_status", "pushed_at", "confirm_at")
Capture = pytest.CaptureFixture[str]


class HighestRevision(Memory):
    """A shop that takes of an item what has a higher revision than before, and says well to everything."""

    revisions: ClassVar[dict[str, int]] = {}

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        newer = [item for item in items if self.revisions.get(item.sku, 0) < revision]
        self.revisions.update({item.sku: revision for item in newer})
        super().send(newer, request_key, revision)
        return SendResult(Outcome.DONE, accepted=skus(items))


class FirstKey(Memory):
    """A shop that does nothing twice: a request that it knows by its key it only answers."""

    known: ClassVar[set[str]] = set()

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        key = f"{request_key}-{items}"
        super().send([] if key in self.known else items, request_key, revision)
        self.known.add(key)
        return SendResult(Outcome.DONE, accepted=skus(items))


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    HighestRevision.revisions.clear()
    FirstKey.known.clear()


def back_up() -> Callable[[], None]:
    """What brings the database back to what it is now, as a restore does."""
    rows = list(OutletProduct.objects.values("pk", *VALUES))
    last_ids = {model: highest(model) for model in (PushHistory, PushChunk, PushAttempt)}

    def bring_back() -> None:
        for row in rows:
            OutletProduct.objects.filter(pk=row["pk"]).update(**{name: row[name] for name in VALUES})
        PushHistory.objects.filter(pk__gt=last_ids[PushHistory]).delete()
        for model, last in last_ids.items():
            set_sequence(model, last)

    return bring_back


def highest(model: type[Model]) -> int:
    return int(model._default_manager.aggregate(highest=Max("pk"))["highest"])


def set_sequence(model: type[Model], last: int) -> None:
    statement = {
        "postgresql": "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)",
        "sqlite": "UPDATE sqlite_sequence SET seq = %s WHERE name = %s",
    }[connection.vendor]
    values: list[str | int] = [model._meta.db_table, last]
    with connection.cursor() as cursor:
        cursor.execute(statement, values if connection.vendor == "postgresql" else values[::-1])


def after_restore(capsys: Capture) -> dict[str, Any]:
    capsys.readouterr()
    call_command("after_restore", "--json")
    facts: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return facts


def run_all(facts: dict[str, Any]) -> list[str]:
    """What workers do once they are started; how each push has ended."""
    ids = [push["push_id"] for push in facts["pushes"] if push["push_id"]]
    return [run_push(push_id, lambda chunk_id: None).status for push_id in ids]


def go_back(outlet: Outlet) -> None:
    """Push, keep a backup, push newer values, and restore the backup."""
    skus = stock(outlet, 20)
    PushService(outlet).push()
    bring_back = back_up()
    PushService(outlet).push(push_type="full")
    for sku in skus:
        set_price(outlet, sku, "12.00")
    PushService(outlet).push()
    bring_back()


# --- the story ------------------------------------------------------------------------------------------


def test_the_shop_gets_what_the_dashboard_says(
    pasons_outlet: Outlet, shop: MockShop, settings: Any, capsys: Capture
) -> None:
    settings.CONTRACTS = {"pasons": {"read_back": {"settle_seconds": 0}}}
    go_back(pasons_outlet)
    assert PushService(pasons_outlet).push()[1]["status"] == "nothing to push"
    assert shop.shelf.get("14")["s00000"] == ("12.00", 1)
    assert run_all(after_restore(capsys)) == ["success"]
    assert shop.shelf.get("14") == dashboard_state(pasons_outlet) == acknowledged_state(pasons_outlet)
    assert not OutletProduct.objects.filter(confirm_at__isnull=False).exists()
    call_command("reconcile", "--outlet", "14")
    assert capsys.readouterr().out == "proved equal: 20 of 20 items\n"


@pytest.mark.parametrize("kind", [HighestRevision, FirstKey])
def test_a_shop_that_knows_the_ids_since_the_backup_takes_the_values(
    outlet: Outlet, settings: Any, capsys: Capture, kind: type[Memory]
) -> None:
    settings.PLATFORMS = {"memory": f"tests.test_after_restore.{kind.__name__}"}
    settings.CONTRACTS = {"memory": {"revision_field": "revision"}}
    go_back(outlet)
    assert run_all(after_restore(capsys)) == ["success"]
    assert memory_state() == dashboard_state(outlet)
    assert memory_state()["s00000"] == ("10.00", 1)


@pytest.mark.parametrize("kind", [HighestRevision, FirstKey])
def test_without_it_such_a_shop_would_keep_its_own_and_the_record_would_be_wrong(
    outlet: Outlet, settings: Any, kind: type[Memory]
) -> None:
    settings.PLATFORMS = {"memory": f"tests.test_after_restore.{kind.__name__}"}
    settings.CONTRACTS = {"memory": {"revision_field": "revision"}}
    go_back(outlet)
    assert PushService(outlet).push(push_type="full")[0]
    assert acknowledged_state(outlet) == dashboard_state(outlet)
    assert memory_state()["s00000"] == ("12.00", 1)


def test_what_the_full_push_did_not_get_there_stays_unsynced(outlet: Outlet, settings: Any, capsys: Capture) -> None:
    settings.CONTRACTS = {"memory": {"attempts": 1}}
    go_back(outlet)
    facts = after_restore(capsys)
    Memory.script.append(SendResult(Outcome.BROKEN, error_kind="bad_answer", message="not now"))
    assert run_all(facts) == ["failed"]
    assert memory_state()["s00000"] == ("12.00", 1)
    assert OutletProduct.objects.filter(confirm_at__gt=timezone.now()).count() == 20
    OutletProduct.objects.update(confirm_at=timezone.now())  # the time has come
    (ring,) = sweep(timezone.now())
    assert run_push(ring.id, lambda chunk_id: None).accepted_count == 20
    assert memory_state() == dashboard_state(outlet)


# --- the ids --------------------------------------------------------------------------------------------


def test_twice_is_harmless(outlet: Outlet, capsys: Capture) -> None:
    go_back(outlet)
    first = after_restore(capsys)
    second = after_restore(capsys)
    assert second["cancelled_pushes"] == [first["pushes"][0]["push_id"]]
    assert run_all(second) == ["success"]
    assert memory_state() == dashboard_state(outlet)
    for table, last in second["last_ids"].items():
        assert last == first["last_ids"][table] + LEAD


def test_ids_begin_beyond_all_that_were_used(outlet: Outlet, capsys: Capture) -> None:
    go_back(outlet)
    facts = after_restore(capsys)
    run_all(facts)
    last = facts["last_ids"]
    assert (highest(PushAttempt), highest(PushChunk)) == (
        last["integration_pushattempt"] + 1,
        last["integration_pushchunk"] + 1,
    )


def test_a_database_without_a_push_is_no_trouble(outlet: Outlet, capsys: Capture) -> None:
    facts = after_restore(capsys)
    assert facts["pushes"] == [{"store_id": "007", "platform": "memory", "message": "nothing to push", "push_id": None}]
    assert all(last >= LEAD for last in facts["last_ids"].values())
    assert not PushHistory.objects.exists()


# --- what was under way ---------------------------------------------------------------------------------


def test_an_open_push_is_cancelled_and_what_it_sent_is_sent_once_more(outlet: Outlet, capsys: Capture) -> None:
    stock(outlet, 1000)
    push = start_push(outlet, "full", "manual", timezone.now()).push
    assert push is not None
    sending, _ = prepare(plan_push(push.pk, timezone.now())[0].id, timezone.now())
    assert sending is not None
    PushChunk.objects.filter(status="sending").update(claimed_until=timezone.now() - timedelta(hours=1))
    facts = after_restore(capsys)
    push.refresh_from_db()
    assert (push.status, push.error_details) == ("cancelled", "cancelled by a restore of the database")
    assert (facts["cancelled_pushes"], PushChunk.objects.filter(status="sending").exists()) == ([push.pk], False)
    assert OutletProduct.objects.filter(confirm_at__gt=timezone.now() + timedelta(minutes=4)).count() == 500
    assert run_all(facts) == ["success"]
    assert memory_state() == dashboard_state(outlet)


def test_a_push_whose_claim_still_holds_is_followed_by_the_full_push(outlet: Outlet, capsys: Capture) -> None:
    stock(outlet, 3)
    push = start_push(outlet, "partial", "manual", timezone.now()).push
    assert push is not None
    prepare(plan_push(push.pk, timezone.now())[0].id, timezone.now())
    (answer,) = after_restore(capsys)["pushes"]
    assert answer["message"] == f"full push noted: it starts when push {push.pk} ends"
    PushChunk.objects.filter(status="sending").update(claimed_until=timezone.now() - timedelta(hours=1))
    sweep(timezone.now())
    push.refresh_from_db()
    assert push.status == "cancelled"
    following = PushHistory.objects.get(status="queued")
    assert (following.push_type, run_push(following.pk, lambda chunk_id: None).status) == ("full", "success")
    assert memory_state() == dashboard_state(outlet)


def test_comparisons_end_and_files_wait_for_somebody(outlet: Outlet, capsys: Capture) -> None:
    row, _ = want_one(outlet.pk, timezone.now())
    values = {"outlet": outlet, "byte_count": 1, "created_at": timezone.now(), "content": b""}
    uploads = [ProductUpload.objects.create(status=status, **values) for status in ("queued", "applying", "done")]
    facts = after_restore(capsys)
    row.refresh_from_db()
    assert (row.status, row.error, facts["ended_comparisons"]) == (
        "failed",
        "the database was restored: compare again",
        1,
    )
    assert facts["stopped_uploads"] == 2
    assert [ProductUpload.objects.get(pk=one.pk).status for one in uploads] == ["checked", "checked", "done"]


# --- what cannot be pushed ------------------------------------------------------------------------------


def test_what_cannot_be_pushed_is_named_and_follows_by_itself(outlet: Outlet, capsys: Capture) -> None:
    go_back(outlet)
    pause = PushPause.objects.create(reason="stocktaking", paused_at=timezone.now())
    call_command("after_restore")
    out = capsys.readouterr().out
    assert "007 (memory): cannot be pushed yet: every push is paused" in out
    assert "stocktaking; everything is pushed once it can be" in out
    assert not PushHistory.objects.filter(status__in=PushHistory.OPEN).exists()
    PushPause.objects.filter(pk=pause.pk).update(ended_at=timezone.now())
    (ring,) = sweep(timezone.now())
    assert run_push(ring.id, lambda chunk_id: None).accepted_count == 20
    assert memory_state() == dashboard_state(outlet)


def test_an_outlet_that_is_switched_off_is_pushed_when_it_is_switched_on(outlet: Outlet, capsys: Capture) -> None:
    go_back(outlet)
    make_outlet("8", is_active=False)
    Outlet.objects.filter(pk=outlet.pk).update(push_enabled=False)
    facts = after_restore(capsys)
    assert (facts["pushes"], facts["switched_off_outlets"], sweep(timezone.now())) == ([], 2, [])
    Outlet.objects.filter(pk=outlet.pk).update(push_enabled=True)
    (ring,) = sweep(timezone.now())
    assert run_push(ring.id, lambda chunk_id: None).accepted_count == 20
    assert memory_state() == dashboard_state(outlet)


def test_a_full_push_that_would_empty_the_shop_is_held_as_always(outlet: Outlet, capsys: Capture) -> None:
    go_back(outlet)
    OutletProduct.objects.update(stock_status=0)
    assert run_all(after_restore(capsys)) == ["held"]
    assert memory_state()["s00000"] == ("12.00", 1)


def test_it_says_in_plain_words_what_it_did(outlet: Outlet, capsys: Capture) -> None:
    go_back(outlet)
    make_outlet("8", push_enabled=False)
    capsys.readouterr()
    call_command("after_restore")
    push = PushHistory.objects.get(status="queued")
    assert capsys.readouterr().out.splitlines() == [
        "ids that shops get to know go on far ahead",
        "cancelled pushes: 0, ended comparisons: 0, files that wait for somebody to apply them again: 0",
        f"007 (memory): full push {push.pk} started",
        "switched off: 1; everything is pushed there once they are switched on",
    ]
