"""The archive of all that is one's own, by a program: ordered, waited for, downloaded however often
the connection is cut, and checked.
"""

from __future__ import annotations

import functools
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradus_client import BadDownload, Client, ConnectionFailed, ScopeMissing
from gradus_client.archives import part_at, part_of

from apps.accounts.models import User
from apps.api.scopes import LEARNER_SCOPES
from apps.api.services import make_token
from apps.archives import files, housekeeping
from apps.archives.models import Export
from apps.progress import services as progress
from apps.questions.models import Question
from tests.client.conftest import Command
from tests.progress.conftest import make_question

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def export_root(settings: Any, tmp_path: Path) -> None:
    settings.EXPORT_ROOT = tmp_path / "exports"


@pytest.fixture(autouse=True)
def note(mei: User) -> Question:
    question = make_question("why-relu", "activation-functions")
    progress.plans.write_note(user=mei, question=question, text="mine")
    return question


class Cutting(httpx.HTTPTransport):
    """Carries requests, and cuts each answer with a file after some bytes."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after
        self.ranges: list[str | None] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if not request.url.path.endswith("/download"):
            return answer
        self.ranges.append(request.headers.get("Range"))
        body = answer.read()
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=_Cut(body, self.after)
        )


class _Cut(httpx.SyncByteStream):
    def __init__(self, body: bytes, after: int) -> None:
        self.body, self.after = body, after

    def __iter__(self) -> Iterator[bytes]:
        yield self.body[: self.after]
        if len(self.body) > self.after:
            raise httpx.ReadError("the connection was cut")


def cut(client: Client, after: int) -> Cutting:
    carrier = Cutting(after)
    client.transport.http = httpx.Client(transport=carrier, headers=client.transport.http.headers)
    return carrier


def made(client: Client) -> str:
    export = client.exports.order()
    housekeeping.make_archives()
    return export.id


def notes_of(path: Path) -> list[Any]:
    with zipfile.ZipFile(path) as archive:
        rows: list[Any] = json.loads(archive.read("gradus.json"))["notes"]
    return rows


def test_an_archive_is_waited_for_downloaded_and_readable_by_its_owner_alone(
    client_of: Callable[..., Client], tmp_path: Path
) -> None:
    client = client_of(sleep=lambda seconds: housekeeping.make_archives())
    rows: list[tuple[int, int]] = []
    got: list[tuple[int, int]] = []
    shown = client.exports.wait(client.exports.order().id, lambda *done: rows.append(done))
    assert shown.state == "done" and rows[-1] == (shown.rows_done, shown.rows_expected)
    path = client.exports.download(shown.id, tmp_path / "own.zip", lambda *done: got.append(done))
    assert notes_of(path)[0]["text"] == "mine"
    assert got[-1] == (shown.size_bytes, shown.size_bytes)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    client.exports.delete(shown.id)
    assert list(client.exports.list()) == []


def test_a_download_that_is_cut_goes_on_where_it_was(client: Client, tmp_path: Path) -> None:
    export, path = made(client), tmp_path / "own.zip"
    size = client.exports[export].size_bytes or 0
    client.transport.sleep = lambda seconds: None
    carrier = cut(client, after=size // 3)
    client.exports.download(export, path)
    assert carrier.ranges[:2] == [None, f"bytes={size // 3}-"] and len(carrier.ranges) >= 3
    assert notes_of(path) and not list(tmp_path.glob(".*.part"))


def test_a_site_that_stays_away_leaves_what_came_for_another_program(
    client_of: Callable[..., Client], tmp_path: Path
) -> None:
    client, path = client_of(patience=0), tmp_path / "own.zip"
    export = made(client)
    size = client.exports[export].size_bytes or 0
    cut(client, after=size // 2)
    with pytest.raises(ConnectionFailed):
        client.exports.download(export, path)
    assert not path.exists() and part_at(path) == export
    another = client_of()
    carrier = cut(another, after=size)
    another.exports.download(export, path)
    assert carrier.ranges == [f"bytes={size // 2}-"] and notes_of(path)


def test_an_archive_that_is_damaged_is_not_kept(client: Client, tmp_path: Path) -> None:
    export, path = made(client), tmp_path / "own.zip"
    stored = files.path_of(Export.objects.get().file_name)
    body = bytearray(stored.read_bytes())
    body[200] ^= 0xFF
    stored.write_bytes(body)
    with pytest.raises(BadDownload):
        client.exports.download(export, path)
    assert not path.exists() and not part_of(path, export).exists()


def test_the_command_has_one_made_and_goes_on_with_one_whose_download_was_cut(
    gradus: Command, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "own.zip"
    patient = functools.partial(Client, sleep=lambda seconds: housekeeping.make_archives())
    monkeypatch.setattr("gradus_client.commands.Client", patient)
    assert str(path) in gradus("export", str(path)) and notes_of(path)
    (export,) = client.exports.list()
    body = path.read_bytes()
    part_of(path, export.id).write_bytes(body[:100])
    path.unlink()
    gradus("export", str(path))
    assert path.read_bytes() == body and Export.objects.count() == 1
    gradus("export", str(path))
    assert Export.objects.count() == 2, "what was whole is made anew"


def test_no_archive_is_made_for_a_folder_that_is_not_there(gradus: Command, tmp_path: Path) -> None:
    assert "There is no folder" in gradus("export", str(tmp_path / "none" / "a.zip"), status=1)
    assert not Export.objects.exists()


def test_a_learners_token_is_told_how_to_sign_in_for_an_archive(
    gradus: Command,
    client_of: Callable[..., Client],
    mei: User,
    site: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = make_token(user=mei, name="narrow", scopes=LEARNER_SCOPES, days=1)[1]
    with pytest.raises(ScopeMissing):
        Client(site, token).exports.order()
    monkeypatch.setattr("sys.stdin.line", token + "\n")
    gradus("login", site, "--token")
    words = gradus("export", str(tmp_path / "own.zip"), status=1)
    assert "gradus login --scopes read,study,run,post,account" in words
