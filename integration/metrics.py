"""What Prometheus is told, read from the database: whichever process is asked on whichever machine, it is the same."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from django.conf import settings
from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Greatest
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from integration.guard import held_pushes
from integration.models import ProductUpload, PushAttempt, PushChunk, PushHistory, Rescue, TaskRun
from integration.next_push import pushes_of_all
from integration.obstacles import open_pauses
from integration.outlet_state import OPEN as OPEN_PUSHES
from integration.outlet_state import Facts, State, good_pushes, note_rejected, note_waiting, with_states
from integration.proof import first_tries, last_of
from integration.redis_client import connect
from integration.sums import BUCKETS_MS, LONGER, Totals, read_totals

logger = logging.getLogger(__name__)

QUEUE, UNACKNOWLEDGED = "celery", "unacked"
BROKER_TIMEOUT = 0.5  # seconds
OUTLET = ("platform", "store_id", "outlet")
INACTIVE = "inactive"
# As in the partial index: SQLite uses it only where its states stand in the statement itself.
OPEN_CHUNKS = tuple(RawSQL(f"'{status.value}'", ()) for status in PushChunk.OPEN)
ENDED = [status.value for status in PushHistory.Status if status not in PushHistory.OPEN]
CLOSED, HALF_OPEN, OPEN = 0, 1, 2


def write_metrics(accept: str, now: datetime) -> tuple[bytes, str]:
    """The metrics in the format that is asked for, and its name."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ShopCollector(now))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class ShopCollector(Collector):
    """Everything as it is now, in a fixed number of queries."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        yield from describe_outlets(read_outlets(self.now), self.now)
        if totals := read_totals():
            yield from describe_totals(totals)
        yield describe_rescues()
        yield from describe_queue(self.now)
        yield from describe_broker()
        yield from describe_tasks()


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"shop_{name}", text, value=value)


# --- outlets --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Branch:
    """An outlet as `with_states` finds it."""

    pk: int
    platform: str
    store_id: str
    name: str
    is_active: bool
    push_enabled: bool
    open_until: datetime | None
    last_good_at: datetime | None
    state: int

    @property
    def labels(self) -> tuple[str, str, str]:
        return self.platform, self.store_id, self.name

    @property
    def state_name(self) -> str:
        return State(self.state).name.lower() if self.is_active else INACTIVE

    def breaker(self, now: datetime) -> int:
        if self.open_until is None:
            return CLOSED
        return OPEN if self.open_until > now else HALF_OPEN


def read_outlets(now: datetime) -> list[Branch]:
    outlets = with_states(now).annotate(good=Subquery(good_pushes().values("finished_at")[:1])).order_by("pk")
    columns = ("pk", "platform", "store_id", "name", "is_active", "push_enabled", "health__open_until", "good", "state")
    return [Branch(*row) for row in outlets.values_list(*columns)]


def describe_outlets(branches: list[Branch], now: datetime) -> Iterator[Metric]:
    """Of each active outlet, and how many are in each state."""
    counts = Counter(branch.state_name for branch in branches)
    states = GaugeMetricFamily("shop_outlets", "Outlets in this state", labels=["state"])
    for name in (*(state.name.lower() for state in State), INACTIVE):
        states.add_metric([name], counts[name])
    yield states
    active = [branch for branch in branches if branch.is_active]
    facts = {branch.pk: Facts() for branch in active}
    note_rejected(facts)
    note_waiting(facts, now)
    proofs = last_of(branch.pk for branch in active)
    compared_at = first_tries(branch.pk for branch in active if branch.pk not in proofs)
    compared_at |= {pk: proof.finished_at for pk, proof in proofs.items() if proof.finished_at}
    yield from (
        family(
            "comparison_age_seconds",
            "Since its shop was last compared with a result, or was to be for the first time; absent before",
            active,
            lambda b: age(compared_at.get(b.pk), now),
        ),
        family(
            "differing_items",
            "Items that the last comparison found otherwise in the shop; absent before the first",
            active,
            lambda b: proofs[b.pk].different_count if b.pk in proofs else None,
        ),
        family("waiting_items", "Items that the next push sends", active, lambda b: facts[b.pk].waiting_count),
        family("quarantined_items", "Items not sent again", active, lambda b: facts[b.pk].quarantined_count),
        family(
            "oldest_change_age_seconds",
            "How long the oldest change has waited; 0: none waits",
            active,
            lambda b: age(facts[b.pk].oldest_at, now) or 0,
        ),
        family("breaker_state", "Of its endpoint: 0 closed, 1 half-open, 2 open", active, lambda b: b.breaker(now)),
        family("push_enabled", "1: it is pushed to", active, lambda b: int(b.push_enabled)),
        family(
            "last_good_push_age_seconds",
            "Since the last push that went well; absent before the first",
            active,
            lambda b: age(b.last_good_at, now),
        ),
    )


def family(name: str, text: str, branches: list[Branch], value_of: Any) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(f"shop_outlet_{name}", text, labels=OUTLET)
    for branch in branches:
        if (value := value_of(branch)) is not None:
            metric.add_metric(branch.labels, value)
    return metric


def age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max((now - at).total_seconds(), 0)


# --- what has happened since the beginning --------------------------------------------------------------


def describe_totals(totals: Totals) -> Iterator[Metric]:
    pushes = CounterMetricFamily("shop_pushes", "Pushes that have ended", labels=["status", "trigger"])
    for (status, trigger), tally in sorted(totals.pushes.items()):
        if status in ENDED:
            pushes.add_metric([status, trigger], tally.count)
    yield pushes
    waits = sum(tally.extent for tally in totals.pushes.values())
    yield CounterMetricFamily("shop_rate_limit_waits", "Times that a request waited for a shop's limit", value=waits)
    yield describe_attempts(totals)
    yield describe_durations(totals)


def describe_attempts(totals: Totals) -> CounterMetricFamily:
    counts: Counter[tuple[str, str]] = Counter()
    for (outcome, error_kind, _limit), tally in totals.attempts.items():
        counts[outcome, error_kind] += tally.count
    metric = CounterMetricFamily("shop_attempts", "Requests to shops", labels=["outcome", "error_kind"])
    for key, count in sorted(counts.items()):
        metric.add_metric(key, count)
    return metric


def describe_durations(totals: Totals) -> HistogramMetricFamily:
    counts: Counter[int] = Counter()
    for (_outcome, _kind, limit), tally in totals.attempts.items():
        counts[limit] += tally.count
    buckets, reached = [], 0
    for limit in (*BUCKETS_MS, LONGER):
        reached += counts[limit]
        buckets.append(("+Inf" if limit == LONGER else str(limit / 1000), reached))
    seconds = sum(tally.extent for tally in totals.attempts.values())
    text = "How long a request took, its shop's work on it included"
    return HistogramMetricFamily("shop_attempt_duration_seconds", text, buckets=buckets, sum_value=seconds)


def describe_rescues() -> CounterMetricFamily:
    metric = CounterMetricFamily("shop_rescues", "What the sweep had to bring on its way again", labels=["kind"])
    found = Rescue.objects.order_by().values_list("kind").annotate(count=Coalesce(Sum("count"), 0))
    counts = dict(found)
    for kind in Rescue.Kind.values:
        metric.add_metric([kind], counts.get(kind, 0))
    return metric


# --- now ------------------------------------------------------------------------------------------------


def describe_queue(now: datetime) -> Iterator[Metric]:
    """The rows, which are the queue; and whether somebody holds it up."""
    waiting_count = waiting_chunks().count()
    due = due_chunks(now).aggregate(count=Count("pk"), oldest=Min("due_at"))
    open_pushes = PushHistory.objects.filter(status__in=OPEN_PUSHES).count()
    yield gauge("open_pushes", "Pushes that have not ended", open_pushes)
    yield gauge(
        "held_pushes",
        "Of them, those that wait until somebody looks at them",
        held_pushes().filter(outlet__is_active=True, outlet__push_enabled=True).count(),
    )
    yield gauge("waiting_chunks", "Requests that are to be sent", waiting_count)
    yield gauge("due_chunks", "Of them, those whose turn it is", due["count"])
    oldest = age(due["oldest"], now) or 0
    yield gauge("oldest_due_chunk_age_seconds", "How long the oldest of these is due; 0: none is", oldest)
    is_paused = open_pauses().exists()
    yield gauge("paused", "1: somebody has paused all pushes", int(is_paused))
    uploads = ProductUpload.objects.filter(status__in=ProductUpload.OPEN).count()
    yield gauge("uploads_waiting", "Product files that a worker has, or shall take", uploads)


def due_chunks(now: datetime) -> QuerySet[Any]:
    """Chunks that a worker should have, since `due_at`: their time has come, and their push has ended no request since.

    A chunk that was never rung waits for its turn in its push.
    """
    is_due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    begun = F("push__push_timestamp")
    attempts = PushAttempt.objects.filter(chunk__push=OuterRef("push")).order_by().values("chunk__push")
    last_end = Subquery(attempts.annotate(at=Max("finished_at")).values("at"))
    due_at = Greatest(Coalesce("not_before", begun), Coalesce(last_end, begun))
    return waiting_chunks().filter(is_due, rung_at__isnull=False).annotate(due_at=due_at)


def waiting_chunks() -> QuerySet[PushChunk]:
    return PushChunk.objects.filter(status__in=OPEN_CHUNKS).filter(status=PushChunk.Status.WAITING)


def describe_broker() -> Iterator[Metric]:
    """Absent where the broker does not answer at once, or is no Redis."""
    try:
        lengths = read_lengths()
    except (redis.RedisError, OSError, ValueError) as exc:
        logger.info("the broker's queues cannot be measured (%s)", type(exc).__name__)
        return
    metric = GaugeMetricFamily("shop_broker_messages", "Messages in the broker", labels=["queue"])
    for queue, length in lengths.items():
        metric.add_metric([queue], length)
    yield metric


def read_lengths() -> dict[str, int]:
    with connect(settings.BROKER_REDIS_URL, BROKER_TIMEOUT) as client:
        pipeline = client.pipeline(transaction=False)
        pipeline.llen(QUEUE)
        pipeline.hlen(UNACKNOWLEDGED)
        return dict(zip((QUEUE, UNACKNOWLEDGED), pipeline.execute(), strict=True))


def describe_tasks() -> Iterator[Metric]:
    runs = GaugeMetricFamily(
        "shop_task_last_run_timestamp_seconds", "When a worker last ended the task", labels=["task"]
    )
    for task, ran_at in TaskRun.objects.order_by("task").values_list("task", "ran_at"):
        runs.add_metric([task], ran_at.timestamp())
    yield runs
    intervals = [task.interval.schedule.run_every for task in scheduled_pushes() if task.interval]
    if intervals:
        yield gauge("schedule_interval_seconds", "Between two pushes of all outlets", min(intervals).total_seconds())


def scheduled_pushes() -> Any:
    """Times of the day have no interval."""
    return pushes_of_all().filter(enabled=True, interval__isnull=False).select_related("interval")
