"""How the pages' forms look: Django's forms, with the style sheet's classes."""

from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "form-check-input"),
    (forms.RadioSelect, "form-check-input"),
    (forms.CheckboxSelectMultiple, "form-check-input"),
    (forms.Select, "form-select"),
    (forms.Widget, "form-control"),
)


class Plain:
    """Beside a widget of choices: of a thousand, Django's own renders a template each."""

    choices: Any
    attrs: dict[str, Any]
    build_attrs: Any
    allow_multiple_selected: bool

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        several = value or [] if self.allow_multiple_selected else [value or ""]
        selected = {str(one) for one in several}
        options = [(key, mark_selected(str(key) in selected), label) for key, label in self.choices]
        shown = format_html_join("", '<option value="{}"{}>{}</option>', options)
        attributes = {**self.build_attrs(self.attrs, attrs), "name": name, "multiple": self.allow_multiple_selected}
        return format_html("<select{}>{}</select>", flatatt(attributes), shown)


class PlainSelect(Plain, forms.Select):
    """A choice of one row."""


class PlainSelectMultiple(Plain, forms.SelectMultiple):
    """A choice of several rows."""


PLAIN: dict[type[forms.Widget], type[forms.Select]] = {
    forms.Select: PlainSelect,
    forms.SelectMultiple: PlainSelectMultiple,
}


def mark_selected(is_selected: bool) -> SafeString:
    return SafeString(" selected") if is_selected else SafeString("")


class Styled:
    """Beside forms.Form or forms.ModelForm: gives every widget its class, and says which field is wrong."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField) and (plain := PLAIN.get(type(field.widget))):
                choices: Any = field.choices
                field.widget = plain(field.widget.attrs, choices)
            kind = next(name for widget, name in CLASSES if isinstance(field.widget, widget))
            field.widget.attrs.setdefault("class", kind)


class FilterForm(Styled, forms.Form):
    """The filters of a list; each list adds its own fields."""
