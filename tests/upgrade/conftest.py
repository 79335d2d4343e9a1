"""A database as the previous release has left it, for each test its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.upgrade import schema
from tests.upgrade.rows import Writer, edit_schedule


@pytest.fixture(scope="session")
def previous_release(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[str]:
    """The name of a database with the previous release's schema and rows of every kind."""
    with django_db_blocker.unblock():
        name = schema.new_name(tmp_path_factory.mktemp("upgrade"))
        create(name)
        with schema.speaking_with(name):
            schema.go_to_previous()
            apps = schema.previous_models()
            edit_schedule(apps)
            Writer(apps, "before").fill()
        yield name
        schema.drop_database(name)


def create(name: str) -> None:
    if not name.endswith(".sqlite3"):
        schema.copy_database("template1", name)


@pytest.fixture
def old_database(previous_release: str, tmp_path: Path, django_db_blocker: Any) -> Iterator[str]:
    """A copy of it, with which the default connection speaks."""
    with django_db_blocker.unblock():
        name = schema.new_name(tmp_path)
        schema.copy_database(previous_release, name)
        with schema.speaking_with(name):
            yield name
        schema.drop_database(name)
