"""How the pages' forms look: Django's forms, with the style sheet's classes."""

from typing import Any

from django import forms

CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "form-check-input"),
    (forms.RadioSelect, "form-check-input"),
    (forms.CheckboxSelectMultiple, "form-check-input"),
    (forms.Select, "form-select"),
    (forms.Widget, "form-control"),
)


class Styled:
    """Beside forms.Form or forms.ModelForm: gives every widget its class, and says which field is wrong."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            kind = next(name for widget, name in CLASSES if isinstance(field.widget, widget))
            field.widget.attrs.setdefault("class", kind)
