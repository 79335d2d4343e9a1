"""What programs may ask for, as OpenAPI 3.1: the one document that is served, shown as a page, and tested against."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from integration.models import PushHistory
from integration.openapi_schemas import HIGHEST_ID, Schema, how, outlet_names, ref, schemas, text

VERSION = "1"
LAST_PAGE = 10**6
ABOUT = """\
Programs send JSON and get JSON. A Manager makes a token for a program on the tab “API tokens”, and the program sends
it with each request: Authorization: Bearer push_… It may then do what its person may, for the token's outlets.

What is refused is answered with {"errors": {"field": ["why"]}}; what is no single field's stands under __all__."""

Operation = dict[str, Any]


def build_document() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Prices and stock for the shops", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": {
            reverse("product_update_api"): {"post": update_products()},
            reverse("push_to_ecommerce"): {"post": start_push()},
            reverse("push_history"): {"get": read_history()},
            reverse("save_outlet_api_settings"): {"post": save_settings()},
            reverse("test_api_connection"): {"post": test_connection()},
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token that a Manager made."}
            },
            "schemas": schemas(),
        },
    }


# --- operations -----------------------------------------------------------------------------------------


def update_products() -> Operation:
    rows, megabytes = f"{settings.PRODUCT_UPDATE_LIMIT_ROWS:,}", settings.PRODUCT_UPDATE_LIMIT_MB
    about = (
        f"At most {rows} rows and {megabytes} MB a request. Only what differs is written. The push to the shop follows "
        "by itself where the outlet has “Push after update”. Of a CSV, the outlet and the switches stand in the query. "
        "Names and barcodes are all outlets': a token for some outlets sets those that are missing, and changes none."
    )
    return {
        "operationId": "updateProducts",
        "summary": "Send prices and stock of an outlet",
        "description": about,
        "parameters": [idempotency_key(), *(in_query(name, schema) for name, schema in csv_query().items())],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ref("ProductUpdate")},
                "text/csv": {"schema": text(example="sku,selling_price,stock_status\n0012,13.99,1\n")},
            },
        },
        "responses": {
            "200": answer(
                "Taken: how many rows did what, and which were left out.", ref("ProductUpdateDone"), replayed()
            ),
            "409": refusal("A request with this key is under way: ask again.", retry_after()),
            "422": answer("A strict update with bad rows, or a key of another request.", ref("ProductUpdateRefused")),
            **refusals("400", "401", "403", "404", "405", "411", "413", "415", "429"),
        },
    }


def csv_query() -> dict[str, Schema]:
    return {
        name: {**schema, "description": f"Of a CSV. {schema['description']}"}
        for name, schema in {**outlet_names(), **how()}.items()
    }


def start_push() -> Operation:
    return {
        "operationId": "startPush",
        "summary": "Push an outlet to its shop",
        "description": "Starts a push, or joins the one that is open.",
        "requestBody": json_body("PushAsked"),
        "responses": {
            "202": answer("Under way.", ref("PushStarted")),
            "200": answer("Nothing differs: there is nothing to push.", ref("NothingToPush")),
            **refusals("400", "401", "403", "404", "405", "411", "413", "415", "429"),
        },
    }


def read_history() -> Operation:
    number = {"type": "integer", "minimum": 1, "maximum": HIGHEST_ID}
    choices = {"status": PushHistory.Status, "push_type": PushHistory.PushType, "trigger": PushHistory.Trigger}
    filters: dict[str, Schema] = {
        "push": {**number, "description": "This push alone."},
        "outlet": {**number, "description": "The outlet's id."},
        **{name: text(enum=list(values.values)) for name, values in choices.items()},
        "page": {**number, "maximum": LAST_PAGE, "description": "Ten pushes each; beyond the last, the last."},
    }
    return {
        "operationId": "readPushHistory",
        "summary": "Read what was pushed",
        "description": "Newest first. A token for some outlets sees theirs.",
        "parameters": [in_query(name, schema) for name, schema in filters.items()],
        "responses": {
            "200": answer("A page of pushes.", ref("PushPage")),
            **refusals("400", "401", "403", "405", "429"),
        },
    }


def save_settings() -> Operation:
    return {
        "operationId": "saveOutletSettings",
        "summary": "Change how an outlet's shop is reached",
        "description": "What is named is saved, the rest stays. A stored key goes to no other host: enter it again.",
        "requestBody": json_body("Settings"),
        "responses": {
            "200": answer("Saved. Of the secrets it says only whether there are some.", ref("Outlet")),
            **refusals("400", "401", "403", "404", "405", "411", "413", "415", "429"),
        },
    }


def test_connection() -> Operation:
    return {
        "operationId": "testConnection",
        "summary": "Ask an outlet's shop whether it answers",
        "description": "With what is sent, and what is stored for the rest. Nothing is saved or changed.",
        "requestBody": json_body("Settings"),
        "responses": {
            "200": answer("What came of it; `ok` says whether it works.", ref("Connection")),
            **refusals("400", "401", "403", "404", "405", "411", "413", "415", "429"),
        },
    }


# --- their parts ----------------------------------------------------------------------------------------


def json_body(name: str) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": ref(name)}}}


def in_query(name: str, schema: Schema) -> Schema:
    about = {"description": schema["description"]} if "description" in schema else {}
    plain = {key: value for key, value in schema.items() if key != "description"}
    return {"name": name, "in": "query", "required": False, "schema": plain, **about}


def idempotency_key() -> Schema:
    about = (
        "Names the request: sent again with its key within a day it is not carried out again, and the answer is the "
        "first one's, with Idempotency-Replayed: true."
    )
    schema = text(200, minLength=1, pattern="^[ -~]+$")
    return {"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema, "description": about}


def answer(about: str, schema: Schema, headers: Schema | None = None) -> Schema:
    return {
        "description": about,
        "content": {"application/json": {"schema": schema}},
        **({"headers": headers} if headers else {}),
    }


def refusal(about: str, headers: Schema | None = None) -> Schema:
    return answer(about, ref("Errors"), headers)


def retry_after() -> Schema:
    return {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}}


def replayed() -> Schema:
    return {"Idempotency-Replayed": {"schema": text(enum=["true"]), "description": "This answer was given before."}}


def refusals(*statuses: str) -> dict[str, Schema]:
    method = {"Allow": {"required": True, "schema": text()}}
    known = {
        "400": refusal("Something that was sent cannot be meant; the errors name it."),
        "401": refusal(
            "No token, or one that is misspelt, revoked or expired.", {"WWW-Authenticate": {"schema": text()}}
        ),
        "403": refusal("The token's person may not do this, or the token is for other outlets."),
        "404": refusal("There is no such outlet."),
        "405": refusal("Another method is needed.", method),
        "411": refusal("The body came without its Content-Length."),
        "413": refusal("Too many rows or bytes: send them in several requests."),
        "415": refusal("Another Content-Type is needed."),
        "429": refusal("The token asks too often.", retry_after()),
    }
    return {status: known[status] for status in statuses}
