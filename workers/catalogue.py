"""What this worker can run: hashes of the labs' code and versions of libraries.

Found without importing any of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from workers.code_hash import code_hash

log = logging.getLogger(__name__)
LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn")
ENGINE = Path(__file__).parent / "engine"


def code_hashes(package: str = "workers.labs") -> dict[str, str]:
    """Return the hash of each lab's code by slug, see `workers.code_hash`.

    A lab is a .toml with a .py beside it; the files have _ where the slug has -. One that is no
    Python is left out.

    Raises:
        ModuleNotFoundError: there is no such package.
    """
    sources = [path.with_suffix(".py") for path in sorted(_folder(package).glob("*.toml"))]
    hashes = {path.stem.replace("_", "-"): _hash(path) for path in sources if path.exists()}
    return {slug: name for slug, name in hashes.items() if name}


def code(package: str) -> str:
    """Return one hash of all code of ours that computes results in a lab process: it has to be
    started anew where this changes.

    That is the labs and every module of the engine, whether or not `engine.VERSION` was raised.
    """
    hashes = (
        sorted(code_hashes(package).items()),
        [_hash(path) for path in sorted(ENGINE.glob("*.py"))],
    )
    return hashlib.sha256(repr(hashes).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that labs compute with."""
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            versions[library] = version(library)
    return versions


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"there is no package of labs named {package!r}")
    return Path(next(iter(spec.submodule_search_locations)))


def _hash(path: Path) -> str:
    """Return the hash of a file of code; an empty text if it is no Python."""
    status = path.stat()
    return _hash_once(path, status.st_mtime_ns, status.st_size)


# Workers look every two seconds, and writing a tree out takes 30 ms.
@lru_cache(maxsize=1024)
def _hash_once(path: Path, mtime_ns: int, size: int) -> str:
    try:
        return code_hash(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        log.error("%s is no Python: %s", path, error)
        return ""
