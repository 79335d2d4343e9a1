"""How a shop's answer reads: from a status and a body to one outcome, and for each item accepted, refused or unknown.

Pure functions. What a shop says may hold anything; what leaves a doubt acknowledges nothing.
"""

import dataclasses
import re
import time
from collections.abc import Iterable, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import jmespath
import msgspec

from integration.platforms.base import Item, Outcome, SendResult, skus
from integration.platforms.contract import Contract, Job, Reading

EXCERPT_LIMIT = 16 * 1024  # characters kept of an answer
LONGEST_WAIT = 86_400.0  # seconds of a Retry-After that are worth telling apart
REASON_LIMIT = 500  # characters kept of why an item was refused
PLAIN_NUMBER = re.compile(r"-?\d{1,9}(\.\d+)?")
UNKNOWN_STATUSES = {408}  # and 5xx: the shop may have applied the request all the same
NOTHING = object()  # no JSON


class Answer(NamedTuple):
    status: int
    body: bytes
    retry_after: str | None = None


class Entry(NamedTuple):
    """What an answer says of one item; `sku` is None if it is none of the request's."""

    sku: str | None
    is_refusal: bool
    reason: str


def read_push(contract: Contract, answer: Answer, items: Sequence[Item]) -> SendResult:
    parsed = parse(answer.body)
    facts = facts_of(answer)
    said = say(contract, parsed)
    if answer.status in contract.credentials_statuses or holds(contract.credentials_when, parsed):
        message = f"credentials refused (HTTP {answer.status}){said}"
        return SendResult(Outcome.CREDENTIALS, error_kind="credentials", message=message, **facts)
    if is_temporary(contract, answer.status, parsed):
        unknown = skus(items) if answer.status >= 500 or answer.status in UNKNOWN_STATUSES else frozenset()
        wait = seconds_to_wait(answer.retry_after, time.time())
        message, kind = f"the shop answered HTTP {answer.status}{said}", f"http_{answer.status}"
        return SendResult(Outcome.RETRY, unknown=unknown, error_kind=kind, message=message, retry_after=wait, **facts)
    if answer.status not in contract.accepted_statuses:
        message = f"the shop refused the request (HTTP {answer.status}){said}"
        return SendResult(Outcome.REFUSED, error_kind=f"http_{answer.status}", message=message, **facts)
    return read_accepted(contract, answer, parsed, items)


def is_temporary(contract: Contract, status: int, parsed: Any) -> bool:
    return status in contract.retry_statuses or status >= 500 or holds(contract.retry_when, parsed)


def read_accepted(contract: Contract, answer: Answer, parsed: Any, items: Sequence[Item]) -> SendResult:
    facts = facts_of(answer)
    if answer.status == 204 and contract.job is None:
        return SendResult(Outcome.DONE, accepted=skus(items), **facts)
    if not isinstance(parsed, dict | list):
        message = f"HTTP {answer.status}, but the answer is no JSON object or array"
        return SendResult(Outcome.BROKEN, unknown=skus(items), error_kind="bad_answer", message=message, **facts)
    result = read_items(contract, parsed, items, facts)
    if contract.job is None or (result.outcome is Outcome.DONE and not result.accepted):
        return result
    if result.outcome is not Outcome.DONE:  # nothing is accepted before the job says so
        return dataclasses.replace(result, accepted=frozenset(), unknown=result.unknown | result.accepted)
    return read_job_id(contract.job, parsed, result, facts)


def read_job_id(job: Job, parsed: Any, result: SendResult, facts: dict[str, Any]) -> SendResult:
    job_id = search(job.id, parsed)
    if not is_job_id(job_id):
        message = "the answer names no job to ask for"
        return SendResult(Outcome.BROKEN, unknown=result.accepted, error_kind="bad_answer", message=message, **facts)
    rejected, message = result.rejected, "the shop has taken it for later"
    return SendResult(Outcome.JOB, rejected=rejected, message=message, job_id=str(job_id), **facts)


def is_job_id(value: Any) -> bool:
    """It stands in a URL, where dots alone would lead elsewhere."""
    text = str(value)
    is_name = isinstance(value, str | int) and not isinstance(value, bool)
    return is_name and 0 < len(text) <= 200 and text.isprintable() and bool(text.strip("."))


# --- items ----------------------------------------------------------------------------------------------


def read_items(reading: Reading, parsed: Any, items: Sequence[Item], facts: dict[str, Any]) -> SendResult:
    """For each item what the answer says, and for those that it does not list what the contract says."""
    entries = list(read_entries(reading, parsed, items))
    rejected = {entry.sku: entry.reason for entry in entries if entry.is_refusal and entry.sku is not None}
    named = frozenset(entry.sku for entry in entries if entry.sku is not None) - rejected.keys()
    others = skus(items) - rejected.keys() - named
    if named | others and reading.success and not holds(reading.success, parsed):
        message = f"the shop's answer says that it did not work{say(reading, parsed)}"
        return SendResult(Outcome.REFUSED, rejected=rejected, error_kind="refused", message=message, **facts)
    if reading.unlisted == "refused":
        rejected |= dict.fromkeys(others, "not among the items that the shop lists")
        others = frozenset()
    accepted = named | others if reading.unlisted == "accepted" else named
    if doubt := find_doubt(reading, parsed, entries, len(items), len(accepted)):
        unknown = skus(items) - rejected.keys()
        return SendResult(
            Outcome.BROKEN, rejected=rejected, unknown=unknown, error_kind="bad_answer", message=doubt, **facts
        )
    return settle(accepted, rejected, others - accepted, facts)


def settle(accepted: frozenset[str], rejected: dict[str, str], missing: frozenset[str], facts: Any) -> SendResult:
    if not missing:
        return SendResult(Outcome.DONE, accepted=accepted, rejected=rejected, **facts)
    message = f"the shop's answer does not list {len(missing)} items"
    known = SendResult(Outcome.BROKEN, accepted=accepted, rejected=rejected, **facts)
    return dataclasses.replace(known, unknown=missing, error_kind="unlisted", message=message)


def find_doubt(reading: Reading, parsed: Any, entries: list[Entry], item_count: int, accepted_count: int) -> str:
    """Why it is not known which of the items were accepted; empty if it is."""
    if len(entries) > most_entries(item_count):
        return "the shop lists far more items than it was sent"
    if strangers := sum(entry.is_refusal and entry.sku is None for entry in entries):
        return f"the shop lists {strangers} errors that name no item of the request"
    if reading.match_by == "order" and len(entries) != item_count:
        return f"the shop lists {len(entries)} items of {item_count}"
    counted = as_number(search(reading.accepted_count, parsed))
    if counted is not None and counted != accepted_count:
        return f"the shop counts {counted} accepted items of {accepted_count}"
    return ""


def as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def read_entries(reading: Reading, parsed: Any, items: Sequence[Item]) -> Iterable[Entry]:
    listed = as_list(search(reading.errors, parsed))[: most_entries(len(items)) + 1]
    by_sku = {item.sku: item.sku for item in items}
    for place, entry in enumerate(listed):
        is_refusal = not reading.error_when or not is_accepted_entry(reading.error_when, entry)
        reason = str(search(reading.error_reason, entry) or "refused without a reason")[: 2 * REASON_LIMIT]
        yield Entry(item_of(reading, entry, place, items, by_sku), is_refusal, reason if is_refusal else "")


def most_entries(item_count: int) -> int:
    """More are a doubt: reading them would cost more than they can say."""
    return 10 * item_count + 100


def is_accepted_entry(error_when: str, entry: Any) -> bool:
    """An entry that the condition cannot be asked of accepts nothing."""
    return isinstance(entry, dict | list) and not holds(error_when, entry, otherwise=True)


def as_list(listed: Any) -> list[Any]:
    if listed is None or listed == "":
        return []
    return listed if isinstance(listed, list) else [listed]


def item_of(reading: Reading, entry: Any, place: int, items: Sequence[Item], by_sku: dict[str, str]) -> str | None:
    if reading.match_by == "order":
        return items[place].sku if place < len(items) else None
    named = search(reading.error_sku, entry)
    if not isinstance(named, str | int) or isinstance(named, bool):
        return None
    if reading.match_by == "sku":
        return by_sku.get(str(named))
    numbers = re.findall(r"-?\d+", str(named))
    index = int(numbers[0]) - reading.first_position if len(numbers) == 1 and len(numbers[0]) < 10 else -1
    return items[index].sku if 0 <= index < len(items) else None


# --- jobs -----------------------------------------------------------------------------------------------


def read_job(job: Job, contract: Contract, answer: Answer, items: Sequence[Item]) -> SendResult:
    """What became of a job; `Outcome.JOB` while that is not known. What it lists are the items' outcomes."""
    facts, parsed = facts_of(answer), parse(answer.body)
    if answer.status in contract.credentials_statuses:
        message = f"credentials refused (HTTP {answer.status})"
        return SendResult(Outcome.CREDENTIALS, error_kind="credentials", message=message, **facts)
    if answer.status not in contract.accepted_statuses or parsed is NOTHING:
        wait = seconds_to_wait(answer.retry_after, time.time())
        message = f"asked for the job, the shop answered HTTP {answer.status}"
        kind = f"http_{answer.status}"
        return SendResult(Outcome.JOB, error_kind=kind, message=message, retry_after=wait, **facts)
    if holds(job.failed, parsed):
        message = f"the shop's job failed{say(job.answer, parsed)}"
        return SendResult(Outcome.RETRY, unknown=skus(items), error_kind="job_failed", message=message, **facts)
    if not holds(job.done, parsed):
        return SendResult(Outcome.JOB, message="the shop is still at it", **facts)
    if job.items_url:
        return SendResult(Outcome.DONE, accepted=skus(items), **facts)
    return read_items(job.answer, parsed, items, facts)


# --- words ----------------------------------------------------------------------------------------------


def facts_of(answer: Answer) -> dict[str, Any]:
    """The excerpt is longer than what is kept, so that a secret at its end is found before it is cut."""
    excerpt = answer.body[: 8 * EXCERPT_LIMIT].decode("utf-8", "replace")[: 2 * EXCERPT_LIMIT]
    return {"status_code": answer.status, "excerpt": excerpt, "received_bytes": len(answer.body)}


def parse(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NOTHING


def search(expression: str, value: Any, otherwise: Any = None) -> Any:
    """What the expression finds; None where it finds nothing, `otherwise` where it fits no such value."""
    if not isinstance(value, dict | list) or not expression:
        return None
    try:
        return jmespath.search(expression, value)
    except (jmespath.exceptions.JMESPathError, TypeError):  # it compares, say, a number with a text
        return otherwise


def holds(expression: str, value: Any, otherwise: bool = False) -> bool:
    """Whether the expression is true as JMESPath has it: not false, not null and not empty."""
    found = search(expression, value, otherwise)
    return found is not None and found is not False and found not in ("", [], {})


def say(reading: Reading, parsed: Any) -> str:
    """The shop's own words, to stand behind ours."""
    words = search(reading.message, parsed)
    return f": {words[: 2 * REASON_LIMIT]}" if isinstance(words, str) and words else ""


def seconds_to_wait(value: str | None, now: float) -> float | None:
    """`Retry-After` as seconds from `now` (epoch seconds); None where it is absent or makes no sense."""
    if not value:
        return None
    if PLAIN_NUMBER.fullmatch(value):
        return min(max(0.0, float(value)), LONGEST_WAIT)
    try:
        return min(max(0.0, parsedate_to_datetime(value).timestamp() - now), LONGEST_WAIT)
    except (TypeError, ValueError, OverflowError):
        return None


# --- test connection ---------------------------------------------------------------------------------------


def connection_cause(status: int, contract: Contract) -> tuple[str, str]:
    """(kind, message) of a GET's status. An endpoint that only takes a push answers 400 or 405: it is there."""
    if status in contract.credentials_statuses:
        return "credentials", f"the shop refused the credentials (HTTP {status})"
    if status == 404:
        return "wrong_path", "the shop is there, but not this path (HTTP 404)"
    if status < 300 or status in (400, 405, 422):
        return "ok", f"the shop answers (HTTP {status})"
    return "unexpected_answer", f"the shop answered HTTP {status}"
