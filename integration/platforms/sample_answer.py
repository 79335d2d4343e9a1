"""A plausible answer of a shop, made from its contract: the last item is refused and the others are accepted.

What a condition or a path wants is only guessed, for the usual forms of JMESPath; `read` says which guess is right.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from integration.platforms.base import Item, Outcome, SendResult
from integration.platforms.contract import Contract, Reading

PLAIN_PATH = re.compile(r"\w+(?:\.\w+)*")
COMPARISON = re.compile(r"([\w.]+)\s*(==|!=)\s*('[^']*'|`[^`]*`)")
OTHER = "FAILED"
REASON = "unknown product"


def sample_answer(
    contract: Contract, items: Sequence[Item], read: Callable[[bytes], SendResult], *, of_job: bool = False
) -> str:
    """To the push, or to the question for its job."""
    job = contract.job if of_job else None
    for answer in guesses(job.answer if job else contract, items):
        if isinstance(answer, dict):
            complete(answer, contract, of_job)
        body = json.dumps(answer, indent=2, ensure_ascii=False)
        if read(body.encode()).outcome in (Outcome.DONE, Outcome.JOB):
            return body
    return "{}"


def complete(answer: dict[str, Any], contract: Contract, of_job: bool) -> None:
    if contract.job and of_job:
        satisfy(answer, contract.job.done)
    elif contract.job:
        put(answer, contract.job.id, "job-1")


def guesses(reading: Reading, items: Sequence[Item]) -> Iterator[Any]:
    refused = len(items) - 1
    bad = refusal(reading, items, refused)
    good = [acceptance(reading, items, place) for place in range(refused)]
    for entries in ([*good, bad], [bad], [*good, acceptance(reading, items, refused)], []):
        accepted = len(items) - 1 if bad in entries else len(items)
        yield envelope(reading, entries, accepted)
    yield {}


def envelope(reading: Reading, entries: list[dict[str, Any]], accepted: int) -> Any:
    """The answer around the entries; a list where the entries are all of it."""
    if reading.errors == "@":
        return entries
    answer: dict[str, Any] = {}
    satisfy(answer, reading.success)
    put(answer, reading.accepted_count, accepted)
    put(answer, reading.errors, entries)
    return answer


def refusal(reading: Reading, items: Sequence[Item], place: int) -> dict[str, Any]:
    entry = named_entry(reading, items, place)
    put(entry, reading.error_reason, REASON)
    satisfy(entry, reading.error_when)
    return entry


def acceptance(reading: Reading, items: Sequence[Item], place: int) -> dict[str, Any]:
    entry = named_entry(reading, items, place)
    satisfy(entry, reading.error_when, false=True)
    return entry


def named_entry(reading: Reading, items: Sequence[Item], place: int) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if reading.match_by != "order":
        by_place = reading.match_by == "position"
        put(entry, reading.error_sku, place + reading.first_position if by_place else items[place].sku)
    return entry


def satisfy(target: dict[str, Any], condition: str, *, false: bool = False) -> None:
    """Put into `target` what makes the condition true, or false."""
    if compared := COMPARISON.fullmatch(condition.strip()):
        path, sign, text = compared.groups()
        value = literal(text)
        other = not value if isinstance(value, bool) else OTHER
        put(target, path, value if (sign == "==") is not false else other)
    elif not false:
        put(target, condition, True)


def literal(text: str) -> Any:
    if text.startswith("'"):
        return text[1:-1]
    try:
        return msgspec.json.decode(text[1:-1])
    except (msgspec.DecodeError, RecursionError):
        return text[1:-1]


def put(target: dict[str, Any], path: str, value: Any) -> None:
    """Under a plain path, where nothing stands there yet; no other expression can be turned round."""
    first = path.split("||", maxsplit=1)[0].strip()
    if not PLAIN_PATH.fullmatch(first):
        return
    *outer, last = first.split(".")
    for name in outer:
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target.setdefault(last, value)
