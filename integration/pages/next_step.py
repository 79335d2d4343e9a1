"""What somebody should do next with an outlet, with the link to where it is done."""

from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from integration.models import Outlet
from integration.readiness import Readiness


class NextStep(NamedTuple):
    """`permission` is needed to do it: others are only told."""

    text: str
    label: str = ""
    url: str = ""
    permission: str = ""
    is_problem: bool = True


class Stage(NamedTuple):
    label: str
    state: str  # done, here, later


def address(name: str, outlet: Outlet) -> str:
    return f"{reverse(name)}?outlet={outlet.pk}"


def next_step(outlet: Outlet, ready: Readiness) -> NextStep | None:
    """None if there is nothing to do: the shop knows everything."""
    return missing_setting(outlet, ready) or missing_products(outlet, ready) or trouble(outlet, ready)


def missing_setting(outlet: Outlet, ready: Readiness) -> NextStep | None:
    if not ready.has_endpoint:
        text = _("Not connected yet: enter the API endpoint and the key that the shop gave you, test, then save.")
        return NextStep(text, _("Enter the endpoint"), "#id_api_endpoint", "integration.change_outlet")
    if ready.contract_problem:
        text = _("The contract of %(platform)s cannot be used, so nothing can be sent.") % {"platform": outlet.platform}
        url = f"{reverse('contract')}?platform={outlet.platform}"
        return NextStep(text, _("Mend the contract"), url, "integration.view_contractversion")
    if not outlet.is_active:
        text = _("This outlet is not active, so nothing is pushed.")
        return NextStep(text, _("Switch it on"), "#branch_is_active", "integration.change_outlet")
    return None


def missing_products(outlet: Outlet, ready: Readiness) -> NextStep | None:
    if not ready.has_products:
        text = _("No products yet: upload a product file.")
        return NextStep(text, _("Upload products"), address("product_update", outlet), "integration.add_productupload")
    if not outlet.push_enabled:
        text = _("Pushing is switched off: tick “Push Enabled” and save.")
        return NextStep(text, _("Switch it on"), "#id_push_enabled", "integration.change_outlet")
    return None


def trouble(outlet: Outlet, ready: Readiness) -> NextStep | None:
    if ready.left_alone and ready.left_alone.open_until:
        text = _(
            "The shop has failed %(count)d times in a row and is left alone until %(time)s. "
            "Testing the connection tries it at once."
        ) % {
            "count": ready.left_alone.failure_count,
            "time": date_format(localtime(ready.left_alone.open_until), "H:i:s"),
        }
        return NextStep(text, _("Push history"), address("push_list", outlet), "integration.view_pushhistory")
    if ready.has_changes:
        text = _("Everything is set up, and changes are waiting for the shop.")
        url = f"{reverse('push_start', args=[outlet.pk])}?type=partial"
        return NextStep(text, _("Push the changes"), url, "integration.push_outlet", is_problem=False)
    return None


def stages(outlet: Outlet | None, ready: Readiness | None) -> list[Stage]:
    """The way from nothing to the first push; empty once it has been gone."""
    if ready and ready.has_pushed:
        return []
    done = [outlet is not None, *((ready.has_endpoint, ready.has_products, False) if ready else (False,) * 3)]
    labels = (_("Add an outlet"), _("Connect its shop"), _("Upload products"), _("Push"))
    here = done.index(False)
    return [
        Stage(text, "done" if is_done else "here" if number == here else "later")
        for number, (text, is_done) in enumerate(zip(labels, done, strict=True))
    ]


def offered(step: NextStep | None, user: Any) -> dict[str, Any]:
    """The step, with its link only for who may go on there."""
    if step is None:
        return {}
    return {**step._asdict(), "url": step.url if user.has_perm(step.permission) else ""}
