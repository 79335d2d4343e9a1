"""A contract's settings by name: every one is listed, and two contracts differ where they differ."""

from integration.platforms.contract import Contract
from integration.platforms.contract_settings import Difference, compare, every_setting, settings_of
from integration.platforms.presets import PRESETS


def differences(old: Contract, new: Contract) -> list[Difference]:
    return compare(settings_of(old), settings_of(new))


def test_every_setting_is_listed_with_what_it_may_be_and_its_default() -> None:
    listed = {setting.name: (setting.kind, setting.default) for setting in every_setting()}
    assert {name.partition(".")[0] for name in listed} == Contract.model_fields.keys()
    assert listed["batch_size"] == ("integer 1 … 10000", "500")
    assert listed["method"] == ('"POST" | "PUT" | "PATCH"', '"POST"')
    assert listed["max_bytes"] == ("integer ≥ 1000 | null", "null")
    assert listed["timeout_seconds"] == ("number > 0 … 120", "30")
    assert listed["headers"] == ("object of string", "{}")
    assert listed["stock_values"] == ("list of string | integer | boolean", "[0, 1]")
    assert listed["accepted_statuses"] == ("list of integer", "[200, 201, 202, 204]")
    assert listed["fields.sku"] == ("string", '"sku"')
    assert listed["job.url"] == ("string", "")
    assert listed["job.answer.errors"] == ("string", '"errors"')


def test_two_contracts_differ_setting_by_setting() -> None:
    old = Contract(stock_values=(0, 1), calls=({"url": "{api_endpoint}/a"},), query={"a": "1"})
    new = Contract(stock_values=(False, True), calls=({"url": "{api_endpoint}/b"},), timeout_seconds=30.0)
    assert [tuple(found) for found in differences(old, new)] == [
        ("query.a", '"1"', ""),
        ("calls.0.url", '"{api_endpoint}/a"', '"{api_endpoint}/b"'),
        ("stock_values", "[0, 1]", "[false, true]"),
    ]
    assert differences(new, new) == []


def test_what_is_false_or_zero_is_set_and_what_is_empty_is_not() -> None:
    settings = settings_of(Contract(errors=""))
    assert (settings["single_item"], settings["gap_seconds"]) == ("false", "0")
    assert not {"errors", "job", "headers", "calls", "max_bytes"} & settings.keys()


def test_the_order_of_statuses_makes_no_difference() -> None:
    contracts = [Contract(accepted_statuses=frozenset(codes)) for codes in ([207, 200, 8], [8, 200, 207])]
    assert differences(*contracts) == []
    assert {name for name, *_ in differences(PRESETS["pasons"], PRESETS["woocommerce"])} >= {
        "url",
        "fields.selling_price",
    }
