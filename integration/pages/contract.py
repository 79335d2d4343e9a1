"""The contract of a platform: what holds, how it is changed, what it would send, and what it was before."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from integration.contracts import (
    Draft,
    configured_draft,
    difference,
    draft_of,
    draft_that_holds,
    store_contract,
    versions_of,
)
from integration.models import ContractVersion, Outlet
from integration.pages.contract_forms import EDITORS, Editor, data_of, pretty
from integration.pages.contract_trial import Trying
from integration.pages.shell import HtmxRequest, allow
from integration.platforms import InvalidContract, UnknownPlatform, platform_names
from integration.platforms.contract_settings import every_setting

ADD = "integration.add_contractversion"
PAGE_SIZE = 10
FEW = 3  # differences that the list of versions shows


@dataclass
class Held:
    """What holds for a platform, and whom it concerns."""

    platform: str
    counts: dict[str, int]

    @cached_property
    def version(self) -> ContractVersion | None:
        return versions_of(self.platform).first()

    @property
    def number(self) -> int:
        return self.version.number if self.version else 0

    @property
    def draft(self) -> Draft:
        return draft_that_holds(self.platform, self.version)

    @property
    def outlet_count(self) -> int:
        return self.counts.get(self.platform, 0)

    @property
    def platforms(self) -> list[tuple[str, int]]:
        return [(name, self.counts.get(name, 0)) for name in platform_names()]


def held_of(request: HttpRequest, platform: str | None = None) -> Held:
    """Of the platform that is asked for, or else of the one with the most outlets."""
    rows = Outlet.objects.order_by().values_list("platform").annotate(count=Count("pk"))
    counts = {name: count for name, count in rows if name in platform_names()}
    most = max(counts, key=lambda name: counts[name], default="pasons")
    platform = platform or request.GET.get("platform") or most
    if platform not in platform_names():
        raise Http404(platform)
    return Held(platform, counts)


def kind_of(request: HttpRequest) -> str:
    kind = request.GET.get("as", "form")
    return kind if kind in EDITORS else "form"


def address(platform: str, kind: str = "form") -> str:
    return f"{reverse('contract')}?{urlencode({'platform': platform, 'as': kind})}"


# --- editing --------------------------------------------------------------------------------------------


@allow("integration.view_contractversion")
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    held = held_of(request)
    if request.method != "POST":
        return show(request, held, editor_of(held, kind_of(request)))
    editor = posted_editor(request, held)
    if request.POST.get("action") == "store":
        return store(request, held, editor)
    return show(request, held, as_kind(editor, kind_of(request)), is_unsaved=True)


def editor_of(held: Held, kind: str) -> Editor:
    return checked(EDITORS[kind](held.platform, data_of(kind, held.draft, held.number)))


def posted_editor(request: HttpRequest, held: Held) -> Editor:
    if not request.user.has_perm(ADD):
        raise PermissionDenied
    kind = request.POST.get("posted_as", "form")
    return checked(EDITORS.get(kind, EDITORS["form"])(held.platform, request.POST))


def checked(editor: Editor) -> Editor:
    editor.is_valid()
    return editor


def as_kind(editor: Editor, kind: str) -> Editor:
    """The same input, shown the other way; what cannot be read stays where it can be mended."""
    if kind == editor.kind or not editor.is_readable:
        return editor
    number, note = editor.cleaned_data["number"], editor.data.get("note", "")
    return checked(EDITORS[kind](editor.platform, data_of(kind, editor.draft, number, note)))


def store(request: HttpRequest, held: Held, editor: Editor) -> HttpResponse:
    if editor.is_valid() and editor.draft.says_the_same(held.draft):
        messages.info(request, _("This is what holds already, so nothing was stored."))
        return redirect(address(held.platform, editor.kind))
    if not editor.is_valid() or is_overtaken(held, editor):
        return show(request, held, editor, is_unsaved=True)
    try:
        version = keep(request, editor.draft, editor.cleaned_data["note"])
    except IntegrityError:
        editor.add_error(None, _("Somebody else has stored a version at this moment. Store again to replace it."))
        return show(request, held, editor, is_unsaved=True)
    text = _("Version %(number)d is stored. It holds from the next request on.")
    messages.success(request, text % {"number": version.number})
    return redirect(address(held.platform, editor.kind))


def is_overtaken(held: Held, editor: Editor) -> bool:
    """Somebody has stored a version since the editor was opened: said once, then the editor goes by that one."""
    if editor.cleaned_data["number"] == held.number:
        return False
    text = _("While you were editing, version %(number)d was stored. Look at it below; store again to replace it.")
    editor.data = {**dict(editor.data.items()), "number": held.number}
    editor.add_error(None, text % {"number": held.number})
    return True


def keep(request: HttpRequest, draft: Draft, note: str) -> ContractVersion:
    return store_contract(draft.platform, draft.preset, draft.changes, timezone.now(), request.user.pk, note)


def show(request: HttpRequest, held: Held, editor: Editor, *, is_unsaved: bool = False) -> HttpResponse:
    may_edit = request.user.has_perm(ADD)
    page = Paginator(versions_of(held.platform), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "held": held,
        "editor": editor,
        "is_unsaved": is_unsaved,
        "may_edit": may_edit,
        "kinds": [(kind, address(held.platform, kind)) for kind in EDITORS],
        "page": page,
        "rows": with_differences(list(page), held.platform),
        "settings": settings_that_hold(held.draft),
        "held_json": pretty(held.draft.changes),
        "next_number": held.number + 1,
    }
    if may_edit:
        context |= Trying(held.platform, editor, request.POST, timezone.now()).context()
    return render(request, "integration/contract.html", context)


def settings_that_hold(draft: Draft) -> list[tuple[Any, str]]:
    """Every setting there is, and how it is now."""
    values = draft.settings()
    return [(setting, values.get(setting.name, "")) for setting in every_setting()]


# --- the preview ----------------------------------------------------------------------------------------


@allow(ADD)
@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HtmxRequest) -> HttpResponse:
    """The live part of the page; without JavaScript the whole page. Nothing is stored or sent."""
    held = held_of(request)
    if request.method != "POST":
        return redirect(address(held.platform, kind_of(request)))
    editor = posted_editor(request, held)
    if not request.htmx:
        return show(request, held, editor, is_unsaved=True)
    tried = Trying(held.platform, editor, request.POST, timezone.now())
    return render(request, "integration/contract_preview.html", tried.context())


# --- versions -------------------------------------------------------------------------------------------


def with_differences(versions: list[ContractVersion], platform: str) -> list[dict[str, Any]]:
    """Each with what it changed of the one before, in one query more for the first one's predecessor."""
    if not versions:
        return []
    older = draft_before(versions[-1])
    drafts = [*map(draft_of, versions), older]
    rows = []
    for version, draft, before in zip(versions, drafts, drafts[1:], strict=False):
        found = difference(before, draft)
        rows.append({"version": version, "differences": found[:FEW], "more": max(0, len(found) - FEW)})
    return rows


def draft_before(version: ContractVersion) -> Draft:
    before = versions_of(version.platform).filter(number__lt=version.number).first()
    return draft_of(before) if before else configured_draft(version.platform)


def find_version(version_id: int) -> ContractVersion:
    return get_object_or_404(ContractVersion.objects.select_related("created_by"), pk=version_id)


@allow("integration.view_contractversion")
@require_safe
def show_version(request: HttpRequest, version_id: int) -> HttpResponse:
    version = find_version(version_id)
    held = held_of(request, version.platform)
    draft = draft_of(version)
    context = {
        "held": held,
        "version": version,
        "is_held": version.number == held.number,
        "changed": difference(draft_before(version), draft),
        "to_restore": difference(held.draft, draft),
        "json": pretty(version.changes),
        "back": address(version.platform),
        "next_number": held.number + 1,
        "may_restore": request.user.has_perm(ADD) and not draft.says_the_same(held.draft),
    }
    return render(request, "integration/contract_version.html", context)


@allow(ADD)
@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest, version_id: int) -> HttpResponse:
    """The old values as the next version; what holds now stays in the list. Its page asks first."""
    old = find_version(version_id)
    if request.method != "POST":
        return redirect("contract_version", version_id)
    held = held_of(request, old.platform)
    if draft_of(old).says_the_same(held.draft):
        messages.info(request, _("This is what holds already, so nothing was stored."))
        return redirect(address(old.platform))
    if request.POST.get("number") != str(held.number):
        text = _("Version %(number)d has been stored meanwhile. Look at what would change now, and restore again.")
        messages.warning(request, text % {"number": held.number})
        return redirect("contract_version", version_id)
    return store_again(request, old)


def store_again(request: HttpRequest, old: ContractVersion) -> HttpResponse:
    note = request.POST.get("note", "").replace("\0", "").strip()[:200]
    try:
        version = keep(request, draft_of(old), note or _("version %(number)d again") % {"number": old.number})
    except (InvalidContract, UnknownPlatform, IntegrityError) as exc:
        messages.error(request, _("It cannot be restored: %(problem)s") % {"problem": exc})
        return redirect("contract_version", old.pk)
    text = _("Version %(old)d holds again, as version %(number)d, from the next request on.")
    messages.success(request, text % {"old": old.number, "number": version.number})
    return redirect(address(old.platform))
