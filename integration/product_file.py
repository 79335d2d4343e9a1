"""Product files as people make them: the encoding, the separator and the columns are found out, not asked for."""

import codecs
import csv
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

SEPARATORS = ",;\t|"
NEEDED = ("sku", "selling_price", "stock_status")
ALIASES = {"price": "selling_price", "active": "stock_status", "enabled": "stock_status"}
KNOWN = (*NEEDED, "name", "barcode")
TEXTS = ("sku", "name", "barcode")
FORMULA = tuple("=+-@")
BLOCK = 1 << 20
END = "\x00"  # no text file holds it


class ProductFileError(ValueError):
    """The file cannot be read as a product file; the message says why."""


class ProductFile:
    """The rows of a CSV file; each iteration reads the file anew, in constant memory.

    The file is read through once at the beginning, so that what breaks it is known before a row is taken.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.encoding = find_encoding(self.path)
            with self.path.open(encoding=self.encoding, newline="") as file:
                header = file.readline(BLOCK)
        except OSError as exc:
            raise ProductFileError(f"{self.path} cannot be read: {exc.strerror or exc}") from exc
        except UnicodeError as exc:
            raise ProductFileError(f"{self.path} is no text: {exc}") from exc
        if not header.strip():
            raise ProductFileError(f"{self.path} is empty")
        self.separator = max(SEPARATORS, key=header.count)
        self.columns = find_columns(self.cells_of(header))
        self.row_count = sum(1 for _ in self)
        if not self.row_count:
            raise ProductFileError(f"{self.path} has a header but no rows")

    def __iter__(self) -> Iterator[dict[str, object]]:
        rows = self.cells()
        width = len(next(rows)[1])
        for number, cells in rows:
            yield self.row(number, cells, width)

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        """The cells of each row as they stand there, with the row's number; the header comes first."""
        with self.path.open(encoding=self.encoding, newline="") as file:
            reader = csv.reader(chain(self.lines_of(file), [END]), delimiter=self.separator)
            number, cells = 1, [END]
            try:
                for index, cells in enumerate(reader):
                    number = reader.line_num if index else 1
                    if not index or (any(cells) and cells != [END]):
                        yield number, cells
            except (csv.Error, UnicodeError) as exc:
                raise ProductFileError(f"{self.path}, after row {number}: {exc}; is a quote never closed?") from exc
        if cells != [END]:
            raise ProductFileError(f"{self.path}: a quote is opened and never closed, in row {number} or before")

    def lines_of(self, file: Iterable[str]) -> Iterator[str]:
        """A line of many cells takes far more memory than the file."""
        for number, line in enumerate(file, 1):
            if len(line) > BLOCK:
                raise ProductFileError(f"{self.path}: line {number} is longer than {BLOCK} characters")
            yield line

    def cells_of(self, header: str) -> list[str]:
        try:
            return next(csv.reader([header], delimiter=self.separator))
        except csv.Error as exc:
            raise ProductFileError(f"{self.path} has no header: {exc}") from exc

    def row(self, number: int, cells: list[str], width: int) -> dict[str, object]:
        row: dict[str, object] = {"row": number}
        if len(cells) < width or any(cells[width:]):
            row["problem"] = f"has {len(cells)} cells, the header has {width}"
        row.update({name: cells[index] for name, index in self.columns.items() if index < len(cells)})
        row["sku"] = row.get("sku", "")
        return row | {name: unguard(str(row[name])) for name in TEXTS if name in row}


def unguard(text: str) -> str:
    """Undo the apostrophe that our files put before what a spreadsheet would take for a formula."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def find_encoding(path: Path) -> str:
    """UTF-8 or UTF-16 with their marks, UTF-8 without, else Windows-1252. Reads the whole file once."""
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        file.seek(0)
        return scan_encoding(path, iter(lambda: file.read(BLOCK), b""))


def scan_encoding(path: Path, blocks: Iterator[bytes]) -> str:
    utf8, western = codecs.getincrementaldecoder("utf-8")(), codecs.getincrementaldecoder("cp1252")()
    is_utf8 = is_western = True
    for block in blocks:
        if b"\x00" in block:
            raise ProductFileError(f"{path} is not a text file: save it as CSV")
        is_utf8 = is_utf8 and decodes(utf8, block)
        is_western = is_western and decodes(western, block)
    if is_utf8 and decodes(utf8, b"", final=True):
        return "utf-8-sig"
    if is_western:
        return "cp1252"
    raise ProductFileError(f"{path} is neither UTF-8 nor Windows-1252 text")


def decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def find_columns(header: list[str]) -> dict[str, int]:
    """Where the known columns are. Their own names win over other names for them."""
    names = [name.strip().lower() for name in header]
    columns: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in KNOWN and name in columns:
            raise ProductFileError(f"the column {name!r} occurs twice")
        if name in KNOWN:
            columns[name] = index
    for index, name in enumerate(names):
        if name in ALIASES:
            columns.setdefault(ALIASES[name], index)
    if missing := [name for name in NEEDED if name not in columns]:
        found = ", ".join(names)[:200]
        raise ProductFileError(f"missing column {', '.join(missing)}; found: {found}; needed: {', '.join(NEEDED)}")
    return columns
