"""Databases of their own at any state of the migrations, and their models as that state's code has them."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

# The last migration of the release before this one. Its code may run while this release's migrations do.
PREVIOUS = ("integration", "0005_endpoint_hold")
Rows = dict[str, dict[Any, dict[str, Any]]]


def copy_database(source: str, name: str) -> None:
    if connection.vendor == "sqlite":
        shutil.copyfile(source, name)
        return
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')


def drop_database(name: str) -> None:
    if connection.vendor == "sqlite":
        Path(name).unlink(missing_ok=True)
        return
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def new_name(folder: Path) -> str:
    name = f"upgrade_{uuid.uuid4().hex[:8]}"
    return str(folder / f"{name}.sqlite3") if connection.vendor == "sqlite" else name


@contextmanager
def speaking_with(name: str) -> Iterator[None]:
    """The default connection is one to the database of this name meanwhile."""
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own


def leaves(executor: MigrationExecutor) -> list[tuple[str, str]]:
    return [key for key in executor.loader.graph.leaf_nodes() if key[0] != "integration"]


def go_to_previous() -> None:
    """Forward or backward to the previous release's schema; other apps stay at their last state."""
    executor = MigrationExecutor(connection)
    executor.migrate([PREVIOUS, *leaves(executor)])


def go_to_newest() -> None:
    """As whoever runs the service does it."""
    call_command("migrate", verbosity=0)


def migrations_since() -> list[Migration]:
    """What this release migrates, in the order in which it is done."""
    executor = MigrationExecutor(connection)
    targets = executor.loader.graph.leaf_nodes()
    after = {PREVIOUS, *executor.loader.graph.forwards_plan(PREVIOUS)}
    plan = [key for target in targets for key in executor.loader.graph.forwards_plan(target)]
    ordered = dict.fromkeys(key for key in plan if key[0] == "integration" and key not in after)
    return [executor.loader.graph.nodes[key] for key in ordered]


def previous_models() -> Any:
    """The apps as the previous release's code knows them: what these write and read is what old workers do."""
    executor = MigrationExecutor(connection)
    return executor.loader.project_state([PREVIOUS, *leaves(executor)]).apps


def read_all(apps: Any) -> Rows:
    """Every row of the service and of its schedule, as these apps' code reads it."""
    models = [*apps.get_app_config("integration").get_models(), *apps.get_app_config("django_celery_beat").get_models()]
    models.append(apps.get_model("auth", "User"))
    return {model._meta.label: {row[model._meta.pk.attname]: row for row in model.objects.values()} for model in models}


def lost(before: Rows, after: Rows) -> list[str]:
    """What stood there before and does not, or not so, afterwards."""
    return [
        f"{label} {key}: {row} -> {after[label].get(key)}"
        for label, rows in before.items()
        for key, row in rows.items()
        if after[label].get(key) != row
    ]
