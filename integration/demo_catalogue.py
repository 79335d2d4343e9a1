"""The articles of the sample chain: two thousand that a supermarket could have, the same each time."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice, product
from typing import NamedTuple

BRANDS = (
    *("Al Noor", "Oasis", "Gulf Fresh", "Desert Palm", "Sunrise", "Pearl", "Golden Dhow", "Green Valley"),
    *("Marhaba", "Silver Falcon", "Tradewind", "Spice Souk"),
)

# Sizes, each with what it costs in sizes of the first.
KILOS = (("1 kg", 1), ("2 kg", "1.9"), ("5 kg", "4.5"))
GRAMS = (("200 g", 1), ("400 g", "1.8"), ("900 g", "3.7"))
LITRES = (("500 ml", 1), ("1 L", "1.8"), ("2 L", "3.3"))
PACKS = (("4 pack", 1), ("8 pack", "1.9"), ("12 pack", "2.6"))
SMALL = (("100 ml", 1), ("250 ml", "2.2"), ("400 ml", "3.1"))

# Goods and the price of their first size, by how they are sold.
GOODS = {
    KILOS: {
        "Basmati Rice": 9, "Jasmine Rice": 8, "Brown Rice": 10, "Chapati Flour": 5, "Bread Flour": 6, "Semolina": 5,
        "White Sugar": 4, "Red Lentils": 9, "Chickpeas": 8, "Black Eyed Beans": 9, "Onions": 3, "Potatoes": 4,
        "Washing Powder": 12, "Frozen Chicken": 15, "Frozen Peas": 9, "Dates": 18,
    },
    GRAMS: {
        "Labneh": 7, "Halloumi": 13, "Feta Cheese": 9, "Butter": 11, "Black Tea": 12, "Arabic Coffee": 16,
        "Instant Coffee": 19, "Cardamom": 22, "Turmeric Powder": 6, "Chilli Powder": 6, "Biryani Masala": 7,
        "Corn Flakes": 9, "Oats": 8, "Honey": 17, "Peanut Butter": 12, "Strawberry Jam": 8, "Tahini": 10,
        "Tomato Paste": 4, "Pasta": 5, "Noodles": 4, "Dark Chocolate": 13, "Butter Biscuits": 6, "Cashew Nuts": 21,
        "Pistachios": 26, "Almonds": 19, "Potato Chips": 7, "Powdered Milk": 15,
    },
    LITRES: {
        "Fresh Milk": 4, "Laban": 4, "Orange Juice": 7, "Mango Juice": 7, "Pomegranate Juice": 9, "Drinking Water": 1,
        "Sparkling Water": 3, "Cola": 3, "Rose Syrup": 8, "Sunflower Oil": 7, "Olive Oil": 21, "Vinegar": 4,
        "Dishwashing Liquid": 6, "Floor Cleaner": 8, "Fabric Softener": 9,
    },
    PACKS: {
        "Arabic Bread": 3, "Croissants": 8, "Eggs": 5, "Yoghurt": 6, "Kitchen Rolls": 11, "Toilet Paper": 10,
        "Facial Tissues": 9, "AA Batteries": 14, "Samosas": 9,
    },
    SMALL: {"Shampoo": 7, "Hand Wash": 5, "Shower Gel": 6, "Body Lotion": 9, "Hair Oil": 8, "Soy Sauce": 4},
}  # fmt: skip


class Article(NamedTuple):
    sku: str
    name: str
    barcode: str
    price: Decimal


def catalogue(count: int) -> list[Article]:
    """The first `count` articles; neighbours are of different kinds."""
    return [
        Article(f"9340{number:09d}", name, barcode(number), price)
        for number, (name, price) in enumerate(islice(names(), count))
    ]


def names() -> Iterator[tuple[str, Decimal]]:
    kinds = [(good, price, sizes) for sizes, goods in GOODS.items() for good, price in goods.items()]
    for (place, brand), index in product(enumerate(BRANDS), range(3)):
        for good, price, sizes in kinds:
            size, factor = sizes[index]
            yield f"{brand} {good} {size}", shelf_price(Decimal(price) * Decimal(factor), place)


def shelf_price(price: Decimal, place: int) -> Decimal:
    """Dearer brands come later; prices end in a quarter."""
    quarters = (price * (100 + 3 * place) / 25).to_integral_value()
    return max(quarters, Decimal(2)) / 4


def barcode(number: int) -> str:
    """An EAN-13 of the Emirates, with its check digit."""
    digits = f"6291{number:08d}"
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighed % 10}"
