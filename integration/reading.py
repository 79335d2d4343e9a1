"""What an outlet's shop has, page by page: within the shop's limits, tried again where that helps, never without end.

1. What the shop asked for holds for reading too: its pace, its Retry-After, the breaker. Reading does not open the
   breaker, for a shop may take pushes well and list badly; and it takes half of the shop's pace at most, so that
   pushes get through.
2. A list that ends too soon would make every item behind it look lost. So a reading is whole or it is none: pages
   that repeat, a count that is not reached, or a page that cannot be had are an error.
3. Nobody holds a transaction open while the shop is asked.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from django.conf import settings
from django.utils import timezone

from integration import health
from integration.claims import LEASE_PART
from integration.models import EndpointHealth, Outlet
from integration.platforms import load
from integration.platforms.base import Endpoint, Outcome, Platform, ShopPage
from integration.platforms.contract import Contract, ReadBack
from integration.platforms.oauth import TokenError
from integration.platforms.read_back import without_page
from integration.platforms.transport import until
from integration.rate_limit import seconds_to_wait
from integration.retry import seconds_until_retry
from integration.sending import trusting_endpoint
from integration.tokens import admit

logger = logging.getLogger(__name__)

PACE_PART = 0.5  # of what the shop allows
Wait = Callable[[float], None]  # waits so many seconds, and tells that the reader is alive


class CannotRead(Exception):
    """What the shop has is not known; the message says why."""


class LeftAlone(CannotRead):
    """The endpoint's breaker is open."""


@dataclass(slots=True)
class Reader:
    outlet: Outlet
    contract: Contract
    wait: Wait
    endpoint: Endpoint = field(init=False)
    ends_at: float = field(init=False)  # by the monotonic clock

    def __post_init__(self) -> None:
        self.endpoint = trusting_endpoint(self.outlet, self.contract)
        self.ends_at = time.monotonic() + self.read_back.deadline_seconds

    @property
    def read_back(self) -> ReadBack:
        if self.contract.read_back is None:
            raise CannotRead(f"the contract of {self.outlet.platform} says nothing of reading back")
        return self.contract.read_back

    def pages(self) -> Iterator[ShopPage]:
        """Every page, once."""
        place, places = "", {hash("")}
        for _number in range(self.read_back.page_limit):
            started = time.monotonic()
            page = self.fetch(place)
            yield page
            if page.next_place is None:
                return
            if hash(page.next_place) in places:
                raise CannotRead("the shop's pages lead in a circle: look at the paging of the contract's read_back")
            place = page.next_place
            places.add(hash(place))
            self.leave_room(started)
        raise CannotRead(f"the shop's list does not end after {self.read_back.page_limit} pages")

    def leave_room(self, started: float) -> None:
        """Pushes to the shop have the same limit."""
        if pace := self.contract.requests_per_minute:
            self.wait(max(0.0, 60 / (pace * PACE_PART) - (time.monotonic() - started)))

    # --- one page ---------------------------------------------------------------------------------------

    def fetch(self, place: str) -> ShopPage:
        for attempt in count(1):
            self.await_leave()
            page = self.ask(place)
            if page.outcome is Outcome.DONE:
                return page
            if page.retry_after:
                health.leave_alone(self.outlet.pk, page.retry_after, timezone.now())
            if page.outcome is not Outcome.RETRY or attempt >= self.contract.attempts:
                raise CannotRead(page.message or f"the shop could not be read ({page.error_kind})")
            backoff = self.contract.backoff_seconds
            self.wait(seconds_until_retry(attempt, backoff, random.random(), page.error_kind, page.retry_after))
        raise AssertionError("unreachable")

    def await_leave(self) -> None:
        """Wait until the shop may be asked."""
        self.wait(0)
        while seconds := self.seconds_to_hold():
            self.wait(seconds)

    def seconds_to_hold(self) -> float:
        if time.monotonic() > self.ends_at:
            raise CannotRead(f"the shop's list was not read within {self.read_back.deadline_seconds:.0f} s")
        found, now = EndpointHealth.objects.filter(pk=self.outlet.pk).first(), timezone.now()
        if found and found.open_until:
            raise LeftAlone(f"the endpoint is left alone after {found.failure_count} failures: {found.reason}")
        if found and found.hold_until and found.hold_until > now:
            return (found.hold_until - now).total_seconds()
        return seconds_to_wait(self.endpoint, self.contract, 0)

    def ask(self, place: str) -> ShopPage:
        """An adapter that raises has broken its promise; the reading ends all the same."""
        try:
            with until(min(self.ends_at, time.monotonic() + LEASE_PART * settings.CHUNK_LEASE_SECONDS)):
                return self.admit_and_ask(place)
        except TokenError as exc:
            return without_page(exc.result)
        except Exception as exc:
            logger.exception("the adapter failed", extra={"outlet_id": self.outlet.pk})
            return ShopPage(Outcome.BROKEN, error_kind="adapter", message=f"the adapter failed: {type(exc).__name__}")

    def admit_and_ask(self, place: str) -> ShopPage:
        """An access token that the shop refuses is replaced once."""
        endpoint = admit(self.endpoint, self.contract)
        page = self.load(endpoint).read_shelf(place)
        if page.outcome is Outcome.CREDENTIALS and endpoint.access_token:
            again = admit(endpoint, self.contract, instead_of=endpoint.access_token)
            page = self.load(again).read_shelf(place)
        return page

    def load(self, endpoint: Endpoint) -> Platform:
        return load(self.outlet.platform, self.contract, endpoint)
