"""The lab of chaos, in a package of the same shape as `workers.labs`."""

from importlib import import_module
from types import ModuleType

SLUGS = ("waiting",)


def load(slug: str) -> ModuleType:
    return import_module(f"{__name__}.{slug}")
