"""Files that are no archives, bombs, and databases that want more than to be read: a reason that is
said, and nothing taken.
"""

from __future__ import annotations

import io
import json
import sqlite3
import time
import zipfile
from pathlib import Path

import pytest
import zstandard

from apps.accounts.models import User
from apps.archives import anki_collection, files, housekeeping, limits
from apps.archives.errors import BadArchive
from apps.archives.models import Import
from apps.archives.services import imports
from apps.progress.models import Card
from apps.questions.models import Question

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
SCHEMA = (
    "CREATE TABLE notes (id, guid, flds)",
    "CREATE TABLE cards (id, nid, ord, queue, ivl)",
    "CREATE TABLE revlog (id, cid, ease, ivl, factor, time, type)",
)


def database(tmp_path: Path, *statements: str) -> bytes:
    path = tmp_path / f"{time.monotonic_ns()}.sqlite"
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path.read_bytes()


def zipped(name: str, data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def reason_of(owner: User, data: bytes) -> str:
    """Return why a file is refused, once housekeep has read it; empty: it is not."""
    upload = imports.upload(owner=owner, name="a.apkg", size_bytes=len(data), chunks=[data])
    housekeeping.read_and_take_imports()
    upload.refresh_from_db()
    if upload.state == Import.State.REFUSED:
        assert list(files.stored()) == []
    imports.discard(upload=upload)
    assert not upload.reason or BadArchive.SENTENCES[upload.reason]
    return upload.reason


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x05\x06" + b"\0" * 18, b"x" * 10_000, b"\x28\xb5\x2f\xfd" * 9]
)
def test_what_is_no_archive_is_said(sam: User, data: bytes) -> None:
    assert reason_of(sam, data) in ("no-zip", "unknown")


def test_a_file_cut_off_or_changed_anywhere_is_refused_or_read(
    sam: User, concept: Question, tmp_path: Path
) -> None:
    whole = zipped("collection.anki2", database(tmp_path, *SCHEMA))
    assert reason_of(sam, whole) == ""
    for place in range(0, len(whole), max(1, len(whole) // 15)):
        assert reason_of(sam, whole[:place]) in ("no-zip", "damaged")
        flipped = bytes([*whole[:place], whole[place] ^ 0xFF, *whole[place + 1 :]])
        assert reason_of(sam, flipped) in ("", "no-zip", "damaged", "unknown", "too-many-files")
    assert not Import.objects.filter(state=Import.State.FAILED).exists()


def test_a_bomb_is_counted_while_it_is_unpacked(sam: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anki_collection, "MAX_COLLECTION_BYTES", limits.MB)
    zeros = b"\0" * (8 * limits.MB)
    assert reason_of(sam, zipped("collection.anki2", zeros)) == "too-large"
    compressed = zstandard.compress(zeros, 19)
    assert reason_of(sam, zipped("collection.anki21b", compressed, 0)) == "too-large"
    lying = bytearray(zipped("collection.anki2", zeros))
    directory = lying.rindex(b"PK\x01\x02")
    lying[directory + 24 : directory + 28] = (100).to_bytes(4, "little")  # of its size
    assert reason_of(sam, bytes(lying)) in ("too-large", "damaged")


def test_a_window_that_takes_all_memory_is_refused(sam: User) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    stream = compressor.compressobj()
    data = stream.compress(b"x" * limits.MB) + stream.flush()
    assert reason_of(sam, zipped("collection.anki21b", data, 0)) == "damaged"


def test_a_directory_of_many_files_is_not_read(sam: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.archives.zip_reading.MAX_DIRECTORY_BYTES", 10_000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for n in range(300):
            archive.writestr(f"{n}", b"")
    assert reason_of(sam, file.getvalue()) == "too-many-files"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_another_method_of_compression_is_refused(sam: User, method: int) -> None:
    assert reason_of(sam, zipped("collection.anki2", b"x" * 1000, method)) == "damaged"


def test_names_lead_nowhere(sam: User, export_root: Path, tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../evil", b"x")
        archive.writestr("/tmp/gradus-evil", b"x")
        archive.writestr("collection.anki2", database(tmp_path, *SCHEMA))
    assert reason_of(sam, file.getvalue()) == ""
    assert not (export_root.parent.parent / "evil").exists()
    assert not Path("/tmp/gradus-evil").exists()


def test_a_link_and_a_name_that_stands_twice_are_refused(sam: User, tmp_path: Path) -> None:
    file = io.BytesIO()
    info = zipfile.ZipInfo("collection.anki2")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(info, b"/etc/passwd")
    assert reason_of(sam, file.getvalue()) == "damaged"
    file = io.BytesIO()
    with pytest.warns(UserWarning), zipfile.ZipFile(file, "w") as archive:
        for _n in range(2):
            archive.writestr("gradus.json", b"{}")
    assert reason_of(sam, file.getvalue()) == "damaged"


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, 'g', 'f' FROM n"
)


@pytest.mark.parametrize(
    "statements",
    [
        (f"CREATE VIEW notes (id, guid, flds) AS {ENDLESS}", *SCHEMA[1:]),
        ("CREATE VIRTUAL TABLE notes USING fts5(id, guid, flds)", *SCHEMA[1:]),
        (*SCHEMA[:2],),
        ("CREATE TABLE notes (id, guid)", *SCHEMA[1:]),
        (
            "CREATE TABLE notes (id, guid, text, flds AS (hex(zeroblob(100000000))))",
            *SCHEMA[1:],
            "INSERT INTO notes (id, guid) VALUES (1, 'g')",
        ),
    ],
    ids=["endless view", "module", "no table", "no column", "large computed column"],
)
def test_a_database_that_wants_more_than_to_be_read_is_refused(
    sam: User, tmp_path: Path, statements: tuple[str, ...]
) -> None:
    started = time.monotonic()
    data = zipped("collection.anki2", database(tmp_path, *statements))
    assert reason_of(sam, data) == "damaged"
    assert time.monotonic() - started < 5


def test_sqlite_may_call_nothing_and_take_only_so_many_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anki_collection, "MAX_COLLECTION_STEPS", 3)
    monkeypatch.setattr(anki_collection, "STEP", 10)
    path = tmp_path / "x.sqlite"
    rows = [f"INSERT INTO notes VALUES ({n}, 'g', 'f')" for n in range(100)]
    path.write_bytes(database(tmp_path, *SCHEMA, *rows))
    file = io.BytesIO(zipped("collection.anki2", path.read_bytes()))
    with (
        zipfile.ZipFile(file) as archive,
        pytest.raises(BadArchive) as refusal,
        anki_collection.opened(archive) as collection,
    ):
        list(collection.notes())
    assert refusal.value.reason == "too-much-work"


def test_values_of_other_types_are_left_out(sam: User, concept: Question, tmp_path: Path) -> None:
    rows = [
        "INSERT INTO notes VALUES (1, 'gradus-why-relu', 'f'), (NULL, x'00', 3), ('a', 2, x'ff')",
        "INSERT INTO cards VALUES (1, 1, 0, 0, 3), ('x', NULL, 1.5, x'00', 3), "
        "(9223372036854775807, 1, 2, 0, 3)",
        "INSERT INTO revlog VALUES (1700000000000, 1, 3, 1, 2500, 1000, 0), "
        "(-5, 1, 3, 1, 1, 1, 0), (9223372036854775807, 1, 4, 1, 1, 1, 1), ('x', 1, 2, 3, 4, 5, 6), "
        "(1700000000001, 1, 3, 1, 0, 1, 3), (1700000000002, 1, 99, 1, 0, -7, 1)",
    ]
    data = zipped("collection.anki2", database(tmp_path, *SCHEMA, *rows))
    upload = imports.upload(owner=sam, name="a", size_bytes=len(data), chunks=[data])
    housekeeping.read_and_take_imports()
    imports.confirm(upload=upload)
    assert housekeeping.read_and_take_imports() == 1
    upload.refresh_from_db()
    assert upload.result == {"cards": 1, "reviews": 1}
    assert upload.plan["left_out"] == {"time": 2, "card": 1, "effect": 2, "malformed": 4}
    assert Card.objects.get().user == sam


def test_too_many_rows_are_refused(
    sam: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anki_collection, "MAX_NOTES", 2)
    rows = [f"INSERT INTO notes VALUES ({n}, 'g{n}', 'f')" for n in range(3)]
    data = zipped("collection.anki2", database(tmp_path, *SCHEMA, *rows))
    assert reason_of(sam, data) == "too-many-rows"


def test_long_fields_that_are_never_closed_take_little_time(
    sam: User, concept: Question, tmp_path: Path
) -> None:
    field = "<" * 100_000
    rows = [f"INSERT INTO notes VALUES ({n}, 'g{n}', '{field}')" for n in range(40)]
    started = time.monotonic()
    data = zipped("collection.anki2", database(tmp_path, *SCHEMA, *rows))
    assert reason_of(sam, data) == ""
    assert time.monotonic() - started < 5


HEAD = {
    "format": "gradus-archive",
    "version": 1,
    "created_at": "2026-11-01T00:00:00Z",
    "account": {"handle": "mei"},
}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "no-json"),
        (b"[" * 100_000, "no-json"),
        (b"\xff\xfe", "no-json"),
        (json.dumps({**HEAD, "format": "other"}).encode(), "no-json"),
        (json.dumps({**HEAD, "version": 2}).encode(), "newer"),
        (json.dumps({**HEAD, "reviews": 3}).encode(), "no-json"),
        (json.dumps({**HEAD, "cards": [{"question": "a\0b"}]}).encode(), ""),
        (json.dumps({**HEAD, "plan": [{"minutes": 10**30, "retention": 1}]}).encode(), ""),
    ],
)
def test_json_that_is_not_ours_is_refused(sam: User, text: bytes, reason: str) -> None:
    assert reason_of(sam, zipped("gradus.json", text)) == reason


def test_json_is_counted_while_it_is_unpacked(sam: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.archives.gradus_import.MAX_JSON_BYTES", 1000)
    assert reason_of(sam, zipped("gradus.json", b" " * 100_000)) == "too-large"


def test_no_damage_ends_in_a_fault(sam: User, tmp_path: Path) -> None:
    """Bytes of the database itself are changed: SQLite says so, or reads other values."""
    rows = [f"INSERT INTO notes VALUES ({n}, 'g{n}', '{'f' * 300}')" for n in range(60)]
    whole = database(tmp_path, *SCHEMA, *rows)
    for place in range(0, len(whole), max(1, len(whole) // 20)):
        damaged = whole[:place] + bytes(16) + whole[place + 16 :]
        assert reason_of(sam, zipped("collection.anki2", damaged)) in ("", "damaged", "no-zip")
    assert not Import.objects.filter(state=Import.State.FAILED).exists()
