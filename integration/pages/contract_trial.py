"""A contract that is being edited, tried: the request it would make, and how an answer reads. Nothing is sent."""

from datetime import datetime
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integration.encryption import WrongEncryptionKey
from integration.models import Outlet
from integration.pages.contract_forms import Editor, TrialForm
from integration.platforms import UnknownPlatform
from integration.platforms.base import Outcome, SendResult
from integration.platforms.contract_settings import as_json
from integration.preview import CannotPreview, Trial, try_contract

ITEM_COUNT = 2
# What an outcome is called, its colour and its icon.
OUTCOMES: dict[Outcome, tuple[Any, str, str]] = {
    Outcome.DONE: (_("The shop has answered for the items"), "green", "check"),
    Outcome.JOB: (_("The shop works it off later, and is asked again"), "blue", "clock"),
    Outcome.RETRY: (_("It did not work, and is tried again later"), "orange", "rotate-ccw"),
    Outcome.CREDENTIALS: (_("The shop does not let us in: the push stops"), "red", "key-round"),
    Outcome.REFUSED: (_("The shop has refused the whole request"), "red", "x"),
    Outcome.BROKEN: (_("The answer does not read as the contract says"), "red", "circle-alert"),
    Outcome.FORBIDDEN: (_("Nothing is sent to this address"), "red", "ban"),
    Outcome.OVERDUE: (_("The shop has not ended its job in time"), "orange", "clock"),
}


class Trying:
    """The preview of a draft, for one outlet of its platform."""

    def __init__(self, platform: str, editor: Editor, posted: Any, now: datetime) -> None:
        self.platform, self.editor, self.posted, self.now = platform, editor, posted, now

    @cached_property
    def outlets(self) -> list[Outlet]:
        return list(Outlet.objects.filter(platform=self.platform).only("name", "store_id").order_by("name", "pk"))

    @cached_property
    def form(self) -> TrialForm:
        first = str(self.outlets[0].pk) if self.outlets else ""
        return TrialForm(self.outlets, self.posted if "status" in self.posted else {"outlet": first})

    def context(self) -> dict[str, Any]:
        """What the templates show; where something is wrong, that and no request."""
        try:
            return self.seen()
        except (CannotPreview, WrongEncryptionKey, UnknownPlatform) as exc:
            return {"trial_form": self.form, "trial_problems": [str(exc)]}

    def seen(self) -> dict[str, Any]:
        problems = [str(problem) for problem in self.editor.problems]
        if self.editor.contract is None or not self.form.is_valid():
            wrong = [gettext("The input cannot be read: see beside the fields.")]
            return {"trial_form": self.form, "trial_problems": problems or self.mistakes() or wrong}
        requests = self.trial.requests()
        form, is_proposed = self.with_proposal()
        return {
            "trial_form": form,
            "trial": self.trial,
            "trial_requests": requests,
            "is_proposed": is_proposed,
            "reading": self.read(form),
            "notes": self.notes(),
        }

    def mistakes(self) -> list[str]:
        """Of the answer and its status."""
        return [f"{self.form[name].label}: {text}" for name, texts in self.form.errors.items() for text in texts]

    @cached_property
    def trial(self) -> Trial:
        assert self.editor.contract
        return try_contract(self.platform, self.editor.contract, self.outlet, ITEM_COUNT, self.now)

    @cached_property
    def outlet(self) -> Outlet | None:
        chosen = self.form.cleaned_data["outlet"]
        return Outlet.objects.get(pk=chosen) if chosen else None

    def with_proposal(self) -> tuple[TrialForm, bool]:
        """The answer that stands there, without secrets; or a proposed one, where nobody has written one."""
        data = {name: self.form.cleaned_data[name] for name in self.form.fields}
        data["status"] = data["status"] or self.trial.sample_status
        is_proposed = self.form.is_untouched
        if is_proposed:
            data["answer"] = data["made_up"] = self.trial.sample(of_job=self.is_about_job)
        form = TrialForm(self.outlets, {**data, "answer": self.trial.redact(data["answer"])})
        form.is_valid()
        return form, is_proposed

    def read(self, form: TrialForm) -> dict[str, Any]:
        cleaned = form.cleaned_data
        read = self.trial.read_job if self.is_about_job else self.trial.read
        return reading_of(read(cleaned["status"], cleaned["answer"].encode()))

    @property
    def is_about_job(self) -> bool:
        return bool(self.trial.contract.job) and self.form.cleaned_data["answers_to"] == "job"

    def notes(self) -> list[Any]:
        """What somebody has to know who stores this."""
        trial, outlet = self.trial, self.outlet
        notes: list[Any] = []
        if outlet and trial.redact(as_json(self.editor.draft.changes)) != as_json(self.editor.draft.changes):
            notes.append(
                _("This contract holds the outlet's key as text, for everybody to read. Keys belong into API settings.")
            )
        if trial.other_hosts:
            text = gettext("The outlets' keys go to %(hosts)s, which is not where the outlet's endpoint is.")
            notes.append(text % {"hosts": ", ".join(trial.other_hosts)})
        if outlet and not outlet.api_endpoint:
            notes.append(_("The outlet has no endpoint yet, so a made-up address is shown."))
        if outlet and trial.contract.auth != "none" and not outlet.api_key:
            notes.append(_("The outlet has no API key yet."))
        return notes


def reading_of(result: SendResult) -> dict[str, Any]:
    words, colour, icon = OUTCOMES[result.outcome]
    return {
        "words": words,
        "colour": colour,
        "icon": icon,
        "message": result.message,
        "accepted": sorted(result.accepted),
        "rejected": sorted(result.rejected.items()),
        "unknown": sorted(result.unknown),
        "job_id": result.job_id,
    }
