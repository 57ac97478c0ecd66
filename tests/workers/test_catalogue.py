"""What a worker reports that it can run."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from workers import catalogue
from workers.code_hash import code_hash
from workers.labs import SLUGS


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a package with one lab, some_labs.a-lab."""
    folder = tmp_path / "some_labs"
    folder.mkdir()
    for name in ("__init__.py", "a_lab.py", "a_lab.toml", "no_lab.py"):
        (folder / name).write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalogue, "ENGINE", folder / "engine")
    (folder / "engine").mkdir()
    (folder / "engine" / "a.py").write_text("y = 1\n")
    return folder


def test_hashes_are_those_of_the_files() -> None:
    hashes = catalogue.code_hashes()
    assert set(hashes) == set(SLUGS)
    source = Path("workers/labs/dead_relu.py").read_text(encoding="utf-8")
    assert hashes["dead-relu"] == code_hash(source)


def test_a_changed_lab_has_another_hash_at_once(package: Path) -> None:
    before = catalogue.code_hashes("some_labs")
    assert before == {"a-lab": code_hash("x = 1")}
    code, lab = catalogue.code("some_labs"), package / "a_lab.py"
    lab.write_text("x = 1  # a comment\n")
    assert (catalogue.code_hashes("some_labs"), catalogue.code("some_labs")) == (before, code)
    lab.write_text("x = 23\n")
    assert catalogue.code_hashes("some_labs") == {"a-lab": code_hash("x = 23")}
    assert catalogue.code("some_labs") != code


def test_a_changed_engine_is_other_code_whatever_its_version(package: Path) -> None:
    hashes, code = catalogue.code_hashes("some_labs"), catalogue.code("some_labs")
    (package / "engine" / "a.py").write_text("y = 23\n")
    assert catalogue.code_hashes("some_labs") == hashes
    assert catalogue.code("some_labs") != code


def test_a_file_that_has_not_changed_is_not_read_again(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[str]()
    monkeypatch.setattr(catalogue, "code_hash", lambda source: read.append(source) or "hash")
    for _ in range(3):
        assert catalogue.code_hashes("some_labs") == {"a-lab": "hash"}
    assert len(read) == 1


def test_a_lab_that_is_no_python_is_left_out_and_comes_back(package: Path) -> None:
    lab = package / "a_lab.py"
    lab.write_bytes(b"x = \xff\n")
    assert catalogue.code_hashes("some_labs") == {}
    lab.write_text("def (\n")
    broken = catalogue.code("some_labs")
    assert catalogue.code_hashes("some_labs") == {}
    lab.write_text("x = 1234\n")
    assert set(catalogue.code_hashes("some_labs")) == {"a-lab"}
    assert catalogue.code("some_labs") != broken


def test_versions_are_those_installed() -> None:
    versions = catalogue.versions()
    assert versions["torch"] == version("torch")
    assert set(versions) == {"python", "torch", "numpy", "scipy", "scikit-learn"}


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_labs_here"):
        catalogue.code_hashes("no_labs_here")
