"""What this worker can run: hashes of the labs' code and versions of libraries.

Found without importing any of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn")
ENGINE = Path(__file__).parent / "engine"


def lab_hashes(package: str = "workers.labs") -> dict[str, str]:
    """Return the SHA-256 of each lab's .py by slug.

    A lab is a .toml with a .py beside it; the files have _ where the slug has -.

    Raises:
        ModuleNotFoundError: there is no such package.
    """
    sources = [path.with_suffix(".py") for path in sorted(_folder(package).glob("*.toml"))]
    return {path.stem.replace("_", "-"): _sha256([path]) for path in sources if path.exists()}


def engine_hash() -> str:
    """Return the SHA-256 of all modules of the engine, joined in the order of their names."""
    return _sha256(sorted(ENGINE.glob("*.py")))


def code(package: str) -> str:
    """Return one hash of all code of ours that computes results in a lab process."""
    hashes = sorted(lab_hashes(package).items()), engine_hash()
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


def _sha256(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
