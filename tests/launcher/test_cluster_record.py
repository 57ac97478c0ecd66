"""A data folder names its cluster: moved, copied and half lost folders are noticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from launcher import cluster_record, embedded
from launcher.cluster_record import OWNER_FILE, check, settle
from launcher.embedded import new_server_folder, server_folder
from launcher.home import Home
from launcher.running import Address, environment
from launcher.say import Problem

from tests.launcher.conftest import ROOT_ONLY

pytestmark = pytest.mark.attack


def make_cluster(folder: Path, running: bool = False) -> None:
    """Leave what shows that a cluster is there."""
    (folder / "cluster").mkdir(parents=True)
    (folder / "cluster" / "PG_VERSION").write_text("18\n")
    if running:
        (folder / "cluster" / "postmaster.pid").write_text("1\n")


def make_site(tmp_path: Path, outside: bool, name: str = "data") -> tuple[Path, Path]:
    """Return the data folder of a site that was started once, and the folder of its cluster."""
    data = Home(tmp_path / name).path
    folder = tmp_path / f"cluster of {name}" if outside else data
    assert settle(data, folder) == []
    Home(data).secret_key()
    make_cluster(folder)
    assert settle(data, folder) == []
    return data, folder


@pytest.mark.parametrize("outside", [False, True])
def test_a_site_that_stays_where_it_is_starts_without_a_word(tmp_path: Path, outside: bool) -> None:
    data, folder = make_site(tmp_path, outside)
    before = (data / cluster_record.FILE).stat().st_ino
    assert settle(data, folder) == []
    assert (data / cluster_record.FILE).stat().st_ino == before, "nothing changed: nothing written"
    assert (folder / OWNER_FILE).exists() == outside


@pytest.mark.parametrize("outside", [False, True])
def test_keys_without_their_cluster_are_refused(tmp_path: Path, outside: bool) -> None:
    data, folder = make_site(tmp_path, outside)
    shutil.rmtree(folder / "cluster")
    with pytest.raises(Problem, match=r"its database .*cluster is missing\. Nothing was started"):
        settle(data, folder)
    # a folder of a Gradus that wrote no record, or of a site with a PostgreSQL of its own
    (data / cluster_record.FILE).unlink()
    with pytest.raises(Problem, match="has the keys of a site, but no database") as problem:
        settle(data, folder)
    assert "./gradus restore FILE" in problem.value.remedy
    assert "DATABASE_URL" in problem.value.remedy
    assert not (data / cluster_record.FILE).exists()


def test_a_first_start_that_was_interrupted_is_continued(tmp_path: Path) -> None:
    data = Home(tmp_path / "data").path
    settle(data, data)
    Home(data).secret_key()  # and then initdb was killed
    assert settle(data, data) == [] and not check(data, data)[0].made


def test_a_folder_whose_cluster_lies_elsewhere_may_be_moved(tmp_path: Path) -> None:
    data, folder = make_site(tmp_path, outside=True)
    moved = data.rename(tmp_path / "moved")
    (note,) = settle(moved, tmp_path / "new cluster")
    assert note == f"{moved} was {data} before; its database stays in {folder / 'cluster'}."
    assert settle(moved, tmp_path / "new cluster") == []
    assert (folder / OWNER_FILE).read_text().strip() == str(moved)
    assert server_folder(moved) == folder


def test_a_copy_without_its_cluster_is_refused_while_the_original_is_there(tmp_path: Path) -> None:
    data, folder = make_site(tmp_path, outside=True)
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    with pytest.raises(Problem, match=f"{copy} is a copy of {data}, and the database") as problem:
        settle(copy, tmp_path / "new cluster")
    assert "./gradus backup FILE" in problem.value.remedy
    assert settle(data, folder) == [], "the original goes on"


def test_a_folder_that_comes_back_after_its_copy_went_on_is_refused(tmp_path: Path) -> None:
    data, folder = make_site(tmp_path, outside=True)
    kept = Path(shutil.copytree(data, tmp_path / "kept"))
    moved = data.rename(tmp_path / "moved")
    settle(moved, tmp_path / "new cluster")
    kept.rename(data)
    with pytest.raises(Problem, match=f"of {data} now belongs to {moved}"):
        settle(data, folder)


def test_a_whole_copy_says_that_it_is_one(tmp_path: Path) -> None:
    data, _folder = make_site(tmp_path, outside=False)
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    (note,) = settle(copy, copy)
    assert note.startswith(f"{copy} is a copy of {data}, with a database of its own")
    assert settle(copy, copy) == settle(data, data) == []


def test_a_copy_of_a_running_site_is_refused(tmp_path: Path) -> None:
    data, _folder = make_site(tmp_path, outside=False)
    (data / "cluster/postmaster.pid").write_text("1\n")
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    with pytest.raises(Problem, match="made while its database ran, and may be damaged"):
        settle(copy, copy)


@pytest.mark.parametrize("was_running", [False, True])
def test_a_whole_folder_may_be_moved(tmp_path: Path, was_running: bool) -> None:
    data, _folder = make_site(tmp_path, outside=False)
    if was_running:
        (data / "cluster/postmaster.pid").write_text("1\n")
    moved = data.rename(tmp_path / "moved")
    (note,) = settle(moved, moved)
    assert f"{moved} was {data} before; its database came with it." in note
    assert ("may be damaged" in note) == was_running
    assert settle(moved, moved) == []


@pytest.mark.parametrize("outside", [False, True])
def test_a_site_of_another_account_is_refused(tmp_path: Path, outside: bool) -> None:
    data, _folder = make_site(tmp_path, outside)
    account = "root" if outside else "an ordinary account"
    with pytest.raises(Problem, match=f"was made by {account}"):
        settle(data, data if outside else tmp_path / "elsewhere")


def test_a_new_folder_says_that_it_takes_an_old_cluster(tmp_path: Path) -> None:
    data = Home(tmp_path / "data").path
    make_cluster(tmp_path / "old")
    (note,) = settle(data, tmp_path / "old")
    assert f"{data} is new" in note and str(tmp_path / "old" / "cluster") in note


@ROOT_ONLY
def test_a_new_folder_never_takes_the_cluster_of_one_that_was_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "ROOT_FOLDER", tmp_path)
    data = Home(tmp_path / "data").path
    folder = new_server_folder(data)
    settle(data, folder)
    Home(data).secret_key()
    make_cluster(folder)
    settle(data, folder)
    moved = data.rename(tmp_path / "moved")
    settle(moved, new_server_folder(moved))

    Home(data)  # a new one, with the old name
    another = new_server_folder(data)
    assert another != folder and settle(data, another) == []
    assert server_folder(data) == another and server_folder(moved) == folder
    assert settle(moved, new_server_folder(moved)) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"folder": 1, "data": 2, "made": true}'])
def test_a_damaged_record_is_a_sentence(tmp_path: Path, text: str) -> None:
    data, folder = make_site(tmp_path, outside=False)
    (data / cluster_record.FILE).write_text(text)
    with pytest.raises(Problem, match="is damaged"):
        settle(data, folder)


def test_every_start_asks_first_and_a_refused_one_changes_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    home.secret_key()
    with pytest.raises(Problem, match="has the keys of a site, but no database"):
        environment(home, Address())
    assert {path.name for path in home.path.iterdir()} == {"secret-key"}
    assert new_server_folder(home.path) == home.path or not new_server_folder(home.path).exists()
