"""When to try again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.retry import RETRY_AFTER_CAP, seconds_until_retry


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"), [(1, 0, 1), (1, 1, 2), (2, 0, 2), (2, 1, 4), (3, 0, 4), (3, 1, 8), (2, 0.5, 3)]
)
def test_each_wait_is_twice_the_one_before_with_jitter(failures: int, chance: float, seconds: float) -> None:
    assert seconds_until_retry(failures, 2, chance) == seconds


def test_a_shop_that_names_its_time_is_not_called_earlier() -> None:
    assert seconds_until_retry(1, 2, 0.5, retry_after=90) == 90
    assert seconds_until_retry(1, 2, 0.5, retry_after=0) == 1.5


def test_a_shop_that_names_an_absurd_time_is_capped() -> None:
    assert seconds_until_retry(1, 2, 0.5, retry_after=1e9) == RETRY_AFTER_CAP


@given(st.integers(1, 10), st.floats(0.01, 60), st.floats(0, 1))
def test_a_wait_lies_in_the_upper_half_of_its_step(failures: int, backoff: float, chance: float) -> None:
    ceiling = backoff * 2 ** (failures - 1)
    assert ceiling / 2 <= seconds_until_retry(failures, backoff, chance) <= ceiling
