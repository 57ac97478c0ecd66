"""A pytest plugin for tests in several processes (`-n 2`, pytest-xdist): who runs which.

A process takes one file after the other, in the order of collection, so that the fixtures of a
module are made once and browser tests stay last. Files that share a system of processes go
together, so that it is started once.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Files that use the same fixture of the session, by the first of them.
TOGETHER = {
    "tests/e2e/test_without_scripts.py": "tests/e2e/test_loop.py",
    "tests/e2e/test_question_figures.py": "tests/e2e/test_loop.py",
}


class FileByFile(LoadScopeScheduling):
    """Gives each process whole files, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return TOGETHER.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileByFile:
    config.option.loadscopereorder = False
    return FileByFile(config, log)
