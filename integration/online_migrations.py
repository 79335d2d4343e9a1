"""Steps of migrations that old workers write beside. A migration with one of them says `atomic = False`."""

from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

State = migrations.state.ProjectState
VALIDITY = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


class AddIndexOnline(AddIndexConcurrently):
    """Add an index; on PostgreSQL without keeping writers waiting while it is built.

    A build that was broken off leaves an invalid index behind, and the migration is not recorded: run again, it drops
    that and builds anew, and passes over what is built.
    """

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: State, to_state: State
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        is_valid = self.validity(schema_editor)
        if is_valid is False:
            super().database_backwards(app_label, schema_editor, to_state, from_state)
        if not is_valid:
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: State, to_state: State
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_backwards(self, app_label, schema_editor, from_state, to_state)
        elif self.validity(schema_editor) is not None:
            super().database_backwards(app_label, schema_editor, from_state, to_state)

    def validity(self, schema_editor: BaseDatabaseSchemaEditor) -> bool | None:
        """None: there is no such index."""
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(VALIDITY, [schema_editor.quote_name(self.index.name)])
            found = cursor.fetchone()
        return bool(found[0]) if found else None


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
