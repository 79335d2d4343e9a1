"""How a platform wants to be spoken to. An empty contract is the default: a bare JSON array by POST."""

from typing import Literal

import jmespath
from pydantic import BaseModel, ConfigDict, Field, field_validator


class FieldMapping(BaseModel):
    """The shop's names of the three values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sku: str = Field("sku", min_length=1)
    selling_price: str = Field("selling_price", min_length=1)
    stock_status: str = Field("stock_status", min_length=1)


class Contract(BaseModel):
    """Times in seconds. `{store_id}` in the URL, query, headers and constants stands for the outlet's store id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    url: str = Field("{api_endpoint}", pattern=r"\{api_endpoint\}")
    query: dict[str, str] = {}
    auth: Literal["none", "header", "query", "bearer", "basic"] = "header"
    auth_header: str = "X-API-Key"
    auth_query: str = "api_key"
    headers: dict[str, str] = {}
    fields: FieldMapping = FieldMapping()
    stock_values: tuple[int | bool | str, int | bool | str] = (0, 1)
    price_format: Literal["number", "string", "minor_units", "object"] = "number"
    currency: str = "AED"  # in a price that is an object: {"value": 13.99, "currency": "AED"}
    item_copies: dict[str, Literal["sku", "selling_price", "stock_status"]] = {}  # more names of the same values
    item_constants: dict[str, str | int | bool] = {}
    items_key: str = ""  # empty: the body is the bare array
    # With items_key, beside the items:
    store_id_key: str = ""
    store_id_format: Literal["text", "number"] = "text"
    body_constants: dict[str, str | int | bool] = {}
    batch_size: int = Field(500, ge=1, le=10_000)
    timeout_seconds: float = Field(30, gt=0, le=120)
    attempts: int = Field(3, ge=1, le=10)
    backoff_seconds: float = Field(2, gt=0, le=60)
    # The breaker opens after so many failures in a row; an answer that takes this long is one of them.
    breaker_failures: int = Field(5, ge=1)
    breaker_seconds: float = Field(30, gt=0, le=900)  # how long it is open for the first time
    slow_seconds: float = Field(20, gt=0)
    # What the shop allows one credential, over all workers; empty: no limit is known.
    requests_per_minute: int | None = Field(None, ge=1)
    items_per_minute: int | None = Field(None, ge=1)
    # A request that is refused whole is halved until the bad items stand alone, so often in one push.
    split_limit: int = Field(50, ge=0)
    split_statuses: frozenset[int] = frozenset({400, 409, 413, 422})
    # The shop orders values by a revision that it is sent, so that a late request changes nothing.
    revision_field: str = ""
    # After an unknown outcome the shop may still apply the request for this long.
    processing_seconds: float = Field(300, ge=0)
    accepted_statuses: frozenset[int] = frozenset({200, 201, 202, 204})
    # How an answer reads, as JMESPath.
    success: str = "success != `false`"
    errors: str = "errors"
    error_sku: str = "sku"
    error_reason: str = "error"
    accepted_count: str = "accepted"

    @field_validator("success", "errors", "error_sku", "error_reason", "accepted_count")
    @classmethod
    def compiles(cls, expression: str) -> str:
        try:
            jmespath.compile(expression)
        except jmespath.exceptions.JMESPathError as exc:
            raise ValueError(f"not a JMESPath expression: {exc}") from exc
        return expression
