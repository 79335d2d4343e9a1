"""How a platform wants to be spoken to. An empty contract is the default: a bare JSON array by POST.

Times are in seconds. `{store_id}` in the query, headers and constants stands for the outlet's; URLs know more.
"""

import re
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from integration.platforms.contract_checks import (
    check_expression,
    check_header,
    check_names,
    check_template,
    check_url,
    check_url_of,
)

Source = Literal["sku", "selling_price", "stock_status"]
Scalar = str | int | bool
PriceFormat = Literal["number", "string", "minor_units", "object", "object_string"]


Expression = Annotated[str, AfterValidator(check_expression)]
Template = Annotated[str, AfterValidator(check_template)]
Url = Annotated[str, AfterValidator(check_url)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")]
HeaderValue = Annotated[str, AfterValidator(check_header), AfterValidator(check_template)]


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldMapping(Settings):
    """The shop's names of the three values; a dot leads into an object. Empty: the value is not sent."""

    sku: str = "sku"
    selling_price: str = "selling_price"
    stock_status: str = "stock_status"


class Reading(Settings):
    """How an answer reads, as JMESPath."""

    success: Expression = "success != `false`"  # false: the whole request was refused
    message: Expression = "message || error"  # why
    errors: Expression = "errors"  # the list of what the answer says of single items
    error_when: Expression = ""  # which of its entries are refusals; empty: all
    error_sku: Expression = "sku"  # of which item an entry speaks
    error_reason: Expression = "error"
    # An entry names its item's SKU, or its place ("3", "/3/price"), or stands in its place itself.
    match_by: Literal["sku", "position", "order"] = "sku"
    first_position: Literal[0, 1] = 0
    unlisted: Literal["accepted", "unknown", "refused"] = "accepted"
    accepted_count: Expression = "accepted"  # where this is a number, it has to be the right one


class Job(Settings):
    """A push that the shop takes and works off later: items count as accepted when the job says so."""

    id: Expression  # in the answer to the push
    url: Url  # where to ask for it; {job_id} stands for it
    done: Expression
    failed: Expression = ""
    every_seconds: float = Field(10, ge=0.05, le=900)
    deadline_seconds: float = Field(900, gt=0, le=7200)  # then its items are unknown, and sent again
    # Where the items' outcomes are, if not in the same answer; {page} is 1, 2, ... until one is empty.
    items_url: str = ""
    answer: Reading = Reading()

    @model_validator(mode="after")
    def check_job_id(self) -> Self:
        if "{job_id}" not in self.url:
            raise ValueError("url: {job_id} is missing")
        if self.items_url:
            check_url_of("items_url", self.items_url)
        return self


class Guard(Settings):
    """Which pushes are held until somebody has looked at them; an outlet may have percentages of its own."""

    enabled: bool = True
    stock_percent: int = Field(30, ge=0, le=100)  # more of the outlet's items would go out of stock
    price_percent: int = Field(60, ge=0, le=10_000)  # prices would move further than this ...
    items_percent: int = Field(5, ge=0, le=100)  # ... of more of the items that are sent
    min_items: int = Field(10, ge=1)  # fewer items are no reason


class ReadBack(Settings):
    """How the shop lists what it has of an outlet, so that it can be compared. It is asked by GET: nothing changes."""

    url: Url = "{api_endpoint}"
    query: dict[str, Template] = {}
    # Where the next items are: on page 2, from the 501st on, behind a cursor, or at an address that the answer names.
    paging: Literal["none", "page", "offset", "cursor", "link"] = "page"
    page_parameter: str = "page"  # the page's number, the offset, or the cursor
    first_page: Literal[0, 1] = 1
    size_parameter: str = "per_page"  # empty: the shop is not asked for so many
    page_size: int = Field(500, ge=1, le=10_000)
    next: Expression = "next"  # the cursor or the address; there is no other page where it is empty
    more: Expression = ""  # false: this page is the last; otherwise an empty page is
    total: Expression = ""  # where a number is here, fewer items are an incomplete answer
    items: Expression = "items"
    # As they are sent, unless something else is said here.
    fields: FieldMapping | None = None
    price_format: PriceFormat | None = None
    stock_values: tuple[Scalar, Scalar] | None = None
    settle_seconds: float = Field(30, ge=0, le=3600)  # until the shop's list shows what it has acknowledged
    page_limit: int = Field(10_000, ge=1, le=100_000)
    deadline_seconds: float = Field(3600, gt=0, le=4 * 3600)  # for all pages

    @model_validator(mode="after")
    def check_paging(self) -> Self:
        if found := {"sku", "job_id", "page"} & set(re.findall(r"\{(\w*)\}", self.url)):
            raise ValueError(f"url: {{{found.pop()}}} is not known here")
        if self.fields and not self.fields.sku:
            raise ValueError("fields: without a SKU nothing can be compared")
        if self.paging in ("page", "offset", "cursor") and not self.page_parameter:
            raise ValueError("page_parameter: the shop has to be told which page is wanted")
        if self.paging in ("cursor", "link") and not self.next:
            raise ValueError("next: where the answer says what comes next is missing")
        return self


class Contract(Reading):
    # --- who we are
    auth: Literal["none", "header", "query", "bearer", "basic", "oauth2"] = "header"
    auth_header: HeaderName = "X-API-Key"
    secret_header: HeaderName = ""  # a second header, for the outlet's API secret
    auth_query: str = "api_key"
    token_url: str = ""  # for oauth2, with the outlet's key and secret as client id and secret
    token_scope: str = ""
    token_credentials: Literal["body", "basic"] = "body"
    token_requests_per_minute: int = Field(10, ge=1)
    signature_header: HeaderName = ""  # an HMAC of the body with the outlet's secret
    signature_digest: Literal["sha256", "sha512", "sha1"] = "sha256"
    signature_format: Literal["hex", "base64"] = "hex"
    # --- the request
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    url: Url = "{api_endpoint}"
    connection_url: str = ""  # what a connection test asks for, if not the same address
    query: dict[str, Template] = {}
    headers: dict[HeaderName, HeaderValue] = {}
    idempotency_header: HeaderName = "Idempotency-Key"
    # --- the body
    fields: FieldMapping = FieldMapping()
    item_copies: dict[str, Source] = {}  # more names of the same values
    item_constants: dict[str, Scalar] = {}
    item_number: str = ""  # the item's place in the request stands under this name
    single_item: bool = False  # one item a request: the body is the item
    items_key: str = ""  # empty: the body is the bare array
    # With items_key, beside the items:
    store_id_key: str = ""
    store_id_format: Literal["text", "number"] = "text"
    body_constants: dict[str, Scalar] = {}
    idempotency_key: str = ""
    # More requests for the same items, each with what differs; an item is accepted if all have accepted it.
    calls: tuple[dict[str, Any], ...] = ()
    # --- the values
    stock_values: tuple[Scalar, Scalar] = (0, 1)
    price_format: PriceFormat = "number"
    currency: str = "AED"  # in a price that is an object: {"value": 13.99, "currency": "AED"}
    # The shop orders values by a revision that it is sent, so that a late request changes nothing.
    revision_field: str = ""
    # --- how much, how fast
    batch_size: int = Field(500, ge=1, le=10_000)
    max_bytes: int | None = Field(None, ge=1000)
    # What the shop allows one credential, over all workers; empty: no limit is known.
    requests_per_minute: int | None = Field(None, ge=1)
    items_per_minute: int | None = Field(None, ge=1)
    items_per_window: int | None = Field(None, ge=1)
    window_seconds: int = Field(3600, ge=1, le=86_400)
    gap_seconds: float = Field(0, ge=0, le=60)  # between two requests
    requests_in_flight: int | None = Field(None, ge=1, le=100)  # of one outlet; empty: the service's PUSH_WINDOW
    timeout_seconds: float = Field(30, gt=0, le=120)
    # --- when it does not work
    attempts: int = Field(3, ge=1, le=10)
    backoff_seconds: float = Field(2, gt=0, le=60)
    # The breaker opens after so many failures in a row; an answer that takes this long is one of them.
    breaker_failures: int = Field(5, ge=1)
    breaker_seconds: float = Field(30, gt=0, le=900)  # how long it is open for the first time
    breaker_longest_seconds: float = Field(900, gt=0, le=86_400)  # at most, since it doubles each time
    slow_seconds: float = Field(20, gt=0)
    # A request that is refused whole is halved until the bad items stand alone, so often in one push.
    split_limit: int = Field(50, ge=0)
    split_statuses: frozenset[int] = frozenset({400, 409, 413, 422})
    # After an unknown outcome the shop may still apply the request for this long.
    processing_seconds: float = Field(300, ge=0)
    # --- what nobody means
    guard: Guard = Guard()
    # --- the answer, with what Reading says
    accepted_statuses: frozenset[int] = frozenset({200, 201, 202, 204})
    retry_statuses: frozenset[int] = frozenset({408, 425, 429})  # and every 5xx
    credentials_statuses: frozenset[int] = frozenset({401, 403})
    retry_when: Expression = ""
    credentials_when: Expression = ""
    job: Job | None = None
    read_back: ReadBack | None = None  # empty: what the shop has cannot be read

    @model_validator(mode="after")
    def check_together(self) -> Self:
        check_names(self.item_names())
        if self.auth == "oauth2":
            check_url_of("token_url", self.token_url)
        if self.connection_url:
            check_url_of("connection_url", self.connection_url)
        if self.single_item and self.batch_size != 1:
            raise ValueError("single_item: batch_size has to be 1")
        if "{sku}" in self.url and not self.single_item:
            raise ValueError("url: {sku} goes with single_item only")
        if self.single_item and (self.items_key or self.match_by != "sku"):
            raise ValueError("single_item: items_key and match_by do not go with it")
        if not self.items_key and (self.store_id_key or self.body_constants or self.idempotency_key):
            raise ValueError("store_id_key, body_constants and idempotency_key need an items_key to stand beside")
        if self.calls and self.job:
            raise ValueError("calls: not together with a job")
        if self.read_back and not (self.read_back.fields or self.fields).sku:
            raise ValueError("read_back: fields: without a SKU nothing can be compared")
        if self.calls:
            assert self.steps
        return self

    def item_names(self) -> list[str]:
        more = (self.revision_field, self.item_number)
        names = [*self.fields.model_dump().values(), *self.item_copies, *self.item_constants, *more]
        return [name for name in names if name]

    @cached_property
    def steps(self) -> tuple["Contract", ...]:
        """The contract of each request that one batch takes."""
        if not self.calls:
            return (self,)
        common = self.model_dump(exclude={"calls"})
        return tuple(self.step(number, merged(common, call)) for number, call in enumerate(self.calls))

    def step(self, number: int, values: dict[str, Any]) -> "Contract":
        try:
            return Contract.model_validate({**values, "calls": ()})
        except ValidationError as exc:
            error = exc.errors()[0]
            raise ValueError(f"calls.{number}.{'.'.join(map(str, error['loc']))}: {error['msg']}") from exc


def merged(defaults: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The changes over the defaults; of `fields`, `job`, `guard` and `read_back` what is not named stays."""
    nested = {
        name: merged(defaults[name], changes[name])
        for name in ("fields", "job", "answer", "guard", "read_back")
        if isinstance(defaults.get(name), dict) and isinstance(changes.get(name), dict)
    }
    return {**defaults, **changes, **nested}
