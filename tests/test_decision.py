"""What comes next after an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.decision import Decision, Situation, counts_as_failure, decide
from integration.platforms.base import Outcome, SendResult
from integration.platforms.contract import Contract

CONTRACT = Contract()
RETRY = SendResult(Outcome.RETRY, error_kind="http_503", status_code=503)
REFUSED = SendResult(Outcome.REFUSED, error_kind="http_400", status_code=400)
NOT_FOUND = SendResult(Outcome.REFUSED, error_kind="http_404", status_code=404)


def situation(items: int = 500, attempts: int = 1, splits: int = 0, is_stopped: bool = False) -> Situation:
    return Situation(items, attempts, splits, is_stopped)


@pytest.mark.parametrize(
    ("result", "known", "status"),
    [
        (SendResult(Outcome.DONE), situation(), "done"),
        (SendResult(Outcome.DONE), situation(is_stopped=True), "done"),
        (RETRY, situation(attempts=2), "waiting"),
        (RETRY, situation(attempts=3), "failed"),
        (RETRY, situation(is_stopped=True), "failed"),
        (SendResult(Outcome.BROKEN), situation(), "waiting"),
        (SendResult(Outcome.CREDENTIALS), situation(), "failed"),
        (SendResult(Outcome.FORBIDDEN), situation(), "failed"),
        (REFUSED, situation(), "split"),
        (REFUSED, situation(items=2, attempts=3), "split"),
        (REFUSED, situation(items=1), "done"),
        (REFUSED, situation(splits=50), "failed"),
        (REFUSED, situation(is_stopped=True), "failed"),
        (NOT_FOUND, situation(), "failed"),
        (NOT_FOUND, situation(items=1), "failed"),
        (SendResult(Outcome.REFUSED, error_kind="refused", status_code=200), situation(), "split"),
        (SendResult(Outcome.REFUSED, error_kind="http_413", status_code=413), situation(), "split"),
    ],
)
def test_a_chunk_s_next_status(result: SendResult, known: Situation, status: str) -> None:
    assert decide(result, known, CONTRACT, 0.5).status == status


def test_a_chunk_waits_as_the_schedule_says() -> None:
    assert decide(RETRY, situation(attempts=2), CONTRACT, 1) == Decision("waiting", 4.0)


@pytest.mark.parametrize(
    ("result", "is_failure"),
    [
        (SendResult(Outcome.DONE), False),
        (SendResult(Outcome.DONE, elapsed_seconds=21), True),
        (REFUSED, False),
        (RETRY, True),
        (SendResult(Outcome.BROKEN), True),
        (SendResult(Outcome.CREDENTIALS), True),
    ],
)
def test_what_a_breaker_counts(result: SendResult, is_failure: bool) -> None:
    assert counts_as_failure(result, CONTRACT) is is_failure


@given(
    st.sampled_from(Outcome),
    st.sampled_from([None, 200, 301, 400, 404, 413, 422, 500]),
    st.integers(1, 500),
    st.integers(1, 20),
    st.integers(0, 100),
    st.booleans(),
)
def test_every_chunk_ends(
    outcome: Outcome, status: int | None, items: int, attempts: int, splits: int, is_stopped: bool
) -> None:
    """Waiting costs an attempt and splitting halves: neither can go on for ever."""
    result = SendResult(outcome, status_code=status)
    decision = decide(result, Situation(items, attempts, splits, is_stopped), CONTRACT, 0.5)
    if decision.status == "waiting":
        assert attempts < CONTRACT.attempts
    if decision.status == "split":
        assert items > 1
        assert splits < CONTRACT.split_limit
