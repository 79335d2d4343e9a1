"""A page of a list that is too long to be counted: it knows whether there is more, not how much."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

LAST_PAGE = 2000  # the database walks over what is skipped


@dataclass(frozen=True, slots=True)
class Part:
    rows: list[Any]
    number: int
    has_next: bool

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def previous_page_number(self) -> int:
        return self.number - 1

    @property
    def next_page_number(self) -> int:
        return self.number + 1


def read_part(rows: QuerySet[Any], page: str | None, size: int = 50) -> Part:
    """Page `page` (1 where it is no number), read with one row more than it shows."""
    number = min(max(int(page), 1), LAST_PAGE) if page and page.isdecimal() and len(page) < 10 else 1
    found = list(rows[(number - 1) * size : number * size + 1])
    return Part(found[:size], number, len(found) > size and number < LAST_PAGE)
