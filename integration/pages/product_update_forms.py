"""What a person says to upload a product file."""

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from integration.models import Outlet
from integration.pages.forms import Styled
from integration.upload_limit import MEGABYTE


class UploadForm(Styled, forms.Form):
    outlet = forms.ModelChoiceField(
        Outlet.objects.defer("api_key", "api_secret").order_by("name", "pk"),
        label=_("Outlet"),
        empty_label=_("Choose an outlet"),
    )
    file = forms.FileField(
        label=_("CSV file"),
        help_text=_("With the columns sku, selling_price and stock_status; name and barcode if you like."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv,text/plain"}),
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > settings.UPLOAD_LIMIT_MB * MEGABYTE:
            raise forms.ValidationError(too_large(), code="too_large")
        return file

    def refuse_file(self) -> None:
        """It was too large to be kept, so none has come."""
        self.fields["file"].error_messages["required"] = too_large()


def too_large() -> str:
    message = _now(
        "The file is larger than %(limit)s MB. Ask an administrator to import it "
        "with the command manage.py import_products."
    )
    return message % {"limit": settings.UPLOAD_LIMIT_MB}
