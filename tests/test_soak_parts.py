"""What a soak decides by: its plan, the alerts that have to come, memory's slope, and the logs."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.soak import plan
from benchmarks.soak.logs import count_errors, find_traces, read_logs, unexplained
from benchmarks.soak.memory import Sample, growth, slope
from benchmarks.soak.plan import Event, draw_plan
from benchmarks.soak.report import find_problems, spread
from benchmarks.soak.told import Expected, Fault, Told, compare, expect, read_message

STORES = [f"{number:03d}" for number in range(1, 14)]
LONG = Fault("500", "003", 100.0, 180.0)
TROUBLE, RECOVERY = Told(110.0, "trouble", "003"), Told(190.0, "recovery", "003")


# --- the plan -------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_plan_each_time() -> None:
    assert draw_plan(1, 3600, STORES) == draw_plan(1, 3600, STORES) != draw_plan(2, 3600, STORES)


def test_an_hour_has_every_kind_of_fault_and_the_deploys() -> None:
    kinds = Counter(event.kind for event in draw_plan(2026, 3600, STORES))
    assert set(kinds) == {*plan.SHORT, *plan.LONG, *plan.DEADLY, *plan.OTHERS, plan.DEPLOY, plan.ROLLING}
    assert (kinds[plan.DEPLOY], kinds[plan.ROLLING]) == (2, 1)


@given(st.integers(0, 10_000), st.sampled_from([120.0, 600.0, 3600.0]))
def test_faults_keep_the_distance_that_makes_their_alerts_certain(seed: int, seconds: float) -> None:
    events = draw_plan(seed, seconds, STORES, scheduled=["004"])
    deploys = [event.at for event in events if event.kind in (plan.DEPLOY, plan.ROLLING)]
    for store_id in STORES:
        mine = [event for event in events if event.store_id == store_id]
        for before, after in itertools.pairwise(mine):
            assert after.at - (before.at + before.seconds) >= plan.CLEAR
    deadly = [event.at for event in events if event.kind in plan.DEADLY]
    assert all(after - before >= plan.DEADLY_GAP for before, after in itertools.pairwise(deadly))
    for event in events:
        turns = [event.at, event.at + event.seconds] if event.kind not in (plan.DEPLOY, plan.ROLLING) else []
        assert not any(deploy - plan.BEFORE < turn < deploy + plan.AFTER for turn in turns for deploy in deploys)
        assert event.seconds == 0 or event.seconds >= (80 if seconds >= 600 else 60)
        assert event.at + event.seconds <= seconds
        assert (event.kind, event.store_id) != (plan.REFUSED, "004")


def test_one_shop_at_most_hangs_at_a_time() -> None:
    for seed in range(50):
        hangs = [event for event in draw_plan(seed, 3600, STORES) if event.kind == plan.HANG]
        assert all(one.at + one.seconds <= next_.at for one, next_ in itertools.pairwise(hangs))


# --- alerts ---------------------------------------------------------------------------------------------


def test_a_fault_that_lasts_is_told_twice_and_a_short_one_never() -> None:
    short, of_process = Fault("500 once", "004", 10.0, 40.0), Fault("deploy", "", 20.0, 60.0)
    expected = expect([short, of_process, LONG], threshold=2)
    assert [(one.kind, one.store_id) for one in expected] == [("trouble", "003"), ("recovery", "003")]
    assert compare(expected, [TROUBLE, RECOVERY]).is_exact


def test_a_mistake_is_told_as_held_and_as_let_go() -> None:
    mistake = Fault(plan.MISTAKE, "003", 100.0, 180.0)
    told = [TROUBLE._replace(kind="held"), RECOVERY._replace(kind="let go")]
    assert compare(expect([mistake], threshold=2), told).is_exact
    assert compare(expect([mistake], threshold=2), [TROUBLE, RECOVERY]).other == [TROUBLE, RECOVERY]


@pytest.mark.parametrize(
    "told, wrong",
    [
        ([TROUBLE], "missing"),
        ([TROUBLE, TROUBLE._replace(at=150.0), RECOVERY], "twice"),
        ([TROUBLE, RECOVERY, Told(50.0, "trouble", "009")], "other"),
        ([TROUBLE._replace(at=99.0), RECOVERY], "other"),
        ([TROUBLE._replace(at=185.0), RECOVERY], "missing"),
        ([TROUBLE, RECOVERY, Told(60.0, "Every push is paused.", "?")], "other"),
    ],
)
def test_what_is_missing_twice_or_besides_is_found(told: list[Told], wrong: str) -> None:
    found = compare(expect([LONG], threshold=2), told)
    assert not found.is_exact
    assert getattr(found, wrong)


def test_two_faults_of_one_store_have_alerts_of_their_own() -> None:
    later = LONG._replace(began_at=400.0, ended_at=470.0)
    told = [TROUBLE, RECOVERY, TROUBLE._replace(at=410.0), RECOVERY._replace(at=480.0)]
    assert compare(expect([LONG, later], 2), told).is_exact
    assert compare(expect([LONG, later], 2), told[:3]).missing == [Expected("recovery", "003", 470.0, 560.0)]


def test_a_message_may_speak_of_several_outlets() -> None:
    body = "Outlet: Branch 003 (pasons 003)\nCause: x\n\nOutlet: Branch 004 (pasons 004)\nCause: y"
    told = read_message(5.0, {"title": "2 outlets have trouble", "message": body})
    assert told == [Told(5.0, "trouble", "003"), Told(5.0, "trouble", "004")]
    (one,) = read_message(6.0, {"title": "Branch 003 (pasons 003) is well again", "message": body.partition("\n\n")[0]})
    assert one == Told(6.0, "recovery", "003")


@pytest.mark.parametrize(
    "title, kind",
    [
        ("A push to Branch 003 (pasons 003) is held", "held"),
        ("2 pushes are held", "held"),
        ("The push to Branch 003 (pasons 003) is no longer held", "let go"),
    ],
)
def test_what_is_told_of_a_hold_is_read(title: str, kind: str) -> None:
    body = "Outlet: Branch 003 (pasons 003)\nCause: x"
    assert read_message(5.0, {"title": title, "message": body}) == [Told(5.0, kind, "003")]


# --- memory ---------------------------------------------------------------------------------------------


def life(start: float, mib: float, per_hour: float, count: int = 120) -> list[Sample]:
    return [Sample(start + 10 * n, mib + per_hour * n * 10 / 3600) for n in range(count)]


def test_the_slope_is_what_is_gained_within_a_life() -> None:
    assert slope([life(0, 80, 12), life(1300, 300, 12)]) == pytest.approx(12)
    assert slope([life(0, 80, 0), life(1300, 300, 0)]) == pytest.approx(0)


def test_growth_while_a_process_warms_up_does_not_count() -> None:
    warming = [Sample(one.at, min(one.mib, 180)) for one in life(0, 80, 600)]
    assert slope([warming]) == pytest.approx(0)


def test_a_process_that_died_young_says_nothing() -> None:
    assert slope([life(0, 80, 500, count=5)]) is None


def test_the_service_as_a_whole_has_grown_or_not() -> None:
    assert growth(life(0, 500, 0)) == pytest.approx(1)
    assert growth(life(0, 500, 3000)) > 1.4
    assert growth(life(0, 500, 0, count=7)) is None


# --- logs -----------------------------------------------------------------------------------------------

LOG = """2026-11-25 07:11:48,123 WARNING celery.worker connection lost
Traceback (most recent call last):
  File "x.py", line 1, in x
redis.exceptions.ConnectionError: Error 2 connecting to unix socket

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "x.py", line 2, in y
kombu.exceptions.OperationalError: gone
2026-11-25 07:11:50,000 ERROR tasks.push it failed 17
2026-11-25 07:11:51,000 ERROR tasks.push it failed 18
[2026-11-25 07:11:52 +0400] [12] [ERROR] Error handling request /
Traceback (most recent call last):
ValueError: why
"""


@pytest.fixture
def lines(tmp_path: Path) -> list[tuple[str, str]]:
    (tmp_path / "worker.log").write_text(LOG)
    return list(read_logs(tmp_path))


def test_tracebacks_are_found_with_their_last_error(lines: list[tuple[str, str]]) -> None:
    traces = find_traces(lines)
    assert [trace.error for trace in traces] == ["kombu.exceptions.OperationalError: gone", "ValueError: why"]
    assert traces[1].at - traces[0].at == 4


def test_a_traceback_is_explained_by_a_fault_that_can_raise_it(lines: list[tuple[str, str]]) -> None:
    traces = find_traces(lines)
    at = traces[0].at
    assert unexplained(traces, [Fault("broker killed", "", at - 1, at)]) == [traces[1]]
    assert unexplained(traces, [Fault("worker killed", "", at - 1, at)]) == traces
    assert unexplained(traces, [Fault("broker killed", "", at - 900, at - 900)]) == traces


def test_errors_that_differ_by_numbers_are_one(lines: list[tuple[str, str]]) -> None:
    counts = dict(count_errors(lines))
    assert counts["worker: ERROR tasks.push it failed #"] == 2
    assert len(counts) == 2


# --- the verdict ----------------------------------------------------------------------------------------


def found(**changes: Any) -> dict[str, Any]:
    well = {
        "shelves": {"equal": 26_000, "different": 0},
        "open_rows": {"pushes": 0, "alerts": 0},
        "alerts": {"missing": [], "twice": [], "other": []},
        "unexplained_traces": [],
        "memory_growth": 1.02,
        "memory": {"web": {"slope_mib_per_hour": 3.0}, "worker": {"slope_mib_per_hour": None}},
        "metrics": {"count": 240},
    }
    return {**well, **changes}


def test_a_run_in_which_all_went_well_has_no_problems() -> None:
    assert find_problems(found(), is_settled=True) == []
    assert find_problems(found(), is_settled=False) == ["it did not settle by itself"]


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"shelves": {"equal": 25_999, "different": 1}}, "1 items differ between shop and dashboard"),
        ({"open_rows": {"pushes": 2}}, "2 pushes are open at the end"),
        ({"alerts": {"missing": [], "twice": [1], "other": []}}, "1 alerts: twice"),
        ({"unexplained_traces": [1]}, "1 tracebacks that no fault explains"),
        ({"memory_growth": 1.2}, "memory has grown by 20 %"),
        ({"memory": {"web": {"slope_mib_per_hour": 90.0}}}, "web gains 90.0 MiB in an hour"),
        ({"metrics": {"count": 0}}, "/metrics has never answered"),
    ],
)
def test_each_thing_that_must_not_be_is_a_problem(changes: dict[str, Any], problem: str) -> None:
    assert find_problems(found(**changes), is_settled=True) == [problem]


def test_figures_are_shown_with_their_spread() -> None:
    assert spread([0.1] * 98 + [5.0, 0.2]) == {"n": 100, "p50": 0.1, "p99": 0.2, "max": 5.0, "last": 0.2}
    assert spread([]) == {}


def test_an_event_is_over_at_once_unless_it_says_how_long_it_lasts() -> None:
    assert Event(1.0, "500 once", "003").seconds == 0
