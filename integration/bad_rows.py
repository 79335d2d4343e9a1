"""The bad rows of an upload as a file that a person can mend and upload again."""

from collections.abc import Iterator
from typing import Any

from integration.export_feed import guard
from integration.models import ProductUpload
from integration.product_file import ProductFile, ProductFileError
from integration.upload_steps import unpacked

WHY = ("row", "field", "reason")
Line = list[str]


def bad_lines(upload: ProductUpload) -> Iterator[Line]:
    """Why first, then all that stood in the row; of a file that is kept no more, its SKU alone."""
    bad_rows = {bad["row"]: bad for bad in upload.findings.get("bad_rows", [])}
    rows = originals(upload, bad_rows.keys())
    header = next(rows, None)
    if header is None:
        yield [*WHY, "sku"]
        yield from (why(bad, [bad["sku"]]) for bad in bad_rows.values())
        return
    first = len(WHY) if tuple(header[1][: len(WHY)]) == WHY else 0  # a file of ours, uploaded again
    yield [*WHY, *map(guard, header[1][first:])]
    for number, cells in rows:
        yield why(bad_rows[number], cells[first:])


def why(bad: dict[str, Any], cells: Line) -> Line:
    return [str(bad["row"]), bad["field"], guard(bad["reason"]), *map(guard, cells)]


def originals(upload: ProductUpload, numbers: Any) -> Iterator[tuple[int, Line]]:
    """The header and these rows, as they stand in the uploaded file."""
    try:
        with unpacked(upload) as path:
            rows = ProductFile(path).cells()
            yield next(rows)
            yield from (row for row in rows if row[0] in numbers)
    except ProductFileError:
        return  # discarded: its file is forgotten
