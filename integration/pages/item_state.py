"""What is said of a product in an outlet, and of what was sent of it."""

from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from integration.item_history import Sent
from integration.models import OutletProduct, PushChunk, RejectedItem
from integration.platforms.base import Outcome
from integration.verdicts import Verdict


class Badge(NamedTuple):
    label: Any
    colour: str
    icon: str


REFUSED_FOR_GOOD = Badge(_("refused, not sent any more"), "red", "package-x")
REFUSED = Badge(_("refused, tried again"), "red", "package-x")
NEW = Badge(_("waiting, never sent"), "orange", "clock")
WAITING = Badge(_("waiting"), "orange", "clock")
CHECKING = Badge(_("to be sent again"), "yellow", "circle-question-mark")
SAME = Badge(_("same in the shop"), "green", "check")


def is_held_back(item: OutletProduct, rejection: RejectedItem) -> bool:
    """In quarantine, which ends by itself when the values change."""
    same_price = rejection.rejected_price == item.selling_price
    same_stock = rejection.rejected_stock_status == item.stock_status
    return rejection.quarantined_at is not None and same_price and same_stock


def state_of(item: OutletProduct) -> Badge:
    rejection = getattr(item, "rejection", None)
    if rejection:
        return REFUSED_FOR_GOOD if is_held_back(item, rejection) else REFUSED
    if item.differs:
        return WAITING if item.pushed_at else NEW
    return CHECKING if item.confirm_at else SAME


class ItemRow(NamedTuple):
    """An outlet's product and what the templates ask of it."""

    item: OutletProduct
    state: Badge

    @property
    def rejection(self) -> RejectedItem | None:
        return getattr(self.item, "rejection", None)

    @property
    def price_differs(self) -> bool:
        return self.item.pushed_price != self.item.selling_price

    @property
    def stock_differs(self) -> bool:
        return self.item.pushed_stock_status != self.item.stock_status

    @property
    def is_held_back(self) -> bool:
        return self.state is REFUSED_FOR_GOOD

    @property
    def is_waiting(self) -> bool:
        return bool(self.item.differs)


def row_of(item: OutletProduct) -> ItemRow:
    return ItemRow(item, state_of(item))


# --- what was sent ----------------------------------------------------------------------------------------

ANSWERS = {
    Verdict.ACCEPTED: Badge(_("accepted"), "green", "check"),
    Verdict.REFUSED: Badge(_("refused"), "red", "x"),
    Verdict.UNKNOWN: Badge(_("not known, sent again later"), "yellow", "circle-question-mark"),
}
UNDER_WAY = Badge(_("being sent"), "blue", "loader")
LATER = Badge(_("taken; the shop has not said yet"), "blue", "hourglass")
NOT_TAKEN = Badge(_("not taken"), "orange", "circle-alert")
LIKELY = Badge(_("accepted, unless it is among the refused"), "secondary", "circle-question-mark")
WHOLE = Badge(_("the whole request was refused"), "red", "x")
DETAILS = {
    Outcome.CREDENTIALS: _("The shop did not accept the API key."),
    Outcome.FORBIDDEN: _("This address may not be sent to."),
    Outcome.OVERDUE: _("The shop did not finish in time."),
}


class SentRow(NamedTuple):
    sent: Sent
    answer: Badge
    detail: Any
    at: datetime


def sent_row(sent: Sent) -> SentRow:
    detail = sent.reason or DETAILS.get(Outcome(sent.attempt.outcome)) if sent.attempt.outcome else ""
    if not detail and sent.verdict != Verdict.ACCEPTED:
        detail = sent.attempt.error_message
    return SentRow(sent, answer_of(sent), detail, sent.attempt.started_at)


def answer_of(sent: Sent) -> Badge:
    attempt = sent.attempt
    if attempt.finished_at is None:
        return UNDER_WAY
    if sent.verdict in tuple(ANSWERS):
        return ANSWERS[Verdict(sent.verdict)]
    if attempt.outcome == Outcome.JOB:
        is_open = attempt.chunk.status in PushChunk.OPEN
        return LATER if is_open else ANSWERS[Verdict.UNKNOWN]
    if attempt.outcome == Outcome.DONE:
        return LIKELY
    return WHOLE if attempt.outcome == Outcome.REFUSED else NOT_TAKEN
