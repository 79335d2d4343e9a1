"""What is set up wrong, in plain words, with what to do. Asks only; changes nothing."""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.checks import CheckMessage
from django.db import connection
from django.db.models import Q, QuerySet
from django_celery_beat.models import PeriodicTask

from integration import backing
from integration.checks import check_contracts, check_encryption_keys, check_lease
from integration.contracts import MISCONFIGURED, contract_of
from integration.encryption import WrongEncryptionKey
from integration.models import AlertTarget, Outlet, TaskRun
from integration.next_push import pushes_of_all
from integration.rate_limit import limits_of
from integration.schedules import SWEEP

SWEEP_SILENCE = timedelta(minutes=5)  # it is asked for each minute
BEAT_SILENCE = timedelta(minutes=10)  # beat writes down only every few minutes when it ran a task
CLOCK_DIFFERENCE = timedelta(seconds=5)
FREE_BYTES = 500_000_000
NAMES_SHOWN = 10
START_PARTS = "start worker and beat (make serve, or docker compose up), and look at their logs"


class Problem(NamedTuple):
    """What is wrong, and what to do."""

    text: str
    remedy: str


class Result(NamedTuple):
    """What came of a check; `skipped` says what it could not be asked without."""

    name: str
    problems: list[Problem]
    skipped: str = ""


Check = Callable[[datetime], Iterator[Problem]]


def diagnose(now: datetime, only: str = "") -> list[Result]:
    """Every check's result, or one's. What needs a part that does not answer is skipped."""
    chosen = {name: CHECKS[name] for name in CHECKS if not only or name == only}
    needed = {needs for needs, _ in chosen.values() if needs}
    down = {part for part in needed if PARTS[part]()}
    return [
        Result(name, [], skipped=needs) if needs in down else Result(name, list(check(now)))
        for name, (needs, check) in chosen.items()
    ]


# --- the parts ------------------------------------------------------------------------------------------


def check_database(now: datetime) -> Iterator[Problem]:
    if problem := backing.database_problem():
        is_down = problem == backing.SILENT
        yield Problem(
            problem,
            "start it, or correct DATABASE_URL" if is_down else "run manage.py migrate",
        )


def check_broker(now: datetime) -> Iterator[Problem]:
    if problem := backing.broker_problem():
        yield Problem(problem, "start it (make serve starts its own), or correct REDIS_URL or BROKER_URL")


def check_eviction(now: datetime) -> Iterator[Problem]:
    policy = backing.eviction_policy()
    if policy not in ("", backing.EVICTS_NOTHING):
        text = f"the broker throws messages away when its memory is full (maxmemory-policy {policy})"
        yield Problem(text, f"set maxmemory-policy {backing.EVICTS_NOTHING} in its configuration")


def check_limits(now: datetime) -> Iterator[Problem]:
    """Where requests cannot be counted, a shop that limits them is sent nothing."""
    problem = backing.counter_problem()
    if problem and (platforms := platforms_with_limits()):
        text = f"requests to {', '.join(platforms)} are limited, and the Redis that counts them: {problem}"
        yield Problem(
            text, "set REDIS_URL to a Redis that all workers reach; until then nothing is sent to these shops"
        )


def platforms_with_limits() -> list[str]:
    platforms = Outlet.objects.order_by("platform").values_list("platform", flat=True).distinct()
    return [platform for platform in platforms if limits_requests(platform)]


def limits_requests(platform: str) -> bool:
    try:
        return bool(limits_of(contract_of(platform), 1))
    except MISCONFIGURED:
        return False  # said by the check of contracts


def check_sweep(now: datetime) -> Iterator[Problem]:
    """A worker may answer a ping and take nothing: what counts is that the sweep, asked for each minute, was run."""
    swept_at = TaskRun.objects.filter(task=TaskRun.Task.SWEEP).values_list("ran_at", flat=True).first()
    if swept_at is None:
        yield Problem("no worker has ever run the sweep", START_PARTS)
    elif now - swept_at > SWEEP_SILENCE:
        yield Problem(f"no worker has run the sweep for {minutes(now - swept_at)}", START_PARTS)


def check_beat(now: datetime) -> Iterator[Problem]:
    ran = PeriodicTask.objects.filter(task=SWEEP, enabled=True, last_run_at__isnull=False).order_by("-last_run_at")
    last = ran.first()
    if last is None:
        yield Problem("beat has not yet asked for anything", "start beat; it notes its runs after some minutes")
    elif now - last.last_run_at > BEAT_SILENCE:
        yield Problem(f"beat has asked for nothing for {minutes(now - last.last_run_at)}", "start beat")


def check_schedule(now: datetime) -> Iterator[Problem]:
    if not pushes_of_all().filter(enabled=True).exists():
        yield Problem("the scheduled push is switched off", 'switch it on, on the page "Schedule"')
    if not PeriodicTask.objects.filter(task=SWEEP, enabled=True).exists():
        yield Problem("the sweep is switched off: nothing is rescued", 'switch it on, on the page "Schedule"')


def minutes(span: timedelta) -> str:
    return f"{span // timedelta(minutes=1)} minutes"


# --- what people have set -------------------------------------------------------------------------------


def check_keys(now: datetime) -> Iterator[Problem]:
    yield from as_problems(check_encryption_keys(databases=["default"]))
    targets = AlertTarget.objects.order_by("name").values_list("pk", "name")
    if names := ", ".join(name for pk, name in targets if not can_be_told(pk)):
        text = f"none of ENCRYPTION_KEYS decrypts the addresses of these targets of alerts: {names}"
        yield Problem(text, "put the earlier key back into ENCRYPTION_KEYS (after a comma), or add them again")


def can_be_told(target_id: int) -> bool:
    try:
        return bool(AlertTarget.objects.only("url").get(pk=target_id))
    except WrongEncryptionKey:
        return False


def check_alerts(now: datetime) -> Iterator[Problem]:
    told = AlertTarget.objects.filter(is_active=True).order_by("name")
    if not told.exists():
        yield Problem("nobody is told of trouble", 'add somebody on the page "Alerts", or switch a target on there')
    for name, error in told.exclude(last_error="").values_list("name", "last_error"):
        text = f"the last message to {name} failed: {error}"
        yield Problem(text, 'send it a test on the page "Alerts"; if that fails too, delete it and add it again')


def check_every_contract(now: datetime) -> Iterator[Problem]:
    yield from as_problems(check_contracts())
    for platform in Outlet.objects.order_by("platform").values_list("platform", flat=True).distinct():
        try:
            contract_of(platform)
        except MISCONFIGURED as exc:
            yield Problem(f"{platform}: {exc}", "correct the contract on its page, or CONTRACTS")


def as_problems(messages: list[CheckMessage]) -> Iterator[Problem]:
    for message in messages:
        yield Problem(str(message.msg), str(message.hint or "correct it"))


def check_outlets(now: datetime) -> Iterator[Problem]:
    pushed = Outlet.objects.filter(is_active=True, push_enabled=True).exclude(platform="memory").order_by("store_id")
    if names := named(pushed.filter(api_endpoint="")):
        yield Problem(f"outlets without an endpoint: {names}", "enter it on the page of their API settings")
    keyless = pushed.filter(Q(api_key="") & Q(api_secret=""), platform__in=platforms_with_keys())
    if names := named(keyless):
        yield Problem(f"outlets without a key: {names}", "enter it on the page of their API settings")


def platforms_with_keys() -> list[str]:
    platforms = Outlet.objects.order_by("platform").values_list("platform", flat=True).distinct()
    return [platform for platform in platforms if asks_for_key(platform)]


def asks_for_key(platform: str) -> bool:
    try:
        return contract_of(platform).auth != "none"
    except MISCONFIGURED:
        return False  # said by the check of contracts


def named(outlets: QuerySet[Outlet]) -> str:
    found = list(outlets.values_list("store_id", "platform")[: NAMES_SHOWN + 1])
    names = ", ".join(f"{store_id} ({platform})" for store_id, platform in found[:NAMES_SHOWN])
    return f"{names} and more" if len(found) > NAMES_SHOWN else names


# --- this machine ---------------------------------------------------------------------------------------


def check_idle_transactions(now: datetime) -> Iterator[Problem]:
    """The service's own connections say so themselves, but not through PgBouncer."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('idle_in_transaction_session_timeout')")
        role, limit = cursor.fetchone()
    if limit == "0":
        text = "a machine that vanishes inside a transaction would keep its locks in PostgreSQL for hours"
        yield Problem(text, f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = '60s'")


def check_clock(now: datetime) -> Iterator[Problem]:
    """Leases go by the database's clock, waits by this machine's."""
    if connection.vendor == "sqlite":
        return  # it has none of its own
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()" if connection.vendor == "postgresql" else "SELECT CURRENT_TIMESTAMP")
        difference = abs(cursor.fetchone()[0] - now)
    if difference > CLOCK_DIFFERENCE:
        text = f"this machine's clock and the database's differ by {difference.total_seconds():.0f} s"
        yield Problem(text, "let both keep the time by NTP")


def check_disk(now: datetime) -> Iterator[Problem]:
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < FREE_BYTES:
        text = f"{settings.DATA_DIR} has {free // 1_000_000} MB left"
        yield Problem(text, "make room there, or set DATA_DIR to another place")


def check_settings(now: datetime) -> Iterator[Problem]:
    if settings.DEBUG:
        yield Problem("DEBUG is on: every error shows its innards", "set DEBUG=false")
    if "*" in settings.ALLOWED_HOSTS:
        yield Problem("ALLOWED_HOSTS is *: any name is taken for ours", "name the dashboard's hosts")
    if settings.HTTPS and set(settings.ALLOWED_HOSTS) <= {"localhost", "127.0.0.1", "[::1]"}:
        yield Problem(
            "HTTPS is on and ALLOWED_HOSTS names only this machine", "add the dashboard's host to ALLOWED_HOSTS"
        )
    yield from as_problems(check_lease())


# In this order; each with the part that it needs.
PARTS: dict[str, Callable[[], str]] = {"database": backing.database_problem, "broker": backing.broker_problem}
CHECKS: dict[str, tuple[str, Check]] = {
    "database": ("", check_database),
    "broker": ("", check_broker),
    "eviction": ("broker", check_eviction),
    "limits": ("database", check_limits),
    "sweep": ("database", check_sweep),
    "beat": ("database", check_beat),
    "schedule": ("database", check_schedule),
    "keys": ("database", check_keys),
    "alerts": ("database", check_alerts),
    "contracts": ("database", check_every_contract),
    "outlets": ("database", check_outlets),
    "transactions": ("database", check_idle_transactions),
    "clock": ("database", check_clock),
    "disk": ("", check_disk),
    "settings": ("", check_settings),
}
