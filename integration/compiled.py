"""Queries that are compiled once. Then only their values change: building and compiling a query costs Django several
times what asking it costs, and a few are asked with every request to a shop.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet

Value = int | datetime


class Compiled:
    """`rows` was built with `examples` in the places of its values, each found nowhere else in the query.

    A slice's limit is no value: it stands in the SQL.
    """

    def __init__(self, rows: QuerySet[Any, tuple[Any, ...]], examples: Mapping[str, Value]) -> None:
        self.compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, self.params = self.compiler.as_sql()
        names = {adapt(example): name for name, example in examples.items()}
        self.places = [(place, names[param]) for place, param in enumerate(self.params) if param in names]
        if unused := examples.keys() - {name for _, name in self.places}:
            raise ValueError(f"no value of the query: {', '.join(sorted(unused))}")
        selected = self.compiler.select[: self.compiler.col_count]
        self.converters = self.compiler.get_converters([column[0] for column in selected])

    def read(self, **values: Value) -> list[tuple[Any, ...]]:
        params = list(self.params)
        for place, name in self.places:
            params[place] = adapt(values[name])
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            rows = cursor.fetchall()
        return (
            [tuple(row) for row in self.compiler.apply_converters(rows, self.converters)] if self.converters else rows
        )


def adapt(value: Value) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
