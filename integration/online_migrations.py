"""Steps of migrations that old workers write beside. A migration with one of them says `atomic = False`."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.postgres.operations import NotInTransactionMixin
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.models import Index, UniqueConstraint

State = migrations.state.ProjectState
VALIDITY = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


class Online(NotInTransactionMixin):
    """On PostgreSQL an index is built and dropped without keeping writers waiting; elsewhere as ever.

    A build that was broken off leaves an invalid index behind, and the migration is not recorded: run again, it drops
    that and builds anew, and passes over what is built.
    """

    def build(
        self, app_label: str, editor: BaseDatabaseSchemaEditor, state: State, build: Callable[[Any], str]
    ) -> None:
        self._ensure_not_in_transaction(editor)
        model = state.apps.get_model(app_label, self.model_name)  # type: ignore[attr-defined]
        if not self.allow_migrate_model(editor.connection.alias, model):  # type: ignore[attr-defined]
            return
        is_valid = validity(editor, self.index_name)
        if is_valid is False:
            drop(editor, self.index_name)
        if not is_valid:
            editor.execute(build(model).replace(" INDEX ", " INDEX CONCURRENTLY ", 1))

    def drop(self, editor: BaseDatabaseSchemaEditor) -> None:
        self._ensure_not_in_transaction(editor)
        drop(editor, self.index_name)

    @property
    def index_name(self) -> str:
        raise NotImplementedError


def drop(editor: BaseDatabaseSchemaEditor, name: str) -> None:
    editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {editor.quote_name(name)}")


def validity(editor: BaseDatabaseSchemaEditor, name: str) -> bool | None:
    """None: there is no such index."""
    with editor.connection.cursor() as cursor:
        cursor.execute(VALIDITY, [editor.quote_name(name)])
        found = cursor.fetchone()
    return bool(found[0]) if found else None


class AddIndexOnline(Online, migrations.AddIndex):
    """AddIndex while old workers write."""

    index: Index

    @property
    def index_name(self) -> str:
        return self.index.name

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: State, to_state: State
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
        else:
            self.build(
                app_label, schema_editor, to_state, lambda model: str(self.index.create_sql(model, schema_editor))
            )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: State, to_state: State
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)
        else:
            self.drop(schema_editor)


class AddUniqueOnline(Online, migrations.AddConstraint):
    """AddConstraint while old workers write, for a unique constraint that is an index: one with a condition."""

    constraint: UniqueConstraint

    @property
    def index_name(self) -> str:
        return self.constraint.name

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: State, to_state: State
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddConstraint.database_forwards(self, app_label, schema_editor, from_state, to_state)
        else:
            self.build(
                app_label, schema_editor, to_state, lambda model: str(self.constraint.create_sql(model, schema_editor))
            )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: State, to_state: State
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddConstraint.database_backwards(self, app_label, schema_editor, from_state, to_state)
        else:
            self.drop(schema_editor)


class InOneTransaction(Operation):
    """The steps of a migration that is not atomic itself which shall happen all or none."""

    reduces_to_sql = False
    reversible = True

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: State) -> None:
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: State, to_state: State
    ) -> None:
        with transaction.atomic(schema_editor.connection.alias):
            for operation, before, after in self.steps(app_label, from_state):
                operation.database_forwards(app_label, schema_editor, before, after)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: State, to_state: State
    ) -> None:
        with transaction.atomic(schema_editor.connection.alias):
            for operation, before, after in reversed(self.steps(app_label, to_state)):
                operation.database_backwards(app_label, schema_editor, after, before)

    def steps(self, app_label: str, state: State) -> list[tuple[Operation, State, State]]:
        """Each operation with the states before and after it."""
        found: list[tuple[Operation, State, State]] = []
        for operation in self.operations:
            after = state.clone()
            operation.state_forwards(app_label, after)
            found.append((operation, state, after))
            state = after
        return found

    def describe(self) -> str:
        return "; ".join(operation.describe() for operation in self.operations)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__qualname__, [self.operations], {}
