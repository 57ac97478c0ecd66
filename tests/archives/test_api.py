"""Own data by the API: an archive is ordered, watched and downloaded, and comes in again after a
dry run.
"""

from __future__ import annotations

import io
import json
from typing import Any
from zipfile import ZipFile

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from apps.accounts.models import User
from apps.api.scopes import LEARNER_SCOPES, Scope
from apps.archives import housekeeping
from apps.archives.models import Export, Import
from apps.audit.models import AuditEvent
from apps.progress import services as progress
from apps.progress.models import Note
from apps.questions.models import Question
from tests.api.conftest import Program, new_key
from tests.common.reauthenticating import enter_password

pytestmark = pytest.mark.django_db
ZIP = "application/zip"


@pytest.fixture
def program(mei: User) -> Program:
    return Program(mei)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def sent(program: Program, body: bytes, query: str = "", kind: str = ZIP) -> Any:
    url, headers = f"/api/v1/imports{query}", program.headers
    return program.client.generic("POST", url, body, headers=headers, CONTENT_TYPE=kind)


def downloaded(answer: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([chunk async for chunk in answer.streaming_content])

    return async_to_sync(read)()


def test_an_archive_is_ordered_downloaded_and_taken_by_another_account(
    program: Program, mei: User, sam: User, concept: Question
) -> None:
    progress.plans.write_note(user=mei, question=concept, text="mine")
    key = new_key()
    export = program.post("exports", Idempotency_Key=key).json()
    assert program.post("exports", Idempotency_Key=key).json() == export
    assert code(program.post("exports")) == (409, "archive-underway")
    path = f"exports/{export['id']}"
    assert code(program.post(f"{path}/download")) == (410, "archive-gone"), "it is not ready"
    housekeeping.make_archives()
    shown = program.get(path).json()
    assert shown["state"] == "done" and shown["rows_done"] == shown["rows_expected"] > 0
    answer = program.post(f"{path}/download")
    body = downloaded(answer)
    assert answer["Content-Type"] == ZIP and len(body) == shown["size_bytes"]
    assert json.loads(ZipFile(io.BytesIO(body)).read("gradus.json"))["notes"][0]["text"] == "mine"
    assert AuditEvent.objects.filter(kind="archive-downloaded", person=mei.pk).count() == 1

    other = Program(sam, Scope.READ, Scope.STUDY)
    assert code(other.get(path)) == (403, "scope-missing")
    upload = sent(other, body, "?name=gradus.zip").json()
    assert (upload["state"], upload["file_name"]) == ("uploaded", "gradus.zip")
    assert code(sent(other, body)) == (409, "import-underway")
    housekeeping.read_and_take_imports()
    waiting = other.get(f"imports/{upload['id']}").json()
    assert waiting["state"] == "ready" and waiting["dry_run"]["takes"]["note_count"] == 1
    assert not Note.objects.filter(user=sam).exists(), "nothing is taken before it is confirmed"
    assert other.post(f"imports/{upload['id']}/confirm").json()["state"] == "confirmed"
    housekeeping.read_and_take_imports()
    (row,) = other.get("imports").json()["results"]
    assert row["result"]["note_count"] == 1 and row["dry_run"] is None
    assert Note.objects.get(user=sam).text == "mine"
    assert program.delete(path).status_code == 204
    assert program.get("exports").json()["results"] == []


def test_what_is_no_archive_is_refused_in_words_and_discarded(program: Program) -> None:
    upload = sent(program, b"no archive", kind="application/octet-stream").json()
    housekeeping.read_and_take_imports()
    shown = program.get(f"imports/{upload['id']}").json()
    assert shown["state"] == "refused" and ".apkg" in shown["reason"]
    assert code(program.post(f"imports/{upload['id']}/confirm")) == (409, "import-over")
    waiting = sent(program, b"another").json()
    assert program.delete(f"imports/{waiting['id']}").status_code == 204
    assert Import.objects.get(key=waiting["id"]).state == "discarded"


def test_a_body_that_is_no_file_is_refused_and_nothing_is_stored(program: Program) -> None:
    assert code(sent(program, b"{}", kind="application/json")) == (415, "unsupported-media-type")
    assert code(sent(program, b"--x", kind="multipart/form-data; boundary=x"))[0] == 415
    assert code(sent(program, b"")) == (400, "bad-request")
    assert code(sent(program, b"x", "?nmae=x")) == (400, "bad-request")
    assert not Import.objects.exists()


def test_a_stranger_finds_nothing_and_a_learners_token_has_no_archive(
    program: Program, mei: User, sam: User
) -> None:
    export, stranger = program.post("exports").json()["id"], Program(sam)
    upload = sent(program, b"mine").json()["id"]
    for method, path in (
        ("get", f"exports/{export}"),
        ("delete", f"exports/{export}"),
        ("post", f"exports/{export}/download"),
        ("get", f"imports/{upload}"),
        ("delete", f"imports/{upload}"),
        ("post", f"imports/{upload}/confirm"),
        ("get", "exports/%00"),
        ("get", "imports/%00"),
    ):
        assert code(stranger.send(method, path)) == (404, "not-found"), path
    learner = Program(mei, *LEARNER_SCOPES)
    assert code(learner.post("exports")) == (403, "scope-missing")
    assert code(learner.post(f"exports/{export}/download")) == (403, "scope-missing")
    assert Export.objects.get().state == "queued" and Import.objects.get().state == "uploaded"


def test_by_session_a_download_takes_the_password(mei: User) -> None:
    browser = Client()
    browser.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    export = browser.post("/api/v1/exports", {}, content_type="application/json").json()["id"]
    housekeeping.make_archives()
    path = f"/api/v1/exports/{export}/download"
    assert code(browser.post(path)) == (403, "password-needed")
    enter_password(browser, mei)
    assert downloaded(browser.post(path)).startswith(b"PK")
