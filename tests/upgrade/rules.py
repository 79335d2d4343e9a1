"""What a migration may not do while old workers write, and what would keep them waiting on a large table."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import connection, migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

from integration.online_migrations import InOneTransaction, Online

# Tables that have millions of rows, or thousands that every request writes.
LARGE = {"product", "outletproduct", "pushhistory", "pushchunk", "pushattempt", "rejecteditem"}
GONE = (migrations.DeleteModel, migrations.RenameModel, migrations.AlterModelTable)
COLUMN_GONE = (migrations.RemoveField, migrations.RenameField)


def problems(migration: migrations.Migration, state: ProjectState, known: ProjectState) -> list[str]:
    """`state` is before the migration and goes on with it; `known` is what the previous release's code knows."""
    found = []
    for operation in migration.operations:
        for inner, before in flatten(operation, migration.app_label, state):
            found += [f"{migration.name}: {text}" for text in judge(inner, migration.app_label, before, known)]
        operation.state_forwards(migration.app_label, state)
    return found + [f"{migration.name}: {text}" for text in judge_order(migration.operations)]


def judge_order(operations: Sequence[Operation]) -> Iterator[str]:
    """Run again after it was broken off, a migration begins from its start."""
    is_online = [isinstance(operation, Online) for operation in operations]
    if is_online != sorted(is_online, reverse=True):
        yield "what stands before an index that is built online would be done twice: into a migration of its own"


def flatten(operation: Operation, app_label: str, state: ProjectState) -> Iterator[tuple[Operation, ProjectState]]:
    """The operations within, each with the state before it."""
    inner: Any = getattr(operation, "database_operations", None)
    if isinstance(operation, InOneTransaction):
        inner = operation.operations
    if inner is None:
        yield operation, state
        return
    state = state.clone()
    for each in inner:
        yield from flatten(each, app_label, state)
        each.state_forwards(app_label, state)


def judge(operation: Any, app_label: str, before: ProjectState, known: ProjectState) -> Iterator[str]:
    if isinstance(operation, migrations.RunSQL):
        yield "SQL cannot be judged: use the operations that can"
        return
    model = str(
        getattr(operation, "model_name", getattr(operation, "old_name", getattr(operation, "name", "")))
    ).lower()
    if (app_label, model) not in known.models:
        return
    if isinstance(operation, GONE):
        yield f"old code reads and writes {model}: leave its table for a release"
    elif isinstance(operation, COLUMN_GONE):
        yield from judge_column(operation, app_label, model, known)
    elif isinstance(operation, migrations.AddField):
        yield from judge_new_field(operation.name, operation.field, model)
    elif isinstance(operation, migrations.AlterField):
        yield from judge_altered_field(operation, app_label, model, before)
    elif model in LARGE:
        yield from judge_large(operation, model)


def judge_column(operation: Any, app_label: str, model: str, known: ProjectState) -> Iterator[str]:
    name = getattr(operation, "old_name", None) or operation.name
    if name in known.models[app_label, model].fields:
        yield f"old code reads and writes {model}.{name}: leave the column for a release"


def judge_new_field(name: str, field: Any, model: str) -> Iterator[str]:
    if field.many_to_many:
        return
    if isinstance(field, models.GeneratedField):
        if model in LARGE:
            yield f"{model}.{name} has the whole table written anew"
    elif not field.null and field.db_default is NOT_PROVIDED:
        yield f"old code does not write {model}.{name}: give it db_default, or let it be null"
    if model in LARGE and builds_index(field):
        yield f"{model}.{name} builds an index that keeps writers waiting: db_index=False, and AddIndexOnline"


def builds_index(field: Any) -> bool:
    return bool(field.db_index or field.unique)


def judge_altered_field(operation: Any, app_label: str, model: str, before: ProjectState) -> Iterator[str]:
    old = before.models[app_label, model].fields[operation.name]
    new = operation.field
    if old.null and not new.null:
        yield f"old code may write {model}.{operation.name} as null"
    if database_type(old) != database_type(new):
        yield f"{model}.{operation.name} changes its type under old code, and may be written anew"
    if model in LARGE and builds_index(new) and not builds_index(old):
        yield f"{model}.{operation.name} builds an index that keeps writers waiting: use AddIndexOnline"


def database_type(field: Any) -> Any:
    """A reference has the type of what it refers to, whatever that is."""
    return "reference" if field.is_relation else field.db_type(connection)


def judge_large(operation: Any, model: str) -> Iterator[str]:
    if isinstance(operation, Online | AddConstraintNotValid):
        return
    if isinstance(operation, migrations.AddIndex):
        yield f"an index on {model} keeps writers waiting while it is built: use AddIndexOnline"
    if isinstance(operation, migrations.AddConstraint):
        is_unique = isinstance(operation.constraint, models.UniqueConstraint)
        way = "a unique one with a condition by AddUniqueOnline" if is_unique else "use AddConstraintNotValid"
        yield f"a constraint on {model} keeps writers waiting while it is checked: {way}"
    if isinstance(operation, migrations.AlterUniqueTogether | migrations.AlterIndexTogether):
        yield f"an index on {model} keeps writers waiting while it is built: use AddIndexOnline"
