from __future__ import annotations

import pytest
from django.utils import translation

from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures


@pytest.fixture(autouse=True)
def in_english() -> None:
    translation.activate("en")  # a request before may have left another language behind
