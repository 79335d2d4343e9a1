"""Shops that work a push off later, and real workers that ask for it."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from integration.contracts import store_contract
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory
from integration.strict_shops.pasons_bulk import PasonsBulk
from tasks.push import ring_outlet
from tests.conftest import acknowledged_state, dashboard_state, make_outlet, set_price, stock
from tests.faults.local import wait_until
from tests.faults.service import Service, settle

pytestmark = pytest.mark.django_db(transaction=True)
QUICK = {"backoff_seconds": 0.1, "processing_seconds": 1, "timeout_seconds": 1, "token_requests_per_minute": 600}
JOB = {"every_seconds": 0.2, "deadline_seconds": 15}


@pytest.fixture
def bulk() -> Iterator[PasonsBulk]:
    with PasonsBulk() as shop:
        yield shop


@pytest.fixture
def branch(bulk: PasonsBulk, transactional_db: None) -> Outlet:
    store_contract("pasons", "pasons-bulk", {**QUICK, "batch_size": 400, "job": JOB}, timezone.now())
    return make_outlet("7", "pasons", api_endpoint=bulk.url, api_key="key", api_secret="secret")


def prove(branch: Outlet, bulk: PasonsBulk) -> None:
    settle(branch)
    assert dict(bulk.items["7"]) == dashboard_state(branch) == acknowledged_state(branch)
    assert not PushHistory.objects.filter(finished_at__isnull=True).exists()
    assert not PushAttempt.objects.filter(finished_at__isnull=True).exists()


def test_a_push_by_jobs(service: Service, branch: Outlet, bulk: PasonsBulk) -> None:
    stock(branch, 2000)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: PushHistory.objects.filter(status="success").exists(), 30)
    assert dict(bulk.items["7"]) == dashboard_state(branch) == acknowledged_state(branch)
    assert (bulk.token_requests, len(bulk.requests)) == (1, 5)


def test_a_worker_that_is_killed_while_the_shop_works(service: Service, branch: Outlet, bulk: PasonsBulk) -> None:
    skus = stock(branch, 1200)
    bulk.polls_until_done = 10
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: PushChunk.objects.filter(job__isnull=False).count() >= 2)
    service.worker.kill()
    set_price(branch, skus[0], "77")
    service.worker.restart()
    prove(branch, bulk)
    assert not PushAttempt.objects.filter(error_kind="job_overdue").exists()


def test_a_shop_that_never_ends_its_jobs_and_then_does(service: Service, branch: Outlet, bulk: PasonsBulk) -> None:
    store_contract("pasons", "pasons-bulk", {**QUICK, "job": {**JOB, "deadline_seconds": 1}}, timezone.now())
    stock(branch, 300)
    bulk.job_outcome = "never"
    ring_outlet(branch.pk)
    wait_until(lambda: PushAttempt.objects.filter(error_kind="job_overdue").exists())
    assert OutletProduct.objects.filter(confirm_at__isnull=False).count() == 300
    bulk.job_outcome = "complete"
    prove(branch, bulk)
