"""Product files as branches send them."""

from pathlib import Path


def write_csv(path: Path, count: int, raised: int, raised_count: int | None = None) -> None:
    """`count` rows; prices are `raised` cents higher, those after the first `raised_count` (default: all) one less."""
    most = count if raised_count is None else raised_count
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("sku,selling_price,stock_status\n")
        for number in range(1, count + 1):
            cents = 100 + number % 9000 + (raised if number <= most else raised - 1)
            file.write(f"{sku(number)},{cents // 100}.{cents % 100:02d},{number % 2}\n")


def sku(number: int) -> str:
    return f"934095{number:07d}"
