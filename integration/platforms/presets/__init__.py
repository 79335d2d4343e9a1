"""Contracts of known shops: one module for each, found by its name (`pasons_bulk.py` is `pasons-bulk`)."""

import importlib
import pkgutil

from integration.platforms.contract import Contract

PRESETS: dict[str, Contract] = {
    module.name.replace("_", "-"): importlib.import_module(f"{__name__}.{module.name}").CONTRACT
    for module in pkgutil.iter_modules(__path__)
}
