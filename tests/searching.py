"""How many examples property tests try: the gate the same few each time, `./gradus test --all` many
new ones.
"""

from __future__ import annotations

import os

SEARCH = "GRADUS_SEARCH" in os.environ


def examples(count: int) -> int:
    """Return how many examples to try where the gate tries `count`."""
    return 20 * count if SEARCH else count
