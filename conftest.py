"""What holds for every test: what is drawn by chance is drawn alike each time, whatever ran before,
however slow the machine is.
"""

from __future__ import annotations

import os
import random
import sys

import pytest
from django.utils import translation
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine, not of the property. The gate asks of a
# commit the same examples each time; `./gradus test --all` looks for new ones.
SEARCH = "GRADUS_SEARCH" in os.environ
settings.register_profile(
    "gradus", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not SEARCH
)
settings.load_profile("gradus")


@pytest.fixture(autouse=True)
def as_if_it_were_the_first() -> None:
    """Begin in English, and with the same random numbers: a test before may have left another
    language, or drawn.
    """
    translation.activate("en")
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
