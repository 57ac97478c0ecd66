"""New files: all or none, and never over one that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.common.new_files import AlreadyThere, write_new


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    write_new({tmp_path / "a/b/one": "1\n", tmp_path / "a/two": "二\n"})
    assert (tmp_path / "a/b/one").read_text() == "1\n"
    assert (tmp_path / "a/two").read_bytes() == "二\n".encode()


def test_nothing_is_written_where_one_exists(tmp_path: Path) -> None:
    (tmp_path / "two").write_text("mine")
    with pytest.raises(AlreadyThere, match="two is there already; nothing was written"):
        write_new({tmp_path / "a/one": "1", tmp_path / "two": "2"})
    assert (tmp_path / "two").read_text() == "mine" and not (tmp_path / "a").exists()


def test_nothing_stays_where_one_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match="file"):
        write_new({tmp_path / "a/b/one": "1", tmp_path / "file/two": "2"})
    with pytest.raises(UnicodeEncodeError):
        write_new({tmp_path / "a/one": "1", tmp_path / "a/two": "\ud800"})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_appears_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = tmp_path / "two"
    two.write_text("theirs")
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path != two and exists(path))
    with pytest.raises(AlreadyThere, match="two is there already"):
        write_new({tmp_path / "one": "1", two: "2"})
    assert two.read_text() == "theirs" and not exists(tmp_path / "one")
