"""How answers read: statuses, words, places, jobs. What leaves a doubt acknowledges nothing."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.platforms.answers import Answer, read_job, read_push
from integration.platforms.base import Item, Outcome, SendResult
from integration.platforms.contract import Contract, Job, Reading

ITEMS = [Item(number, number, sku, Decimal("1.00"), 1) for number, sku in enumerate("abc", 1)]


def read(content: Any, status: int = 200, **contract: Any) -> SendResult:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_push(Contract(**contract), Answer(status, body), ITEMS)


@pytest.mark.parametrize(
    ("named", "first", "sku"),
    [(0, 0, "a"), (3, 1, "c"), ("/2", 0, "c"), ("/1/price", 0, "b"), ("changes[2].amount", 0, "c")],
)
def test_an_error_by_its_item_s_place(named: Any, first: int, sku: str) -> None:
    contract = {"match_by": "position", "first_position": first, "error_sku": "at"}
    result = read({"errors": [{"at": named, "error": "no"}]}, **contract)
    assert (result.outcome, result.rejected) == (Outcome.DONE, {sku: "no"})
    assert result.accepted == set("abc") - {sku}


@pytest.mark.parametrize("named", [3, -1, "x", None, True, 10**12, {}, "/"])
def test_a_place_that_is_none_of_the_request_s_acknowledges_nothing(named: Any) -> None:
    result = read({"errors": [{"at": named}]}, match_by="position", error_sku="at")
    assert (result.outcome, result.accepted, result.unknown) == (Outcome.BROKEN, frozenset(), set("abc"))


def test_answers_in_the_items_order() -> None:
    contract = {"errors": "update", "error_when": "error", "error_reason": "error.message", "match_by": "order"}
    result = read({"update": [{"id": 1}, {"id": 0, "error": {"message": "no"}}, {"id": 3}]}, **contract)
    assert (result.accepted, result.rejected) == ({"a", "c"}, {"b": "no"})
    short = read({"update": [{"id": 1}]}, **contract)
    assert (short.outcome, short.message) == (Outcome.BROKEN, "the shop lists 1 items of 3")


@pytest.mark.parametrize(
    ("unlisted", "outcome", "accepted", "rejected", "unknown"),
    [
        ("accepted", Outcome.DONE, {"a", "b"}, {"c"}, set()),
        ("unknown", Outcome.BROKEN, {"a"}, {"c"}, {"b"}),
        ("refused", Outcome.DONE, {"a"}, {"b", "c"}, set()),
    ],
)
def test_what_an_item_that_is_not_listed_means(
    unlisted: str, outcome: Outcome, accepted: set[str], rejected: set[str], unknown: set[str]
) -> None:
    rows = [{"sku": "a", "state": "OK"}, {"sku": "c", "state": "NO"}]
    result = read({"errors": rows}, error_when="state != 'OK'", unlisted=unlisted)
    assert result.outcome is outcome
    assert (result.accepted, set(result.rejected), result.unknown) == (accepted, rejected, unknown)


def test_words_that_mean_throttled_or_unknown_credentials() -> None:
    contract = {"retry_when": "code == 'BUSY'", "credentials_when": "code == 'TOKEN'"}
    assert read({"code": "BUSY"}, **contract).outcome is Outcome.RETRY
    assert read({"code": "TOKEN"}, **contract).outcome is Outcome.CREDENTIALS
    assert read({"code": "OK"}, **contract).outcome is Outcome.DONE


def test_the_shop_s_own_words_stand_behind_ours() -> None:
    assert read({"message": "no such store"}, status=400).message.endswith("(HTTP 400): no such store")
    refused = read({"status": "0", "message": "closed"}, success="status == '1'")
    assert (refused.outcome, refused.message) == (
        Outcome.REFUSED,
        "the shop's answer says that it did not work: closed",
    )


@pytest.mark.parametrize("job_id", [None, "", True, {"a": 1}, "x" * 201])
def test_a_job_without_a_usable_name_is_no_job(job_id: Any) -> None:
    job = Job(id="job", url="{api_endpoint}/{job_id}", done="ok")
    result = read({"job": job_id}, job=job)
    assert (result.outcome, result.unknown) == (Outcome.BROKEN, set("abc"))


@pytest.mark.parametrize(
    ("status", "content", "outcome"),
    [
        (200, {"state": "done"}, Outcome.DONE),
        (200, {"state": "failed"}, Outcome.RETRY),
        (200, {"state": "queued"}, Outcome.JOB),
        (200, "words", Outcome.JOB),
        (404, {}, Outcome.JOB),
        (500, {}, Outcome.JOB),
        (401, {}, Outcome.CREDENTIALS),
    ],
)
def test_what_became_of_a_job(status: int, content: Any, outcome: Outcome) -> None:
    job = Job(id="job", url="{api_endpoint}/{job_id}", done="state == 'done'", failed="state == 'failed'")
    result = read_job(job, Contract(job=job), Answer(status, json.dumps(content).encode()), ITEMS)
    assert result.outcome is outcome
    assert result.accepted == (set("abc") if outcome is Outcome.DONE else frozenset())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("abc/0", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["sku", "errors", "error", "status"]), inner)
    ),
    max_leaves=12,
)
readings = st.builds(
    Reading,
    errors=st.sampled_from(["", "errors", "@", "errors[*].error"]),
    error_when=st.sampled_from(["", "error", "status != 'OK'"]),
    match_by=st.sampled_from(["sku", "position", "order"]),
    unlisted=st.sampled_from(["accepted", "unknown", "refused"]),
    success=st.sampled_from(["success != `false`", "status == '1'", "length(errors) > `0`"]),
)


@given(json_values, readings, st.sampled_from([200, 207, 204, 301, 400, 401, 404, 429, 500]))
def test_whatever_a_shop_says_each_item_has_at_most_one_answer(content: Any, reading: Reading, status: int) -> None:
    result = read(content, status, **reading.model_dump())
    named = [*result.accepted, *result.rejected, *result.unknown]
    assert len(named) == len(set(named))
    assert set(named) <= set("abc")
    if result.outcome is Outcome.DONE:
        assert set(named) == set("abc")
