"""What is typed on the page of the schedule."""

import re
from itertools import pairwise
from typing import Any

from django import forms
from django.conf import settings
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from integration.models import PushPause
from integration.pages.forms import Styled
from integration.pages.schedule_words import join, read_times, time_list
from integration.schedules import Interval, Times

UNITS = (("minutes", _("minutes")), ("hours", _("hours")))
KINDS = (("interval", _("again and again, with a pause between")), ("times", _("at times of day")))
DAYS = [(str((day + 1) % 7), name) for day, name in WEEKDAYS.items()]  # cron's Sunday is 0
TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
LONGEST = {"minutes": 24 * 60, "hours": 7 * 24}
SHORT_MINUTES = 5


class ScheduleForm(Styled, forms.Form):
    """When the push of all outlets runs."""

    enabled = forms.BooleanField(label=_("Push by schedule"), required=False)
    kind = forms.ChoiceField(label=_("How"), choices=KINDS, widget=forms.RadioSelect)
    every = forms.IntegerField(label=_("Every"), required=False, min_value=1)
    unit = forms.ChoiceField(label=_("Unit"), choices=UNITS, required=False)
    times = forms.CharField(
        label=_("Times of day"),
        required=False,
        max_length=200,
        help_text=_("For example 06:00, 14:00, 22:00: several hours with the same minutes."),
    )
    days = forms.MultipleChoiceField(label=_("Days"), choices=DAYS, required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, task: PeriodicTask | None, data: Any = None) -> None:
        self.time_zone = str(task.crontab.timezone) if task and task.crontab else settings.TIME_ZONE
        self.knows_times = bool(task and task.crontab and read_times(task.crontab))
        super().__init__(data, initial=held_values(task))

    def clean_times(self) -> tuple[list[int], list[int]]:
        """A crontab runs in each of its hours at each of its minutes, so the times must be that."""
        if self.cleaned_data.get("kind") != "times":
            return [], []
        given = [one for one in re.split(r"[\s,;،]+", self.cleaned_data["times"]) if one]
        found = [TIME.fullmatch(one) for one in given]
        for text, match in zip(given, found, strict=True):
            if match is None:
                raise forms.ValidationError(_now("%(text)s is no time of day: write 06:30.") % {"text": text[:20]})
        times = {(int(match[1]), int(match[2])) for match in found if match}
        hours, minutes = sorted({hour for hour, minute in times}), sorted({minute for hour, minute in times})
        if len(times) != len(hours) * len(minutes):
            raise forms.ValidationError(_now("The times of each hour must have the same minutes: 06:30, 18:30."))
        return hours, minutes

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind")
        if kind == "interval" and "every" not in self.errors:
            self.check_interval(cleaned)
        if kind == "times" and "times" in cleaned and not cleaned["times"][0]:
            self.add_error("times", _("Write at least one time of day."))
        return cleaned

    def check_interval(self, cleaned: dict[str, Any]) -> None:
        unit, every = cleaned.get("unit") or "minutes", cleaned.get("every")
        if every is None:
            self.add_error("every", _("Write how many minutes or hours."))
        elif every > LONGEST[unit]:
            text = _now("At most %(longest)d: so long, no price would reach the shops.")
            self.add_error("every", text % {"longest": LONGEST[unit]})

    @property
    def when(self) -> Interval | Times:
        given = self.cleaned_data
        if given["kind"] == "interval":
            return Interval(given["every"], given["unit"] or "minutes")
        days = sorted(map(int, given["days"]))
        hours, minutes = given["times"]
        return Times(hours, minutes, days if len(days) < len(DAYS) else [], self.time_zone)

    @property
    def is_very_short(self) -> bool:
        when = self.when
        if isinstance(when, Interval):
            return when.period == "minutes" and when.every < SHORT_MINUTES
        return any(later - earlier < SHORT_MINUTES for earlier, later in pairwise(when.minutes))


def held_values(task: PeriodicTask | None) -> dict[str, Any]:
    """How it runs now, as the form says it."""
    values: dict[str, Any] = {"enabled": True, "kind": "interval", "every": 30, "unit": "minutes"}
    values["days"] = [day for day, name in DAYS]
    if task is None:
        return values
    values["enabled"] = task.enabled
    if task.interval and task.interval.period in LONGEST:
        values |= {"every": task.interval.every, "unit": task.interval.period}
    times = read_times(task.crontab) if task.crontab else None
    if times:
        hours, minutes, days = times
        values |= {"kind": "times", "times": join(time_list(hours, minutes)), "days": [str(day) for day in days]}
    return values


class PauseForm(Styled, forms.ModelForm):
    reason = forms.CharField(
        label=_("Why?"),
        max_length=200,
        required=False,
        help_text=_("Everybody sees it on every page, such as: the shop is being moved."),
    )

    class Meta:
        model = PushPause
        fields = ("reason",)
