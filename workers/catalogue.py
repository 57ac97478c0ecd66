"""What this machine can run, told without importing any of it: hashes of code and versions of
libraries.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn")
ENGINE = Path(__file__).parent / "engine"


def lab_hashes(package: str = "workers.labs") -> dict[str, str]:
    """Return the SHA-256 of each lab's .py by slug: a lab is a .toml with a .py beside it, named
    with _ for -.

    Raises:
        ModuleNotFoundError: there is no such package.
    """
    words = sorted(_folder(package).glob("*.toml"))
    return {
        path.stem.replace("_", "-"): _sha256([path.with_suffix(".py")])
        for path in words
        if path.with_suffix(".py").exists()
    }


def engine_hash() -> str:
    """Return the SHA-256 over all modules of the engine, in the order of their names."""
    return _sha256(sorted(ENGINE.glob("*.py")))


def code(package: str) -> str:
    """Return one hash over everything that a lab process imports of ours."""
    return hashlib.sha256(
        repr((sorted(lab_hashes(package).items()), engine_hash())).encode()
    ).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of what a lab computes with; a library that is not installed is left
    out.
    """
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"there is no package of labs named {package!r}")
    return Path(next(iter(spec.submodule_search_locations)))


def _sha256(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
