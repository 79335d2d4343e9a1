"""The parts of a large chain, each measured by itself on PostgreSQL; `benchmarks.scale` puts them together."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from kombu import Queue

from benchmarks import data
from benchmarks.cpu import used_by
from benchmarks.scene import Scene, check_pushed, push_all, worker_of
from dashboard import processes
from dashboard.supervisor import Supervisor, die_with_parent
from integration.alerts import look
from integration.metrics import write_metrics
from integration.pruning import prune_history
from integration.sweep import sweep
from tasks import app
from tasks.push import push_all_outlets, push_outlet

Facts = dict[str, float]
BRANCH = 50_000  # items of an outlet
CHANGES = 20  # items of a partial push
HISTORY = ("integration_pushhistory", "integration_pushchunk", "integration_pushattempt")
PARTIAL = "(SELECT id FROM integration_pushhistory WHERE push_type = 'partial')"
OF_PARTIAL = {
    "integration_pushhistory": "push_type = 'partial'",
    "integration_pushchunk": f"push_id IN {PARTIAL}",
    "integration_pushattempt": f"chunk_id IN (SELECT id FROM integration_pushchunk WHERE push_id IN {PARTIAL})",
}
ROW_BYTES = {
    table: f"SELECT sum(pg_column_size(t.*) + 28) FROM {table} t WHERE {which}" for table, which in OF_PARTIAL.items()
}


def value_of(statement: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return float(cursor.fetchone()[0])


def bytes_of(*tables: str) -> float:
    """With their indexes, after the database has tidied up."""
    data.execute("VACUUM ANALYZE")
    return sum(value_of(f"SELECT pg_total_relation_size('{table}')") for table in tables)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# --- one outlet after another ---------------------------------------------------------------------------


def measure_pushes(scene: Scene, facts: Facts, branches: int) -> None:
    """Rows, bytes and processor time of full and partial pushes, with real workers and a shop that takes everything."""
    data.add_products(BRANCH)
    facts["product_bytes"] = bytes_of("integration_product") / BRANCH
    with scene.running(4) as supervisor:
        outlets = [
            data.add_outlet(number, scene.endpoint(number), BRANCH, allow_private_address=True)
            for number in range(branches)
        ]
        facts["new_item_bytes"] = bytes_of("integration_outletproduct") / (branches * BRANCH)
        empty, requests = bytes_of(*HISTORY), branches * BRANCH / 500
        watch = Watch(supervisor)
        elapsed = push_all(outlets)
        check_pushed(branches * BRANCH)
        watch.note(facts, "full", branches * BRANCH)
        facts["full_items_per_second"] = branches * BRANCH / elapsed
        facts["full_history_bytes_per_request"] = (bytes_of(*HISTORY) - empty) / requests
        sent = value_of("SELECT sum(sent_bytes + received_bytes) FROM integration_pushattempt")
        facts["network_bytes_per_item"] = sent / (branches * BRANCH)
        facts["item_bytes"] = bytes_of("integration_outletproduct") / (branches * BRANCH)
        measure_partial(facts, outlets, supervisor)
        worker = psutil.Process(worker_of(supervisor).process.pid)
        facts["worker_megabytes"] = sum(each.memory_full_info().uss for each in [worker, *worker.children()]) / 1e6


def measure_partial(facts: Facts, outlets: list[Any], supervisor: Supervisor, rounds: int = 10) -> None:
    count = rounds * len(outlets)
    watch = Watch(supervisor)
    started = time.perf_counter()
    for _ in range(rounds):
        for outlet in outlets:
            data.change(outlet, CHANGES)
        push_all(outlets, "partial")
    elapsed = time.perf_counter() - started
    watch.note(facts, "partial", count)
    facts["partial_pushes_per_second"] = count / elapsed
    facts["partial_row_bytes"] = sum(value_of(ROW_BYTES[table]) for table in HISTORY) / count


class Watch:
    """Processor time of the parts from now on."""

    def __init__(self, supervisor: Supervisor) -> None:
        server = psutil.Process(int(value_of("SELECT pg_backend_pid()"))).parent()
        children = {child.program.name: psutil.Process(child.process.pid) for child in supervisor.children}
        self.parts = {"worker": children["worker"], "broker": children["broker"], "database": server}
        self.before = {name: used_by(process) for name, process in self.parts.items() if process}

    def note(self, facts: Facts, what: str, count: int) -> None:
        for name, process in self.parts.items():
            if process:
                facts[f"{what}_{name}_cpu"] = (used_by(process) - self.before[name]) / count


# --- many outlets ---------------------------------------------------------------------------------------


def measure_chain(scene: Scene, facts: Facts, count: int) -> None:
    """What looks at every outlet: the tick, the sweep, metrics, alerts."""
    data.clear()
    data.add_products(20)
    add_outlets(count)
    data.acknowledge_all()
    asked: list[str] = []
    with connection.execute_wrapper(lambda execute, sql, *more: (asked.append(sql), execute(sql, *more))[1]):
        push_all_outlets()
    facts[f"tick_queries_{count}"] = len(asked)
    server = psutil.Process(int(value_of("SELECT pg_backend_pid()")))
    before = used_by(server) + time.process_time()
    facts[f"idle_tick_{count}"] = seconds(push_all_outlets)
    facts[f"idle_tick_cpu_{count}"] = used_by(server) + time.process_time() - before
    facts[f"one_query_{count}"] = seconds(
        lambda: value_of(
            "SELECT count(DISTINCT outlet_id) FROM integration_outletproduct WHERE differs OR confirm_at IS NOT NULL"
        )
    )
    facts[f"sweep_{count}"] = min(seconds(lambda: sweep(timezone.now())) for _ in range(3))
    facts[f"alerts_{count}"] = min(seconds(lambda: look(timezone.now())) for _ in range(3))
    facts[f"scrape_{count}"] = min(seconds(lambda: write_metrics("", timezone.now())) for _ in range(3))
    facts[f"scrape_bytes_{count}"] = len(write_metrics("", timezone.now())[0])
    some = min(count // 10, 200)
    data.execute(
        "UPDATE integration_outletproduct SET selling_price = selling_price + 1 "
        f"WHERE outlet_id IN (SELECT id FROM integration_outlet ORDER BY id LIMIT {some})"
    )
    with Supervisor([processes.broker()], settings.DATA_DIR / "logs") as supervisor:
        supervisor.start()
        before = used_by(server) + time.process_time()
        busy = seconds(push_all_outlets)
    more_cpu = used_by(server) + time.process_time() - before - facts[f"idle_tick_cpu_{count}"]
    facts[f"tick_per_push_{count}"] = (busy - facts[f"idle_tick_{count}"]) / some
    facts[f"tick_cpu_per_push_{count}"] = more_cpu / some


OUTLETS = """
    INSERT INTO integration_outlet (platform, store_id, name, location, is_active, api_endpoint, api_key, api_secret,
        push_enabled, push_after_update, allow_private_address)
    SELECT 'pasons', n::text, 'Branch ' || n, '', true, 'https://shop.example/x', '', '', true, false, false
    FROM generate_series(1, {count}) AS n"""
ITEMS = """
    INSERT INTO integration_outletproduct (outlet_id, product_id, selling_price, stock_status)
    SELECT o.id, p.id, 5, 1 FROM integration_outlet o, integration_product p"""


def add_outlets(count: int) -> None:
    data.execute(OUTLETS.format(count=count))
    data.execute(ITEMS)


OLD_PUSHES = """
    INSERT INTO integration_pushhistory (outlet_id, platform, push_type, trigger, push_timestamp, finished_at, status,
        item_count, accepted_count, rejected_count, is_cancelled, split_count, response_message, error_details,
        next_push_type, next_trigger)
    SELECT (SELECT min(id) + n % count(*) FROM integration_outlet), 'pasons', 'partial', 'schedule',
        now() - interval '40 days', now() - interval '40 days', 'success', 1, 1, 0, false, 0, '', '', '', ''
    FROM generate_series(1, {count}) AS n"""
OLD_CHUNKS = """
    INSERT INTO integration_pushchunk (push_id, first_id, last_id, status, attempt_count, item_count, accepted_count,
        rejected_count)
    SELECT id, 1, 1, 'done', 1, 1, 1, 0 FROM integration_pushhistory WHERE status = 'success'"""
OLD_ATTEMPTS = """
    INSERT INTO integration_pushattempt (chunk_id, number, started_at, finished_at, items, item_count, sent_bytes,
        received_bytes, response_excerpt, outcome, error_kind, error_message)
    SELECT id, 1, now(), now(), '[[1,"5",1]]', 1, 100, 50, '', 'done', '', ''
    FROM integration_pushchunk WHERE status = 'done'"""


def measure_pruning(facts: Facts, count: int = 20_000) -> None:
    for statement in (OLD_PUSHES, OLD_CHUNKS, OLD_ATTEMPTS):
        data.execute(statement.format(count=count))
    data.execute("VACUUM ANALYZE")
    facts["history_index_bytes"] = sum(value_of(f"SELECT pg_indexes_size('{table}')") for table in HISTORY) / count
    facts["pruned_per_second"] = count / seconds(lambda: prune_history(timezone.now()))


# --- broker and beat ------------------------------------------------------------------------------------


def measure_broker(facts: Facts, count: int = 5_000) -> None:
    """Messages that nobody takes."""
    with Supervisor([processes.broker()], settings.DATA_DIR / "logs") as supervisor:
        supervisor.start()
        with app.connection_for_write() as broker:
            client = broker.default_channel.client
            before = client.info("memory")["used_memory"]
            elapsed = seconds(
                lambda: [
                    push_outlet.apply_async(
                        kwargs={"push_id": number},
                        queue=Queue("measured"),
                        argsrepr=f"push {number} of outlet {number} (pasons)",
                    )
                    for number in range(count)
                ]
            )
            facts["message_bytes"] = (client.info("memory")["used_memory"] - before) / count
            facts["publish_seconds"] = elapsed / count


def measure_beat(facts: Facts, duration: float = 30) -> None:
    with Supervisor([processes.broker(), processes.beat()], settings.DATA_DIR / "logs") as supervisor:
        supervisor.start()
        time.sleep(5)
        beat = psutil.Process(supervisor.children[1].process.pid)
        before = used_by(beat)
        time.sleep(duration)
        facts["beat_cpu_percent"] = 100 * (used_by(beat) - before) / duration
        facts["beat_megabytes"] = beat.memory_info().rss / 1e6


def main(output: str, branches: int, *counts: int) -> None:
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    scene, facts = Scene([], False), Facts()
    call_command("migrate", verbosity=0)
    steps: list[tuple[str, Callable[[], None]]] = [
        ("pushes", lambda: measure_pushes(scene, facts, branches)),
        ("broker", lambda: measure_broker(facts)),
        ("beat", lambda: measure_beat(facts)),
        *((f"{count} outlets", lambda count=count: measure_chain(scene, facts, count)) for count in counts),  # type: ignore[misc]
        ("pruning", lambda: measure_pruning(facts)),
    ]
    for name, step in steps:
        print(f"measuring {name} ...", flush=True)
        print(f"    {seconds(step):.0f} s", flush=True)
        Path(output).write_text(json.dumps(facts))
