"""How many SQL statements a chunk takes: until its items are acknowledged, and until the next chunk is rung.

BEGIN and COMMIT are not counted. Each chunk but the first and the last, which also open and end the push.
"""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks import data
from benchmarks.scene import Scene, WrongOutcome
from integration.delivery import send_chunk
from integration.models import Outlet, PushChunk
from integration.push_queue import plan_push, start_push

COUNTS = (2_000, 20_000)  # the number must not depend on how long the push is
TRANSACTIONS = ("BEGIN", "COMMIT")
ACKNOWLEDGES = "SET pushed_price"


def measure(scene: Scene) -> None:
    data.add_products(max(COUNTS))
    with scene.running(worker_count=1):
        for number, count in enumerate(COUNTS):
            outlet = data.add_outlet(number, scene.endpoint(number), count)
            for statements in statements_of_push(outlet)[1:-1]:
                scene.record("statements_per_chunk", 1 + [ACKNOWLEDGES in sql for sql in statements].index(True))
                scene.record("statements_per_chunk_in_all", len(statements))


def statements_of_push(outlet: Outlet) -> list[list[str]]:
    push = start_push(outlet, "full", "manual", timezone.now()).push
    if push is None:
        raise WrongOutcome("there is nothing to push")
    plan_push(push.pk, timezone.now())
    return [statements_of(pk) for pk in PushChunk.objects.filter(push=push).values_list("pk", flat=True)]


def statements_of(chunk_id: int) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        send_chunk(chunk_id, timezone.now())
    return [query["sql"] for query in queries if query["sql"] not in TRANSACTIONS]
