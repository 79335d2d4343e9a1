"""The two ways to edit a contract's changes, as fields and as JSON, and what a draft is tried on.

An editor is always bound: to what was posted, or to what `data_of` makes of a draft, so that either can be shown as
the other. The fields change only what was edited in them; all else of the changes beneath (`kept`) stays.
"""

from typing import Any

import msgspec
from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integration.contracts import MISCONFIGURED, Draft
from integration.models import Outlet
from integration.pages.contract_options import (
    EMPTY,
    GROUPS,
    OPTIONS,
    Group,
    Option,
    choices_of,
    find,
    is_same_text,
    leaves,
    put,
    read,
    read_stock,
    write,
    write_stock,
)
from integration.pages.forms import Styled
from integration.platforms import InvalidContract, Problem
from integration.platforms.contract import Contract
from integration.platforms.contract_settings import as_json
from integration.platforms.presets import PRESETS

LONGEST = 100_000  # characters of a contract, or of an answer, that somebody pastes
STOCK = ("stock_choice", "stock_out", "stock_in")


class JsonDict(forms.CharField):
    """An object in JSON."""

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        try:
            parsed = msgspec.json.decode(text or "{}")
        except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
            raise forms.ValidationError(gettext("This is not JSON: %(problem)s") % {"problem": exc}) from exc
        if not isinstance(parsed, dict):
            raise forms.ValidationError(gettext('An object is needed, such as {"batch_size": 200}.'))
        return parsed


class Editor(Styled, forms.Form):
    """What both have. After `is_valid` the draft is there, and its contract where it can be used."""

    kind = ""
    preset = forms.ChoiceField(
        label=_("Preset"),
        required=False,
        help_text=_("The known shop to start from."),
        choices=[("", _("The platform's own")), *((name, name) for name in PRESETS)],
    )
    note = forms.CharField(label=_("Why"), required=False, max_length=200, help_text=_("For who reads it later."))
    number = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, platform: str, data: Any) -> None:
        self.platform = platform
        self.contract: Contract | None = None
        self.problems: tuple[Problem, ...] = ()
        self.is_readable = False  # nothing of the input is lost if it is shown the other way
        super().__init__(data)

    def changes(self) -> dict[str, Any]:
        raise NotImplementedError

    @cached_property
    def draft(self) -> Draft:
        return Draft(self.platform, self.cleaned_data.get("preset", ""), self.changes())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.is_readable = not self.errors.keys() - {"note"}
        if self.is_readable:
            try:
                self.contract = self.draft.build()
            except InvalidContract as exc:
                self.note_problems(exc.problems)
            except MISCONFIGURED as exc:
                self.note_problems((Problem("", str(exc)),))
        return cleaned

    def note_problems(self, problems: tuple[Problem, ...]) -> None:
        """Each beside its field, where it has one of its own."""
        self.problems = problems
        for problem in problems:
            field = self.field_of(problem.name)
            self.add_error(field, problem.message if field else str(problem))

    def field_of(self, setting: str) -> str | None:
        return None


class OptionsEditor(Editor):
    kind = "form"
    kept = JsonDict(required=False, widget=forms.HiddenInput, max_length=LONGEST)
    stock_choice = forms.ChoiceField(label=_("Stock as"), required=False)
    stock_out = forms.CharField(label=_("Word for out of stock"), required=False)
    stock_in = forms.CharField(label=_("Word for in stock"), required=False)

    def __init__(self, platform: str, data: Any) -> None:
        super().__init__(platform, data)
        defaults = default_texts(platform, self.data.get("preset", ""))
        for option in OPTIONS:
            self.fields[option.field] = make_field(option, defaults[option.path], self.data.get(option.field, ""))
        self.fields["stock_choice"] = make_stock_field(defaults["stock_values"])

    def changes(self) -> dict[str, Any]:
        kept: dict[str, Any] = self.cleaned_data.get("kept") or {}
        changes = kept
        for option in OPTIONS:
            text = self.cleaned_data.get(option.field, "")
            if not is_same_text(text, write(find(kept, option.path))):
                changes = put(changes, option.path, read(option.kind, text))
        stock = [self.cleaned_data.get(name, "") for name in STOCK]
        if not all(map(is_same_text, stock, write_stock(find(kept, "stock_values")))):
            changes = put(changes, "stock_values", read_stock(*stock))
        return changes

    def field_of(self, setting: str) -> str | None:
        if setting.startswith("stock_values"):
            return "stock_choice"
        return next((option.field for option in OPTIONS if f"{setting}.".startswith(f"{option.path}.")), None)

    def groups(self) -> list[dict[str, Any]]:
        """The fields under their headings."""
        return [{"label": group.label, "fields": self.fields_of(group)} for group in GROUPS]

    def fields_of(self, group: Group) -> list[Any]:
        fields = [self[option.field] for option in group.options]
        has_stock = any(option.path == "fields.stock_status" for option in group.options)
        return [*fields[:3], *(self[name] for name in STOCK), *fields[3:]] if has_stock else fields

    def beyond(self) -> list[str]:
        """What only the JSON shows of the changes."""
        shown = {*(option.path for option in OPTIONS), "stock_values"}
        return sorted(set(leaves(self.draft.changes)) - shown) if self.is_readable else []


class JsonEditor(Editor):
    kind = "json"
    changes_json = JsonDict(
        label=_("What differs from the preset"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false", "class": "form-control font-monospace"}),
    )

    def changes(self) -> dict[str, Any]:
        changes: dict[str, Any] = self.cleaned_data.get("changes_json") or {}
        return changes


EDITORS: dict[str, type[Editor]] = {"form": OptionsEditor, "json": JsonEditor}


def data_of(kind: str, draft: Draft, number: int, note: str = "") -> dict[str, Any]:
    """What a browser would post for this draft."""
    common = {"preset": draft.preset, "number": number, "note": note}
    if kind == "json":
        return {**common, "changes_json": pretty(draft.changes)}
    fields = {option.field: write(find(draft.changes, option.path)) for option in OPTIONS}
    stock = dict(zip(STOCK, write_stock(find(draft.changes, "stock_values")), strict=True))
    return {**common, **fields, **stock, "kept": as_json(draft.changes)}


def pretty(changes: dict[str, Any]) -> str:
    return msgspec.json.format(as_json(changes), indent=2)


# --- the fields -----------------------------------------------------------------------------------------


def default_texts(platform: str, preset: str) -> dict[str, str]:
    """How each setting is where nothing is changed, as a field would write it."""
    try:
        values = Draft(platform, preset, {}).build().model_dump(mode="json")
    except MISCONFIGURED:
        values = {}
    values["accepted_statuses"] = sorted(values.get("accepted_statuses", []))
    return {path: write(find(values, path)) for path in [*(option.path for option in OPTIONS), "stock_values"]}


def make_field(option: Option, default: str, value: Any) -> forms.Field:
    common = {"label": option.label, "help_text": option.help, "required": False}
    if option.kind != "choice":
        attrs = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
        attrs["placeholder"] = gettext("empty") if default == EMPTY else default
        return forms.CharField(**common, widget=forms.TextInput(attrs=attrs))
    choices = [("", default_label(default)), *((name, name) for name in choices_of(option.path))]
    if value and value not in dict(choices):  # it cannot be used, and must not get lost
        choices.append((value, value))
    return forms.ChoiceField(**common, choices=choices, widget=forms.Select(attrs={"class": "form-select"}))


def make_stock_field(default: str) -> forms.Field:
    choices = [
        ("", default_label(default)),
        ("numbers", "0, 1"),
        ("truth", "false, true"),
        ("words", _("two words")),
    ]
    help_text = _("Out of stock first, then in stock.")
    widget = forms.Select(attrs={"class": "form-select"})
    return forms.ChoiceField(label=_("Stock as"), required=False, choices=choices, help_text=help_text, widget=widget)


def default_label(default: str) -> str:
    return gettext("As the preset has it: %(value)s") % {"value": default}


# --- what a draft is tried on ---------------------------------------------------------------------------


class TrialForm(Styled, forms.Form):
    """An outlet (none: made-up items), and an answer of its shop. `made_up` is the answer as it was proposed."""

    outlet = forms.ChoiceField(label=_("With the products of"), required=False)
    status = forms.IntegerField(label=_("HTTP status"), required=False, min_value=100, max_value=599)
    answer = forms.CharField(
        label=_("An answer of the shop"),
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 9, "spellcheck": "false", "class": "form-control font-monospace"}),
    )
    made_up = forms.CharField(required=False, max_length=LONGEST, widget=forms.HiddenInput)
    answers_to = forms.ChoiceField(
        label=_("It answers"),
        required=False,
        choices=[("push", _("the request")), ("job", _("the question for the job"))],
    )

    def __init__(self, outlets: list[Outlet], data: Any) -> None:
        super().__init__(data)
        named = [(str(outlet.pk), f"{outlet.name} ({outlet.store_id})") for outlet in outlets]
        self.fields["outlet"] = forms.ChoiceField(
            label=_("With the products of"),
            required=False,
            choices=[*named, ("", _("no outlet, made-up products"))],
            widget=forms.Select(attrs={"class": "form-select"}),
        )

    @property
    def is_untouched(self) -> bool:
        """The answer is the one that was proposed, so another may take its place."""
        answer, made_up = (self.cleaned_data.get(name, "") for name in ("answer", "made_up"))
        return not answer or answer.split() == made_up.split()
