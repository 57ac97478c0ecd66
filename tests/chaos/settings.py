"""The settings of chaos's site: the product's, with the lab of `labs/`; and, if GRADUS_MUTANT names
one, without a rule of the protocol (`mutants.py`).
"""

import os
from pathlib import Path

from gradus.settings import *  # noqa: F403

LABS_FOLDER = Path(__file__).parent / "labs"
if os.environ.get("GRADUS_MUTANT"):
    INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.mutants.Mutants"]  # noqa: F405
