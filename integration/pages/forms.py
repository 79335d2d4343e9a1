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


class PlainSelect(forms.Select):
    """A choice of one row: of a thousand, Django's own renders a template each."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = [(key, mark_selected(str(key) == str(value or "")), label) for key, label in self.choices]
        shown = format_html_join("", '<option value="{}"{}>{}</option>', options)
        attributes = flatatt({**self.build_attrs(self.attrs, attrs), "name": name})
        return format_html("<select{}>{}</select>", attributes, shown)


def mark_selected(is_selected: bool) -> SafeString:
    return SafeString(" selected") if is_selected else SafeString("")


class Styled:
    """Beside forms.Form or forms.ModelForm: gives every widget its class, and says which field is wrong."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField) and type(field.widget) is forms.Select:
                choices: Any = field.choices
                field.widget = PlainSelect(field.widget.attrs, choices)
            kind = next(name for widget, name in CLASSES if isinstance(field.widget, widget))
            field.widget.attrs.setdefault("class", kind)
