"""Mei has cards, runs and posts; Sam is a stranger. Archives are written into a folder of the
test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures
from tests.progress.conftest import (  # noqa: F401 - fixtures
    concept,
    mei,
    member,
    mixed,
    numeric,
    sam,
    site_clock,
)


@pytest.fixture(autouse=True)
def export_root(settings: Any, tmp_path: Path) -> Path:
    settings.EXPORT_ROOT = tmp_path / "exports"
    return settings.EXPORT_ROOT
