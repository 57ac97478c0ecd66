"""How many file descriptors a web process may have; each connection needs one."""

from __future__ import annotations

import resource

MAX_FILES = 10_240  # more than anybody needs, and what macOS permits


def file_limit() -> int:
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_FILES if soft == resource.RLIM_INFINITY else min(soft, MAX_FILES)


def raise_file_limit() -> None:
    """Allow as many as the system permits: usually 1,024 are allowed, and more permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
