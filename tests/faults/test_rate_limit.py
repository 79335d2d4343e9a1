"""A limit that all workers share."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.utils import timezone
from pytest_celery import CeleryTestBroker

from integration.delivery import send_chunk
from integration.models import PushAttempt, PushChunk
from integration.platforms.base import Endpoint
from integration.platforms.contract import Contract
from integration.push_queue import plan_push, start_push
from integration.rate_limit import WAIT_WITHOUT_REDIS, seconds_to_wait
from tasks import app
from tests.conftest import make_outlet, stock

pytestmark = pytest.mark.django_db(transaction=True)
ENDPOINT = Endpoint("https://shop.example", "7", "a-key")


def test_no_limit_asks_nobody() -> None:
    assert seconds_to_wait(ENDPOINT, Contract(), 500) == 0


def test_requests_beyond_the_limit_wait_for_the_minute_to_pass(celery_broker: CeleryTestBroker) -> None:
    contract = Contract(requests_per_minute=3)
    waits = [seconds_to_wait(ENDPOINT, contract, 500) for _ in range(4)]
    assert waits[:3] == [0, 0, 0]
    assert 50 < waits[3] <= 60


def test_items_beyond_the_limit_wait_too(celery_broker: CeleryTestBroker) -> None:
    contract = Contract(items_per_minute=1000)
    waits = [seconds_to_wait(ENDPOINT, contract, 400) for _ in range(3)]
    assert waits[:2] == [0, 0]
    assert waits[2] > 50


def test_a_request_larger_than_the_limit_takes_it_all(celery_broker: CeleryTestBroker) -> None:
    contract = Contract(items_per_minute=100)
    assert seconds_to_wait(ENDPOINT, contract, 500) == 0
    assert seconds_to_wait(ENDPOINT, contract, 1) > 50


def test_each_credential_has_its_own(celery_broker: CeleryTestBroker) -> None:
    contract = Contract(requests_per_minute=1)
    assert seconds_to_wait(ENDPOINT, contract, 1) == 0
    assert seconds_to_wait(Endpoint("https://shop.example", "8", "other-key"), contract, 1) == 0
    assert seconds_to_wait(Endpoint("https://other.example", "9", "a-key"), contract, 1) > 0


def test_many_at_once_never_exceed_it(celery_broker: CeleryTestBroker) -> None:
    contract = Contract(requests_per_minute=20)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: seconds_to_wait(ENDPOINT, contract, 1), range(100)))
    assert waits.count(0) == 20


def test_without_redis_nothing_is_sent() -> None:
    assert seconds_to_wait(ENDPOINT, Contract(requests_per_minute=1), 1) == WAIT_WITHOUT_REDIS


def test_a_key_is_not_in_redis(celery_broker: CeleryTestBroker) -> None:
    seconds_to_wait(ENDPOINT, Contract(requests_per_minute=1), 1)
    with app.connection_for_write() as broker:
        kept = b" ".join(broker.default_channel.client.scan_iter())
    assert b"rate:" in kept
    assert b"a-key" not in kept


def test_a_chunk_that_has_to_wait_costs_no_attempt(celery_broker: CeleryTestBroker, settings: object) -> None:
    settings.CONTRACTS = {"memory": {"requests_per_minute": 1, "batch_size": 1}}  # type: ignore[attr-defined]
    outlet = make_outlet()
    stock(outlet, 2)
    push = start_push(outlet, "full", "manual", timezone.now()).push
    assert push is not None
    (first,) = plan_push(push.pk, timezone.now())
    (second,) = send_chunk(first.id, timezone.now())
    (ring,) = send_chunk(second.id, timezone.now())
    chunk = PushChunk.objects.get(pk=second.id)
    assert (chunk.status, chunk.attempt_count, PushAttempt.objects.count()) == ("waiting", 0, 1)
    assert 50 < ring.delay <= 60
    assert chunk.not_before is not None
