"""Files of prices and stock, from whatever program."""

import tracemalloc
from pathlib import Path

import pytest

from integration.product_file import ProductFile, ProductFileError

PLAIN = "sku,selling_price,stock_status\n0012,13.99,1\n"


def write(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "feed.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def test_rows_carry_the_number_that_a_spreadsheet_shows(tmp_path: Path) -> None:
    file = ProductFile(write(tmp_path, PLAIN + "\n0013,1,0\n"))
    expected = [
        {"sku": "0012", "selling_price": "13.99", "stock_status": "1", "row": 2},
        {"sku": "0013", "selling_price": "1", "stock_status": "0", "row": 4},
    ]
    assert list(file) == expected
    assert list(file) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|"])
def test_encoding_and_separator_are_found(tmp_path: Path, encoding: str, separator: str) -> None:
    text = " SKU ,Price,Active,Name,reason\r\n0012,13.99,1,Crème,x\r\n".replace(",", separator)
    assert list(ProductFile(write(tmp_path, text, encoding))) == [
        {"sku": "0012", "selling_price": "13.99", "stock_status": "1", "name": "Crème", "row": 2}
    ]


def test_the_canonical_name_of_a_column_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "price,selling_price,enabled,stock_status,sku\n1,2,0,1,a\n")
    assert list(ProductFile(path)) == [{"sku": "a", "selling_price": "2", "stock_status": "1", "row": 2}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"sku,selling_price,stock_status\n", "no rows"),
        (
            b"sku,cost\n1,2\n",
            "missing column selling_price, stock_status; found: sku, cost; needed: sku, selling_price",
        ),
        (b"sku,sku,price,active\n1,2,3,4\n", "the column 'sku' occurs twice"),
        (b"PK\x03\x04\0\0\0", "is not a text file"),
        (PLAIN.encode() + b'"open,1,1\n2,2,1\n', "quote"),
        (PLAIN.encode() + b'"' + b"x" * 200_000, "quote"),
        (b'sku,selling_price,"stock_status\n1,2,3\n', "a quote is opened and never closed, in row 1"),
        (b'sku,selling_price,stock_status,"note\n' + b"1,2,3\n" * 70_000, "1: field larger .* never closed"),
        (PLAIN.encode() + b"\x81\xff,1,1\n", "neither UTF-8 nor Windows-1252"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ProductFileError, match=reason):
        list(ProductFile(write(tmp_path, content)))


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProductFileError, match="No such file"):
        list(ProductFile(tmp_path / "missing.csv"))
    with pytest.raises(ProductFileError, match="Is a directory"):
        list(ProductFile(tmp_path))


def test_a_row_with_too_few_or_too_many_cells_carries_its_problem(tmp_path: Path) -> None:
    rows = list(ProductFile(write(tmp_path, PLAIN + "a,12,50,1\nb,1\nc,1,1,,\n")))
    assert [row.get("problem") for row in rows] == [
        None,
        "has 4 cells, the header has 3",
        "has 2 cells, the header has 3",
        None,
    ]


def test_the_guard_of_an_export_is_taken_off(tmp_path: Path) -> None:
    rows = ProductFile(write(tmp_path, PLAIN + "'=1,1,1\n''@x,1,1\n'a,1,1\n"))
    assert [row["sku"] for row in rows] == ["0012", "=1", "'@x", "'a"]
    named = ProductFile(write(tmp_path, "sku,selling_price,stock_status,name\na,1,1,'-18V drill\nb,1,1,'n Beetje\n"))
    assert [row["name"] for row in named] == ["-18V drill", "'n Beetje"]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, PLAIN + "".join(f"{n},13.99,1\n" for n in range(100_000)))
    tracemalloc.start()
    count = sum(1 for _ in ProductFile(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_001
    assert peak < 8_000_000


@pytest.mark.parametrize("content", ["sku".encode("utf-16") + b"x", b"\xff\xfe\x00\xd8a\x00", b"sku," + b"x" * 200_000])
def test_a_header_that_cannot_be_read_is_said(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ProductFileError, match=r"is no text|has no header"):
        ProductFile(write(tmp_path, content))


def test_a_line_of_millions_of_cells_is_refused_before_it_is_cut(tmp_path: Path) -> None:
    with pytest.raises(ProductFileError, match="line 3 is longer than"):
        ProductFile(write(tmp_path, PLAIN + "," * 2_000_000 + "\n"))
