from __future__ import annotations

from tests.common.browsing import browser_type_launch_args, open_page, site  # noqa: F401 - fixtures
