from __future__ import annotations

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def in_english() -> None:
    translation.activate("en")  # a request before may have left another language behind
