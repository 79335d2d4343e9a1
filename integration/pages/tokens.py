"""Tokens for programs: made, shown once, revoked."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from integration import audit
from integration.models import ApiToken, make_token
from integration.pages.forms import Styled
from integration.pages.shell import allow

PAGE_SIZE = 25


class TokenForm(Styled, forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("Which program it is for: “Till, Al Quoz”")
    )
    user = forms.ModelChoiceField(
        label=gettext_lazy("Acts as"), queryset=User.objects.none(), empty_label=gettext_lazy("choose a person")
    )

    def __init__(self, *args: Any, maker: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.maker = maker
        people = get_user_model().objects.filter(is_active=True).order_by("username")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]

    def clean_user(self) -> User:
        """Nobody gets by a token what they may not do themselves."""
        person: User = self.cleaned_data["user"]
        has_more = person.get_all_permissions() - self.maker.get_all_permissions()
        if not self.maker.is_superuser and (person.is_superuser or has_more):
            text = _("%(name)s may do more than you: somebody with these rights has to make the token.")
            raise forms.ValidationError(text, params={"name": person.get_username()})
        return person

    def clean(self) -> dict[str, Any]:
        """One name, one token: a form that is sent twice makes no second one."""
        cleaned = super().clean() or self.cleaned_data
        same = ApiToken.objects.filter(name=cleaned.get("name"), user=cleaned.get("user"), revoked_at__isnull=True)
        if not self.errors and same.exists():
            self.add_error("name", _("This person has a token of this name already: revoke it first, or take another."))
        return cleaned


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.view_apitoken")
def list_tokens(request: HttpRequest) -> HttpResponse:
    return make(request) if request.method == "POST" else show(request)


@allow("integration.add_apitoken")
def make(request: HttpRequest) -> HttpResponse:
    """The answer is the only place where the token stands."""
    assert isinstance(request.user, User)
    form = TokenForm(request.POST, maker=request.user)
    if not form.is_valid():
        return show(request, form=form)
    now, name, person = timezone.now(), form.cleaned_data["name"], form.cleaned_data["user"]
    with transaction.atomic():
        row, token = make_token(name, person.pk, request.user.pk, now)
        audit.record(request.user.pk, row, {}, {"name": name, "user": person.get_username()}, now)
    return show(request, made=row, token=token)


def show(request: HttpRequest, **given: Any) -> HttpResponse:
    rows = ApiToken.objects.select_related("user", "created_by").order_by("-created_at", "-pk")
    context: dict[str, Any] = {"page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))}
    if isinstance(request.user, User) and request.user.has_perm("integration.add_apitoken"):
        context["form"] = TokenForm(maker=request.user)
    return render(request, "integration/tokens.html", context | given)


@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.change_apitoken")
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    """Asks first. Revoking again changes nothing."""
    row = get_object_or_404(ApiToken.objects.select_related("user"), pk=token_id)
    if request.method != "POST":
        return render(request, "integration/token_revoke.html", {"token": row})
    now = timezone.now()
    with transaction.atomic():
        if ApiToken.objects.filter(pk=row.pk, revoked_at__isnull=True).update(revoked_at=now):
            audit.record(request.user.pk, row, {"revoked_at": None}, {"revoked_at": now}, now)
    messages.success(request, _("“%(name)s” has been revoked.") % {"name": row.name})
    return redirect("tokens")
