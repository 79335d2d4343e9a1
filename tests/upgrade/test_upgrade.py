"""From the previous release's database to this one's and back, with rows of every kind and a push in mid-flight."""

from typing import Any

import pytest
from django.apps import apps as newest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integration.delivery import send_chunk
from integration.models import (
    AlertTarget,
    ApiToken,
    Outlet,
    OutletProduct,
    PushChunk,
    PushHistory,
    PushPause,
    make_token,
)
from integration.product_update import apply_product_update
from integration.push_queue import Ring, plan_push
from integration.sweep import sweep
from tests.conftest import acknowledged_state, dashboard_state, memory_state
from tests.upgrade import schema
from tests.upgrade.rows import PRODUCTS, Writer

pytestmark = pytest.mark.usefixtures("old_database")


def work(rings: list[Ring]) -> None:
    """What workers do."""
    while rings:
        ring = rings.pop()
        rings += (plan_push if ring.kind == "push" else send_chunk)(ring.id, timezone.now())


def work_to_the_end() -> None:
    for _ in range(10):
        work(sweep(timezone.now()))
        if not PushHistory.objects.filter(status__in=PushHistory.OPEN).exists():
            return
    raise AssertionError("a push does not end")


def file_nodes() -> dict[str, Any]:
    """On PostgreSQL each table's file, which is another one once the table was written anew."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, relfilenode FROM pg_class WHERE relkind = 'r' AND relname LIKE 'integration_%'")
        return dict(cursor.fetchall())


def test_the_old_database_has_a_row_of_every_kind() -> None:
    rows = schema.read_all(schema.previous_models())
    assert [label for label, found in rows.items() if label.startswith("integration.") and not found] == []


def test_nothing_is_lost() -> None:
    before = schema.read_all(schema.previous_models())
    schema.go_to_newest()
    assert schema.lost(before, schema.read_all(schema.previous_models())) == []
    assert Outlet.objects.get().api_key == "a-key"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes tables anew; it is for one machine")
def test_no_table_that_was_there_is_written_anew() -> None:
    before = file_nodes()
    schema.go_to_newest()
    assert before.items() - file_nodes().items() == set()


def test_the_open_push_ends_and_what_was_asked_for_follows(settings: Any) -> None:
    settings.RING_AGAIN_SECONDS = 0
    schema.go_to_newest()
    work_to_the_end()
    _, opened, following = PushHistory.objects.order_by("pk")
    assert (opened.status, opened.accepted_count) == ("success", PRODUCTS)
    assert (following.status, following.push_type, following.trigger) == ("success", "full", "product_update")
    outlet = Outlet.objects.get()
    assert memory_state(outlet.store_id) == dashboard_state(outlet) == acknowledged_state(outlet)
    assert len(dashboard_state(outlet)) == PRODUCTS
    # The dead worker's request may still be applied by the shop: its items are sent once more later.
    assert OutletProduct.objects.filter(confirm_at__gt=timezone.now()).count() == 2


def test_the_groups_have_their_rights_and_the_schedule_stays_as_it_was_set() -> None:
    schema.go_to_newest()
    codes = {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}
    assert codes.keys() == {"Viewer", "Operator", "Manager"}
    assert codes["Viewer"] < codes["Operator"] < codes["Manager"]
    assert "push_outlet" in codes["Operator"] - codes["Viewer"]
    assert {"change_outlet", "add_apitoken", "add_alerttarget"} <= codes["Manager"] - codes["Operator"]
    push = PeriodicTask.objects.get(name="Partial push of all outlets")
    assert (push.interval.every, push.interval.period, push.enabled) == (10, "minutes", True)
    assert PeriodicTask.objects.get(name="By night").crontab.hour == "3"
    assert PeriodicTask.objects.filter(task="tasks.maintenance.sweep", enabled=True).count() == 1


def test_old_code_writes_and_reads_at_every_step_of_the_way() -> None:
    """Old workers run until the last migration is done, and a while longer."""
    old = schema.previous_models()
    for number, migration in enumerate(schema.migrations_since()):
        MigrationExecutor(connection).migrate([(migration.app_label, migration.name)])
        with transaction.atomic():
            Writer(old, f"step{number}").fill()
    schema.go_to_newest()
    assert Outlet.objects.filter(pushes__status="running").count() == Outlet.objects.count() == number + 2
    work_to_the_end()
    assert not OutletProduct.objects.filter(pushed_at__isnull=True).exists()


def fill_what_is_new() -> None:
    """What this release has and the previous one has not."""
    user = newest.get_model("auth", "User").objects.get()
    now = timezone.now()
    make_token("till", user.pk, None, now)
    PushPause.objects.create(reason="stocktaking", paused_at=now, ended_at=now, paused_by=user)
    AlertTarget.objects.create(name="Desk", url="jsons://alerts.example/x", kind="JSON", created_at=now)


def test_on_the_way_back_held_pushes_end_and_the_outlet_can_be_pushed_again(settings: Any) -> None:
    settings.RING_AGAIN_SECONDS = 0
    schema.go_to_newest()
    work_to_the_end()
    push = PushHistory.objects.create(
        outlet=Outlet.objects.get(), platform="memory", push_timestamp=timezone.now(), status="held"
    )
    PushChunk.objects.create(push=push, first_id=1, last_id=2, status="held")
    schema.go_to_previous()
    old = schema.previous_models()
    ended = old.get_model("integration", "PushHistory").objects.get(pk=push.pk)
    assert (ended.status, ended.finished_at is not None) == ("cancelled", True)
    assert list(old.get_model("integration", "PushChunk").objects.filter(push=ended).values_list("status")) == [
        ("failed",)
    ]
    Writer(old, "back").fill()
    schema.go_to_newest()


def test_the_way_back_keeps_what_the_previous_release_knows(settings: Any) -> None:
    settings.RING_AGAIN_SECONDS = 0
    schema.go_to_newest()
    fill_what_is_new()
    work_to_the_end()
    apply_product_update(Outlet.objects.get(), [{"sku": "before-0000", "selling_price": "12.00", "stock_status": 0}])
    old = schema.previous_models()
    before = schema.read_all(old)
    schema.go_to_previous()
    assert schema.lost(before, schema.read_all(old)) == []
    Writer(old, "back").fill()
    schema.go_to_newest()
    assert (ApiToken.objects.count(), Outlet.objects.count()) == (0, 2)
    work_to_the_end()
