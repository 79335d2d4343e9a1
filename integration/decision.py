"""What comes next after an answer: pure functions of the answer and of plain numbers."""

from typing import NamedTuple

from integration.models import PushChunk
from integration.platforms.base import Outcome, SendResult
from integration.platforms.contract import Contract
from integration.retry import RETRY_AFTER_CAP, seconds_until_retry

AGAIN = (Outcome.RETRY, Outcome.BROKEN)
STOPPING = (Outcome.CREDENTIALS, Outcome.FORBIDDEN)


class Situation(NamedTuple):
    """What is known of a chunk when its answer comes."""

    item_count: int
    attempt_count: int  # with the one that was answered
    split_count: int  # of its push so far
    is_stopped: bool  # its push sends nothing more
    has_accepted: bool = True  # the shop has taken an item of this push


class Decision(NamedTuple):
    """The chunk's next status; waiting, with the seconds until it is tried again."""

    status: PushChunk.Status
    delay: float = 0.0


def decide(result: SendResult, situation: Situation, contract: Contract, chance: float) -> Decision:
    if result.outcome is Outcome.DONE or is_refused_item(result, situation, contract):
        return Decision(PushChunk.Status.DONE)
    if situation.is_stopped:
        return Decision(PushChunk.Status.FAILED)
    if result.outcome is Outcome.JOB and contract.job:
        return Decision(
            PushChunk.Status.WAITING, max(contract.job.every_seconds, min(result.retry_after or 0, RETRY_AFTER_CAP))
        )
    if result.outcome in AGAIN and situation.attempt_count < contract.attempts:
        failures = situation.attempt_count
        delay = seconds_until_retry(failures, contract.backoff_seconds, chance, result.error_kind, result.retry_after)
        return Decision(PushChunk.Status.WAITING, delay)
    if result.error_kind == "too_large":
        return Decision(PushChunk.Status.SPLIT)
    if is_refused_whole(result, contract) and situation.split_count < splits_allowed(situation, contract):
        return Decision(PushChunk.Status.SPLIT)
    return Decision(PushChunk.Status.FAILED)


def splits_allowed(situation: Situation, contract: Contract) -> int:
    """Until the shop has taken something, one way down to a single item: it may be refusing everything."""
    way_down = contract.batch_size.bit_length() + 1
    return contract.split_limit if situation.has_accepted else min(contract.split_limit, way_down)


def is_refused_whole(result: SendResult, contract: Contract) -> bool:
    """The shop did not take the request because of something in it: halves may fare better."""
    return result.outcome is Outcome.REFUSED and (
        result.error_kind in ("refused", "too_large") or result.status_code in contract.split_statuses
    )


def is_refused_item(result: SendResult, situation: Situation, contract: Contract) -> bool:
    """A request of one item that is refused whole is a refusal of that item."""
    return situation.item_count == 1 and is_refused_whole(result, contract)


def counts_as_failure(result: SendResult, contract: Contract) -> bool:
    """Whether the breaker counts the answer against the endpoint."""
    return (
        result.outcome in (*AGAIN, Outcome.CREDENTIALS, Outcome.OVERDUE)
        or result.elapsed_seconds > contract.slow_seconds
    )
