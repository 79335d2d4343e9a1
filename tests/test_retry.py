"""When to try again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.retry import FLOORS, RETRY_AFTER_CAP, seconds_open, seconds_until_retry


@pytest.mark.parametrize(("failures", "chance", "seconds"), [(1, 0, 0), (1, 1, 2), (2, 0.5, 2), (2, 1, 4), (3, 1, 8)])
def test_each_wait_may_be_twice_as_long_as_the_one_before(failures: int, chance: float, seconds: float) -> None:
    assert seconds_until_retry(failures, 2, chance) == seconds


@pytest.mark.parametrize(("kind", "seconds"), [("http_429", 10), ("timeout", 4), ("http_503", 0)])
def test_a_shop_that_is_busy_is_given_time(kind: str, seconds: float) -> None:
    assert seconds_until_retry(1, 2, 0, kind) == seconds


def test_a_shop_that_names_its_time_is_not_called_earlier() -> None:
    assert seconds_until_retry(1, 2, 0.5, retry_after=90) == 90
    assert seconds_until_retry(1, 2, 0.5, retry_after=0) == 1


def test_a_shop_that_names_an_absurd_time_is_capped() -> None:
    assert seconds_until_retry(1, 2, 0.5, retry_after=1e9) == RETRY_AFTER_CAP


@given(st.integers(1, 10), st.floats(0.01, 60), st.floats(0, 1), st.sampled_from(["", "timeout", "http_429"]))
def test_a_wait_lies_between_its_floor_and_its_ceiling(failures: int, backoff: float, chance: float, kind: str) -> None:
    floor = backoff * FLOORS.get(kind, 0)
    wait = seconds_until_retry(failures, backoff, chance, kind)
    assert floor <= wait <= max(floor, backoff * 2 ** (failures - 1))


@given(st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1e6)))
def test_a_wait_is_never_shorter_than_the_shop_asks(chance: float, asked: float | None) -> None:
    assert seconds_until_retry(1, 2, chance, retry_after=asked) >= min(asked or 0, RETRY_AFTER_CAP)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_breaker_is_open_for_longer_each_time_up_to_a_quarter_of_an_hour(count: int, chance: float) -> None:
    assert 24 <= seconds_open(count, 30, chance) <= 900
    assert seconds_open(count, 30, 0) <= seconds_open(count + 1, 30, 0)
    assert seconds_open(count, 30, 0, longest=60) == min(30 * count, 60)
