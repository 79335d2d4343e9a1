"""What is said of an attempt is what is known of its item, and no more."""

from decimal import Decimal

import pytest
from django.utils import timezone

from integration.item_history import Sent
from integration.models import PushAttempt, PushChunk
from integration.pages.item_state import answer_of, sent_row

NOW = timezone.now()


def sent(outcome: str, verdict: str, chunk_status: str = "done", finished: bool = True, reason: str = "") -> Sent:
    attempt = PushAttempt(
        chunk=PushChunk(status=chunk_status),
        started_at=NOW,
        finished_at=NOW if finished else None,
        outcome=outcome,
        error_message="" if outcome == "done" else "HTTP 503",
    )
    return Sent(attempt, Decimal(1), 1, verdict, reason)


@pytest.mark.parametrize(
    "entry, words",
    [
        (sent("", "", finished=False), "being sent"),
        (sent("done", "a"), "accepted"),
        (sent("done", "r"), "refused"),
        (sent("retry", "u"), "not known, sent again later"),
        (sent("retry", "a"), "accepted"),
        (sent("retry", "-"), "not taken"),
        (sent("job", "-", chunk_status="waiting"), "taken; the shop has not said yet"),
        (sent("job", "-", chunk_status="failed"), "not known, sent again later"),
        (sent("refused", "-"), "the whole request was refused"),
        (sent("credentials", "-"), "not taken"),
        (sent("done", ""), "accepted, unless it is among the refused"),
    ],
)
def test_an_answer_is_said_in_words(entry: Sent, words: str) -> None:
    assert str(answer_of(entry).label) == words


def test_the_shop_s_reason_stands_beside_it() -> None:
    assert sent_row(sent("done", "r", reason="too low")).detail == "too low"
    assert str(sent_row(sent("credentials", "-")).detail) == "The shop did not accept the API key."
    assert sent_row(sent("retry", "u")).detail == "HTTP 503"
    assert not sent_row(sent("done", "a")).detail
