"""The previous release's own code, from the history of the repository, works while the database is migrated."""

import dataclasses
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard import env, processes
from dashboard.supervisor import Program
from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory
from tests.conftest import KEY, acknowledged_state, dashboard_state
from tests.faults.local import LocalProcess, wait_until
from tests.faults.service import database_url
from tests.upgrade import schema

NEXT = "integration/migrations/0006_contracts_and_tokens.py"  # the first that the previous release does not have
PRODUCTS = 10_000
ASK = "from tasks.push import ring_outlet; ring_outlet({outlet}, push_type='full')"


def git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=env.BASE_DIR, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


@pytest.fixture
def old_code(tmp_path: Path) -> Path:
    """The folder of the previous release's code."""
    added = git("log", "--diff-filter=A", "--format=%H", "--", NEXT)
    archive, folder = tmp_path / "old.tar", tmp_path / "old"
    if not added or not git("rev-parse", "--verify", f"{added}^"):
        pytest.skip("needs the repository's history")
    git("archive", "--output", str(archive), f"{added}^")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    assert not (folder / NEXT).exists()
    return folder


@pytest.fixture
def start(tmp_path: Path, old_database: str) -> Iterator[Any]:
    """Starts a program with the old database."""
    started: list[LocalProcess] = []

    def begin(program: Program, folder: Path = env.BASE_DIR) -> LocalProcess:
        variables = env.changed(DATABASE_URL=database_url(), REDIS_URL="")
        started.append(
            LocalProcess(
                dataclasses.replace(program, folder=folder, environment=variables), tmp_path / str(len(started))
            )
        )
        return started[-1]

    yield begin
    for process in reversed(started):
        process.teardown()


def add_outlet(apps: Any, shop: MockShop) -> int:
    models = apps.get_app_config("integration").models
    address = {"api_endpoint": f"{shop.url}/stores/14/products", "allow_private_address": True}
    outlet = models["outlet"].objects.create(
        platform="pasons", store_id="14", name="Al Quoz", api_key=KEY, push_enabled=True, **address
    )
    product = models["product"]
    product.objects.bulk_create([product(sku=f"old-{number:05d}") for number in range(PRODUCTS)])
    models["outletproduct"].objects.bulk_create(
        models["outletproduct"](outlet=outlet, product=product, selling_price="10.00", stock_status=1)
        for product in product.objects.filter(sku__startswith="old-")
    )
    return int(outlet.pk)


def ask_for_push(folder: Path, outlet_id: int) -> None:
    command = [sys.executable, "manage.py", "shell", "-c", ASK.format(outlet=outlet_id)]
    environment = env.changed(DATABASE_URL=database_url(), REDIS_URL="")
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


def ended(outlet_id: int, count: int) -> bool:
    return PushHistory.objects.filter(outlet=outlet_id, finished_at__isnull=False).count() == count


def test_an_old_worker_ends_its_push_while_the_database_is_migrated_and_a_new_one_goes_on(
    old_code: Path, start: Any, shop: MockShop
) -> None:
    outlet_id = add_outlet(schema.previous_models(), shop)
    start(processes.broker())
    old_worker = start(processes.worker(), old_code)
    shop.misbehave(mode="slow", seconds=0.7)
    ask_for_push(old_code, outlet_id)
    wait_until(lambda: len(shop.requests) > 2)
    schema.go_to_newest()
    assert not ended(outlet_id, 1)
    wait_until(lambda: ended(outlet_id, 1), 60)
    outlet = Outlet.objects.get(pk=outlet_id)
    assert shop.shelf.get("14") == dashboard_state(outlet) == acknowledged_state(outlet)
    assert set(PushAttempt.objects.filter(chunk__push__outlet=outlet_id).values_list("outcome", flat=True)) == {"done"}
    assert "Traceback" not in old_worker.logs()
    old_worker.stop(60)
    start(processes.worker())
    shop.misbehave(mode="ok")
    ask_for_push(env.BASE_DIR, outlet_id)
    wait_until(lambda: ended(outlet_id, 2), 60)
    assert PushHistory.objects.filter(outlet=outlet_id, status="success").count() == 2
