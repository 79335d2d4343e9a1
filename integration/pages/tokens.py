"""Tokens for programs: made, shown once, revoked."""

import secrets
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from integration import audit
from integration.models import ApiToken, Outlet, make_token
from integration.pages.forms import Styled
from integration.pages.shell import allow

PAGE_SIZE = 25
SHOWN_OUTLETS = 3
MYSELF = "me"
READABLE_LENGTH = 60


def outlets() -> QuerySet[Outlet]:
    return Outlet.objects.only("name", "platform", "store_id").order_by("name", "pk")


class TokenForm(Styled, forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=100, help_text=gettext_lazy("Which program it is for: “Till, Al Quoz”")
    )
    acts_as = forms.ChoiceField(
        label=gettext_lazy("Acts as"),
        help_text=gettext_lazy("Later rights do not reach it: what it may do at most is settled when it is made."),
    )
    outlets = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Outlets"),
        queryset=outlets(),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 4}),
        help_text=gettext_lazy("Choose none and it is for all of them. Hold Ctrl or Cmd to choose several."),
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("Leave it empty for a token that holds until somebody revokes it."),
    )

    def __init__(self, *args: Any, maker: User, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.maker, self.now = maker, now
        self.roles = {str(group.pk): group for group in offered_roles(maker)}
        roles = [(pk, _("itself, with the role %(role)s") % {"role": group.name}) for pk, group in self.roles.items()]
        acts_as: Any = self.fields["acts_as"]
        acts_as.choices = [*roles, (MYSELF, _("me (%(name)s)") % {"name": maker.get_username()})]

    def clean_last_day(self) -> date | None:
        day: date | None = self.cleaned_data["last_day"]
        if day and (day < timezone.localdate(self.now) or day == date.max):
            raise forms.ValidationError(_("Choose a day that is not over yet."))
        return day

    def expires_at(self) -> datetime | None:
        """When the last day is over, in the time zone of the pages."""
        day = self.cleaned_data["last_day"]
        return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min)) if day else None

    def clean(self) -> dict[str, Any]:
        """One name, one token: a form that is sent twice makes no second one."""
        cleaned = super().clean() or self.cleaned_data
        holds = Q(expires_at__isnull=True) | Q(expires_at__gt=self.now)
        valid = ApiToken.objects.filter(holds, revoked_at__isnull=True)
        mine = Q(user=self.maker, role="") if cleaned.get("acts_as") == MYSELF else ~Q(role="")
        if not self.errors and valid.filter(mine, name=cleaned.get("name")).exists():
            self.add_error("name", _("There is a token of this name already: revoke it first, or take another."))
        return cleaned

    def make(self) -> tuple[ApiToken, str]:
        given = self.cleaned_data
        role = self.roles.get(given["acts_as"])
        person = make_account(given["name"], role) if role else self.maker
        return make_token(
            given["name"],
            person.pk,
            self.maker.pk,
            self.now,
            outlet_ids=[outlet.pk for outlet in given["outlets"]],
            expires_at=self.expires_at(),
            role=role.name if role else "",
        )


def offered_roles(maker: User) -> list[Group]:
    """Nobody gets by a token what they may not do themselves."""
    groups = Group.objects.prefetch_related("permissions__content_type").order_by("pk")
    rights = maker.get_all_permissions()
    return [group for group in groups if maker.is_superuser or rights_of(group) <= rights]


def rights_of(group: Group) -> set[str]:
    return {f"{one.content_type.app_label}.{one.codename}" for one in group.permissions.all()}


def make_account(name: str, role: Group) -> User:
    """Nobody can sign in as it: it has no password."""
    readable = slugify(name, allow_unicode=True)[:READABLE_LENGTH].strip("-")
    account = User.objects.create_user(f"program-{readable or 'x'}-{secrets.token_hex(4)}", password=None)
    account.groups.add(role)
    return account


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.view_apitoken")
def list_tokens(request: HttpRequest) -> HttpResponse:
    return make(request) if request.method == "POST" else show(request)


@allow("integration.add_apitoken")
def make(request: HttpRequest) -> HttpResponse:
    """The answer is the only place where the token stands."""
    assert isinstance(request.user, User)
    now = timezone.now()
    form = TokenForm(request.POST, maker=request.user, now=now)
    if not form.is_valid():
        return show(request, form=form)
    with transaction.atomic():
        row, token = form.make()
        names = ", ".join(str(outlet) for outlet in form.cleaned_data["outlets"])
        person = {"role": row.role} if row.role else {"user": request.user.get_username()}
        after = {"name": row.name, **person, "outlets": names, "expires_at": row.expires_at}
        audit.record(request.user.pk, row, {}, after, now)
    return show(request, made=row, token=token)


def show(request: HttpRequest, **given: Any) -> HttpResponse:
    now = timezone.now()
    page = Paginator(tokens(), PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"page": page, "now": now, "shown_outlets": SHOWN_OUTLETS}
    if isinstance(request.user, User) and request.user.has_perm("integration.add_apitoken"):
        context["form"] = TokenForm(maker=request.user, now=now)
    return render(request, "integration/tokens.html", context | given)


def tokens() -> QuerySet[ApiToken]:
    """With the first of their outlets, and how many these are."""
    first = Prefetch("outlets", queryset=outlets()[:SHOWN_OUTLETS], to_attr="first_outlets")
    rows = ApiToken.objects.select_related("user", "created_by").annotate(outlet_count=Count("outlets"))
    return rows.prefetch_related(first).order_by("-created_at", "-pk")


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
            if row.role:
                User.objects.filter(pk=row.user_id).update(is_active=False)
            audit.record(request.user.pk, row, {"revoked_at": None}, {"revoked_at": now}, now)
    messages.success(request, _("“%(name)s” has been revoked.") % {"name": row.name})
    return redirect("tokens")
