"""The labs: one module and one file of words each. Importing this package imports none of them, and
not torch.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

SLUGS = tuple(sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("*.toml")))


def load(slug: str) -> ModuleType:
    """Return a lab's module, which registers the rules of its claims when it is first imported.

    Raises:
        ValueError: there is no such lab.
    """
    if slug not in SLUGS:
        raise ValueError(f"there is no lab {slug!r}; there are {', '.join(SLUGS)}")
    return import_module(f"{__name__}.{slug.replace('-', '_')}")
