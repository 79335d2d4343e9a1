"""A comparison of one outlet: what its shop lists against what it has acknowledged, and what differs is sent again.

`pushed_*` is never written here. What is to be sent again is marked as one to be confirmed, and a push sends it.
"""

import logging
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integration import changes, revisions
from integration.comparison import Findings, Verdict, list_strangers, look_again, look_through
from integration.contracts import MISCONFIGURED, contract_of
from integration.models import Difference, Outlet, PushHistory, Reconciliation
from integration.obstacles import CannotPush, check_pause, check_switches
from integration.platforms.contract import Contract
from integration.push_queue import Ring, start_push
from integration.reading import CannotRead, LeftAlone, Reader
from integration.reconciliation_queue import Claim, ClaimLost, Sends, Status, claim_one, lease
from integration.shelf import Doubts, Shelf

logger = logging.getLogger(__name__)

MOST_IDLE = 2  # pages in a row of which nothing is new: more are no list that moves
# More than both is no drift, but a mapping that is wrong or a shop that was set back: a person decides.
MOST_DIFFERENT, MOST_PERCENT = 50, 20


class Unfit(Exception):
    """The outlet is not compared now; the message says why."""


def run_reconciliation(reconciliation_id: int, now: datetime) -> list[Ring]:
    """Compare, if it is there to be done; what to ring so that what differs is sent again."""
    claim = claim_one(reconciliation_id, now)
    if claim is None:
        return []
    try:
        return carry_out(claim, now)
    except ClaimLost:
        logger.warning("the comparison is not ours any more", extra={"reconciliation_id": reconciliation_id})
        return []
    except SystemExit:  # the worker is told to end: another one begins anew
        with suppress(ClaimLost):
            claim.write(status=Status.WAITING, claim_token=None, claimed_until=None, rung_at=None, attempt_count=0)
        raise
    except KeyboardInterrupt:
        with suppress(ClaimLost):
            claim.end(Status.FAILED, error="interrupted")
        raise


def carry_out(claim: Claim, now: datetime) -> list[Ring]:
    """Whatever happens, the comparison ends with a reason."""
    try:
        contract = check_fit(claim.row)
        with closing(Doubts()) as doubts:
            findings = Comparing(claim, contract, now, doubts).run()
            return conclude(claim, findings, doubts)
    except (Unfit, LeftAlone) as exc:
        claim.end(Status.SKIPPED, error=str(exc))
    except (CannotRead, *MISCONFIGURED) as exc:
        claim.end(Status.FAILED, error=str(exc))
    except ClaimLost:
        raise
    except Exception as exc:
        logger.exception("the comparison failed", extra={"reconciliation_id": claim.row.pk})
        claim.end(Status.FAILED, error=f"something went wrong in the service: {type(exc).__name__}")
    return []


def check_fit(row: Reconciliation) -> Contract:
    """What is paused is left alone; but a person may look at any time."""
    outlet = row.outlet
    if row.trigger != Reconciliation.Trigger.MANUAL:
        try:
            check_switches(outlet)
            check_pause()
        except CannotPush as exc:
            raise Unfit(str(exc)) from exc
    if not outlet.api_endpoint and outlet.platform != "memory":
        raise Unfit(f"{outlet} has no API endpoint")
    contract = contract_of(outlet.platform)
    if contract.read_back is None:
        raise Unfit(f"the contract of {outlet.platform} does not say how its shop can be read back")
    return contract


# --- reading and comparing ------------------------------------------------------------------------------


@dataclass(slots=True)
class Comparing:
    claim: Claim
    contract: Contract
    now: datetime
    doubts: Doubts
    page_count: int = 0
    read_count: int = 0

    def run(self) -> Findings:
        outlet_id, settled_before = self.claim.row.outlet_id, self.settled_before
        findings = Findings()
        with closing(self.read()) as shelf:
            look_through(outlet_id, shelf, settled_before, findings, self.doubts)
            if any(self.doubts.doubted()):
                self.claim.facts["is_second_reading"] = True
                with closing(self.read()) as second:
                    look_again(outlet_id, second, settled_before, findings, self.doubts)
            list_strangers(shelf, findings)
            counts = {"extra_count": shelf.count_extra(), "malformed_count": shelf.malformed_count}
        self.claim.facts |= {**counts, **count_of(findings)}
        return findings

    @property
    def settled_before(self) -> datetime:
        assert self.contract.read_back
        return self.now - timedelta(seconds=self.contract.read_back.settle_seconds)

    def read(self) -> Shelf:
        """Everything that the shop lists. A page of which nothing is new may come once or twice, and not for ever."""
        shelf, idle_count, total = Shelf(), 0, None
        reader = Reader(self.claim.row.outlet, self.contract, self.claim.wait)
        for page in reader.pages():
            fresh = shelf.put(page.items)
            idle_count = 0 if fresh or not page.items else idle_count + 1
            if idle_count > MOST_IDLE:
                raise CannotRead("the shop answers with the same items again and again: look at the contract's paging")
            total = page.total
            self.page_count += 1
            self.read_count += len(page.items)
            self.claim.facts |= {"page_count": self.page_count, "read_count": self.read_count}
        if total is not None and shelf.item_count < total:
            raise CannotRead(f"the shop says that it has {total} items, and has listed {shelf.item_count}")
        return shelf


def count_of(findings: Findings) -> dict[str, int]:
    counts = findings.counts
    return {
        "item_count": findings.item_count,
        "compared_count": findings.compared_count,
        "differing_count": counts[Verdict.DIFFERS],
        "missing_count": counts[Verdict.MISSING],
        "unreadable_count": counts[Verdict.UNREADABLE],
        "skipped_count": counts[Verdict.SKIPPED],
    }


# --- what comes of it -----------------------------------------------------------------------------------


def conclude(claim: Claim, findings: Findings, doubts: Doubts) -> list[Ring]:
    claim.look_again()
    facts = claim.facts
    named = ("differing_count", "missing_count", "malformed_count", "extra_count")
    status = Status.DIFFERENT if any(facts[name] for name in named) else Status.EQUAL
    is_held = claim.row.sends == Sends.USUAL and is_suspicious(facts)
    is_sent = bool(doubts.due_count) and not is_held and claim.row.sends != Sends.NOTHING
    sent, rings = send_again(claim, doubts) if is_sent else ({}, [])
    for difference in findings.listed:
        difference.reconciliation = claim.row
    if is_sent:
        mark_sent(findings)
    with transaction.atomic():
        claim.end(status, is_held=is_held, **facts, **sent)
        Difference.objects.filter(reconciliation=claim.row).delete()
        Difference.objects.bulk_create(findings.listed, batch_size=500)
    return rings


def is_suspicious(facts: dict[str, Any]) -> bool:
    different = facts["differing_count"] + facts["missing_count"]
    return different > MOST_DIFFERENT and 100 * different > MOST_PERCENT * facts["compared_count"]


def send_again(claim: Claim, doubts: Doubts) -> tuple[dict[str, Any], list[Ring]]:
    """Mark what differs as to be confirmed, and start a push of it; where none may start, the next one takes it."""
    claim.write(claimed_until=lease())
    now = timezone.now()
    for ids in doubts.due():
        with transaction.atomic():
            revisions.lock(claim.row.outlet_id)
            changes.confirm_later(ids, now)
    facts: dict[str, Any] = {"sent_count": doubts.due_count}
    user_id = claim.row.created_by_id
    try:
        outlet = Outlet.objects.defer("api_key", "api_secret").get(pk=claim.row.outlet_id)  # as it is by now
        started = start_push(outlet, PushHistory.PushType.PARTIAL, PushHistory.Trigger.RECONCILE, now, user_id)
    except CannotPush as exc:
        return {**facts, "error": f"it is sent with the next push: {exc}"}, []
    return {**facts, "push": started.push}, started.rings


def mark_sent(findings: Findings) -> None:
    for difference in findings.listed:
        is_ours = difference.kind in (Difference.Kind.DIFFERS, Difference.Kind.MISSING)
        difference.is_sent = is_ours and not difference.is_refused
