"""A pytest plugin for tests in several processes (`-n 2`, pytest-xdist): who runs which.

A process takes one file after the other, in the order of collection, so that the fixtures of a
module are made once, and browser tests stay last. Files that share a system of processes go
together, so that it is started once.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

SYSTEMS = "tests/e2e/"  # all of them come last
# Files that use the same fixture of the session, by the first of them.
TOGETHER = {
    "tests/e2e/test_client.py": "tests/e2e/test_loop.py",
    "tests/e2e/test_without_scripts.py": "tests/e2e/test_loop.py",
    "tests/e2e/test_question_figures.py": "tests/e2e/test_loop.py",
    "tests/e2e/test_zoom_and_paper.py": "tests/e2e/test_page_faults.py",
}


def unit_of(test: str) -> str:
    """Return the name of those that run in one process with a test, one after the other."""
    file, _, name = test.partition("::")
    if file.startswith(SYSTEMS):
        return TOGETHER.get(file, file)
    return f"{file} in a browser" if needs_browser(name) else file


def needs_browser(name: str) -> bool:
    """Return whether a test uses a browser: pytest-playwright names it in brackets."""
    return "chromium" in name.partition("[")[2]


class FileByFile(LoadScopeScheduling):
    """Gives each process whole files, in the order of collection; tests in a browser for
    themselves, since they come last.
    """

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileByFile:
    config.option.loadscopereorder = False
    return FileByFile(config, log)
