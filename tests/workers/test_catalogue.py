"""What a worker reports that it can run."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest

from workers import catalogue
from workers.labs import SLUGS


def test_hashes_are_those_of_the_files() -> None:
    hashes = catalogue.lab_hashes()
    assert set(hashes) == set(SLUGS)
    lab = Path("workers/labs/dead_relu.py").read_bytes()
    assert hashes["dead-relu"] == hashlib.sha256(lab).hexdigest()
    engine = b"".join(path.read_bytes() for path in sorted(Path("workers/engine").glob("*.py")))
    assert catalogue.engine_hash() == hashlib.sha256(engine).hexdigest()


def test_versions_are_those_installed() -> None:
    versions = catalogue.versions()
    assert versions["torch"] == version("torch")
    assert set(versions) == {"python", "torch", "numpy", "scipy", "scikit-learn"}


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_labs_here"):
        catalogue.lab_hashes("no_labs_here")
