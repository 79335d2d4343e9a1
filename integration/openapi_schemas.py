"""What programs send and get, as OpenAPI 3.1 has it: with the limits and the choices of the models and the forms."""

from typing import Any

from django.conf import settings
from django.forms import CharField

from integration.forms import SettingsForm
from integration.models import Outlet, PushHistory
from integration.models.outlets import LONGEST_INTERVAL
from integration.product_row import HIGHEST_PRICE, NAME_LENGTH, SKU_LENGTH

Schema = dict[str, Any]

HIGHEST_ID = 2**63 - 1


# --- values ---------------------------------------------------------------------------------------------


def text(longest: int | None = None, **more: Any) -> Schema:
    return {"type": "string", **({"maxLength": longest} if longest else {}), **more}


def count(about: str = "") -> Schema:
    return {"type": "integer", "minimum": 0, **({"description": about} if about else {})}


def nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def record(properties: dict[str, Schema], **more: Any) -> Schema:
    """An object of an answer: it has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties), **more}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def row_id(about: str) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": HIGHEST_ID, "description": about}


OUTLET_ID = row_id("The outlet's id.")
SWITCH = {"type": "boolean"}
MOMENT = text(format="date-time")


# --- schemas --------------------------------------------------------------------------------------------


def schemas() -> dict[str, Schema]:
    return {
        "Errors": record({"errors": error_lists()}, description="Why it was refused, by field."),
        "Settings": settings_sent(),
        "Outlet": outlet_answer(),
        "Connection": connection_answer(),
        "PushAsked": push_asked(),
        "PushStarted": push_started(),
        "NothingToPush": nothing_to_push(),
        "Push": push_answer(),
        "PushPage": record(
            {"pushes": array(ref("Push")), "page": count(), "page_count": count(), "push_count": count("in all")}
        ),
        "Row": row_sent(),
        "ProductUpdate": update_sent(),
        "BadRow": record(
            {
                "row": count("counted from 1; of a CSV, the line"),
                "sku": text(),
                "field": text(description="`row` where it is no single field."),
                "reason": text(),
            }
        ),
        "ProductUpdateDone": update_answer(),
        "ProductUpdateRefused": {
            **record({"errors": error_lists()}),
            "properties": {"errors": error_lists(), "bad_count": count(), "bad_rows": array(ref("BadRow"))},
            "description": "The bad rows, of a strict update; a key of another request has errors alone.",
        },
    }


def error_lists() -> Schema:
    return {"type": "object", "additionalProperties": array(text(), minItems=1), "minProperties": 1}


def settings_sent() -> Schema:
    address = SettingsForm.base_fields["api_endpoint"]
    assert isinstance(address, CharField)
    return {
        "type": "object",
        "properties": {
            "outlet": OUTLET_ID,
            "api_endpoint": text(address.max_length, description="Where the shop takes products, with https://."),
            "api_key": text(description="Empty: the stored one stays."),
            "api_secret": text(description="Empty: the stored one stays."),
            "push_enabled": {**SWITCH, "description": "Whether anything is pushed to this shop."},
            "push_after_update": {**SWITCH, "description": "Whether a push follows each update of products."},
            "push_interval_minutes": interval(),
            "version": text(description="Of an earlier answer: what somebody has changed since is not overwritten."),
            **guard_limits(),
        },
        "required": ["outlet"],
        "example": {"outlet": 5, "push_enabled": True},
    }


def interval() -> Schema:
    about = "Minutes between two pushes of this outlet; null: it is pushed when all others are."
    return nullable({"type": "integer", "minimum": 1, "maximum": LONGEST_INTERVAL}) | {"description": about}


def outlet_answer() -> Schema:
    names = {"name": "name", "store_id": "store_id", "platform": "platform", "api_endpoint": "api_endpoint"}
    texts = {name: text(getattr(Outlet._meta.get_field(field), "max_length", None)) for name, field in names.items()}
    switches = dict.fromkeys(("push_enabled", "push_after_update", "has_api_key", "has_api_secret"), SWITCH)
    facts = {**texts, **switches, "push_interval_minutes": interval(), **guard_limits(), "version": text()}
    return record({"outlet": record({"outlet": OUTLET_ID, **facts})})


def guard_limits() -> Schema:
    """Beyond these a push is held."""
    known = {
        "guard_stock_percent": (100, "Of the outlet's items, how many may go out of stock at once."),
        "guard_price_percent": (10_000, "How far a price may move."),
        "guard_items_percent": (100, "Of the items that are sent, how many prices may move further."),
    }
    return {
        name: nullable(
            {"type": "integer", "minimum": 0, "maximum": most, "description": f"{about} Null: the platform's."}
        )
        for name, (most, about) in known.items()
    }


def connection_answer() -> Schema:
    about = "`ok`, or what went wrong: `credentials`, `timeout`, …"
    return record(
        {
            "ok": SWITCH,
            "kind": text(description=about),
            "message": text(),
            "status_code": nullable({"type": "integer"}),
            "elapsed_ms": count("milliseconds that the shop took"),
        }
    )


def push_asked() -> Schema:
    kinds: Schema = {"enum": list(PushHistory.PushType.values), "default": str(PushHistory.PushType.PARTIAL)}
    return {
        "type": "object",
        "properties": {
            "outlet": OUTLET_ID,
            "push_type": text(**kinds, description="What has changed, or everything."),
        },
        "required": ["outlet"],
        "example": {"outlet": 5, "push_type": "partial"},
    }


def push_started() -> Schema:
    return record(
        {
            "push": row_id("The push's id."),
            "joined": {**SWITCH, "description": "One was open: this one follows it."},
            "url": text(description="Its page."),
            "history_url": text(description="Its JSON."),
            "message": text(),
        }
    )


def nothing_to_push() -> Schema:
    return record({"push": {"type": "null"}, "joined": SWITCH, "message": text()})


def push_answer() -> Schema:
    return record(
        {
            "push": row_id("The push's id."),
            "outlet": OUTLET_ID,
            "outlet_name": text(),
            "store_id": text(),
            "platform": text(),
            "push_type": text(enum=list(PushHistory.PushType.values)),
            "trigger": text(enum=list(PushHistory.Trigger.values)),
            "status": text(enum=list(PushHistory.Status.values)),
            "push_timestamp": MOMENT,
            "finished_at": nullable(MOMENT),
            "item_count": count(),
            "accepted_count": count(),
            "rejected_count": count(),
            "response_code": nullable({"type": "integer"}),
            "response_message": text(),
            "error_details": text(),
            "created_by": nullable(text(description="Who asked for it.")),
        }
    )


def row_sent() -> Schema:
    price = "Above 0, with two decimals at most. A number is read exactly; as text, 1234.50 or 1,234.50."
    shared = "It is all outlets': a token for some outlets sets it where there is none, and changes none."
    return {
        "type": "object",
        "properties": {
            "sku": text(SKU_LENGTH, minLength=1, description="Always text: 007 is not 7."),
            "selling_price": {
                "type": ["number", "string"],
                "exclusiveMinimum": 0,
                "maximum": float(HIGHEST_PRICE),
                "description": price,
            },
            "stock_status": {
                "enum": [0, 1, True, False, "0", "1", "true", "false", "yes", "no"],
                "description": "1: in stock, 0: out of stock.",
            },
            "name": text(NAME_LENGTH, description=f"Empty or absent: it stays as it is. {shared}"),
            "barcode": text(SKU_LENGTH, description=f"Always text. Empty or absent: it stays as it is. {shared}"),
        },
        "required": ["sku", "selling_price", "stock_status"],
        "example": {"sku": "0012", "selling_price": 13.99, "stock_status": 1},
    }


def update_sent() -> Schema:
    more = "A row that breaks its rules is left out and named in the answer; the others are written."
    rows = {"type": "array", "minItems": 1, "maxItems": settings.PRODUCT_UPDATE_LIMIT_ROWS, "description": more}
    return {
        "type": "object",
        "properties": {**outlet_names(), "rows": {**rows, "items": ref("Row")}, **how()},
        "required": ["rows"],
        "oneOf": [{"required": ["outlet"]}, {"required": ["store_id"]}],
        "example": {"store_id": "007", "rows": [row_sent()["example"]]},
    }


def outlet_names() -> dict[str, Schema]:
    return {
        "outlet": {**OUTLET_ID, "description": "The outlet's id; or name it by `store_id`."},
        "store_id": text(64, minLength=1, description="The shop's id of the outlet: always text."),
        "platform": text(40, description="With `store_id`, where outlets of several platforms have the same."),
    }


def how() -> dict[str, Schema]:
    return {
        "strict": {**SWITCH, "default": False, "description": "Write nothing at all if a row is bad (422)."},
        "dry_run": {**SWITCH, "default": False, "description": "Only count; write nothing."},
    }


def update_answer() -> Schema:
    return record(
        {
            "outlet": OUTLET_ID,
            "store_id": text(),
            "platform": text(),
            "dry_run": SWITCH,
            "row_count": count("rows that were read"),
            "created_count": count("products that are new in the outlet"),
            "changed_count": count(),
            "unchanged_count": count("they had these values before"),
            "bad_count": count("rows that were left out"),
            "duplicate_count": count("rows of a SKU that had come before: the last row counts"),
            "bad_rows": array(ref("BadRow"), maxItems=1000, description="The first 1,000."),
            "duplicate_rows": array(ref("BadRow"), maxItems=1000, description="The first 1,000."),
        }
    )
