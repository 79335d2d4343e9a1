"""After the database was restored from a backup, before workers start: have every shop sent what the dashboard says."""

from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone

from integration.management.base import JsonCommand
from integration.models import Outlet, PushHistory
from integration.obstacles import CannotPush
from integration.restore import confirm_everything, end_comparisons, end_pushes, move_ids_ahead, stop_uploads
from tasks.push import ring_outlet


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one outlet's full push; `push_id` is empty where none was started."""

    store_id: str
    platform: str
    message: str
    push_id: int | None = None


class Command(JsonCommand):
    help = "After a restore of the database, before workers start: send every shop all that the dashboard says."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        facts: dict[str, Any] = {"last_ids": move_ids_ahead(), "cancelled_pushes": end_pushes(now)}
        facts |= {"ended_comparisons": end_comparisons(now), "stopped_uploads": stop_uploads()}
        answers = [start_full(outlet) for outlet in confirm_everything(now)]
        facts["switched_off_outlets"] = Outlet.objects.count() - len(answers)
        self.show(facts, answers)
        if options["json"]:
            self.say({**facts, "pushes": [asdict(answer) for answer in answers]})

    def show(self, facts: dict[str, Any], answers: list[Answer]) -> None:
        ended = f"cancelled pushes: {len(facts['cancelled_pushes'])}, ended comparisons: {facts['ended_comparisons']}"
        self.stdout.write("ids that shops get to know go on far ahead")
        self.stdout.write(f"{ended}, files that wait for somebody to apply them again: {facts['stopped_uploads']}")
        for answer in answers:
            self.stdout.write(f"{answer.store_id} ({answer.platform}): {answer.message}")
        if off_count := facts["switched_off_outlets"]:
            self.stdout.write(f"switched off: {off_count}; everything is pushed there once they are switched on")


def start_full(outlet: Outlet) -> Answer:
    about = (outlet.store_id, outlet.platform)
    try:
        started = ring_outlet(outlet.pk, push_type=PushHistory.PushType.FULL)
    except CannotPush as exc:
        return Answer(*about, f"cannot be pushed yet: {exc}; everything is pushed once it can be")
    if started.push is None:
        return Answer(*about, "nothing to push")
    if started.joined:
        return Answer(*about, f"full push noted: it starts when push {started.push.pk} ends", started.push.pk)
    return Answer(*about, f"full push {started.push.pk} started", started.push.pk)
