"""An archive is ordered, made in the background, downloaded by its owner alone, and deleted."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.archives import archive_file, contents, files, housekeeping
from apps.archives.errors import ArchiveUnderway, TooManyArchives
from apps.archives.limits import MAX_EXPORT_ATTEMPTS, MAX_EXPORTS_A_DAY
from apps.archives.models import Export
from apps.archives.services import exports
from apps.audit.models import AuditEvent
from apps.common.clock import Clock
from apps.discussions import picture_files
from apps.experiments.management.commands.housekeep import jobs_named
from apps.experiments.services import PredictionInput
from apps.progress import services as progress
from apps.questions.models import Question
from tests.common.reauthenticating import enter_password
from tests.discussions.picturing import encoded, gradient, media, stored  # noqa: F401 - a fixture
from tests.experiments.pages_cast import loaded, measured, queued

pytestmark = pytest.mark.django_db
State = Export.State


def made(owner: User) -> Export:
    export = exports.order(owner=owner)
    housekeeping.make_archives()
    export.refresh_from_db()
    assert export.state == State.DONE
    return export


def opened(export: Export) -> ZipFile:
    return ZipFile(files.path_of(export.file_name))


def data_in(export: Export) -> dict[str, Any]:
    with opened(export) as archive:
        data: dict[str, Any] = json.loads(archive.read("gradus.json"))
        return data


def test_housekeep_makes_what_was_ordered(mei: User, concept: Question, export_root: Path) -> None:
    progress.plans.write_note(user=mei, question=concept, text="My own words. 我的笔记。")
    progress.reviews.add_card(user=mei, question=concept)
    export = exports.order(owner=mei)
    assert housekeeping.make_archives in jobs_named("LONG_JOBS")
    assert housekeeping.make_archives() == 1
    export.refresh_from_db()
    assert (export.state, export.done) == (State.DONE, export.of)
    assert export.size_bytes == files.path_of(export.file_name).stat().st_size
    with opened(export) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["README.txt", "gradus.json", "gradus.apkg"]
        assert "mei 的数据" in archive.read("README.txt").decode()
    data = data_in(export)
    assert data["format"] == "gradus-archive" and data["version"] == 1
    assert data["account"]["email"] == mei.email
    assert data["notes"][0]["question"] == "why-relu"
    assert data["notes"][0]["text"] == "My own words. 我的笔记。"
    assert [card["question"] for card in data["cards"]] == ["why-relu"]
    assert {section.name for section in contents.SECTIONS} < data.keys()
    assert [path.name for path in export_root.iterdir()] == [export.file_name]
    assert export_root.stat().st_mode & 0o077 == 0
    assert files.path_of(export.file_name).stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("woken_queues")
def test_an_archive_gives_no_verdict_away(mei: User) -> None:
    lab = loaded()
    run = measured(queued(mei, lab))
    [row] = data_in(made(mei))["runs"]
    assert row["is_folded"] and not {"verdicts", "summary", "points"} & row.keys()
    predicted = queued(mei, lab, "p", prediction=PredictionInput("holds", 80, {}))
    export = made(mei)
    rows = {row["id"]: row for row in data_in(export)["runs"]}
    assert rows[str(run.pk)]["verdicts"][0]["outcome"] == "holds"
    assert rows[str(predicted.pk)]["prediction"]["confidence"] == 80
    with opened(export) as archive:
        table = list(csv.reader(io.StringIO(archive.read(f"runs/{run.pk}.csv").decode())))
    assert table[0] == ["arm", "series", "step", "mean", "low", "high"]
    assert len(table) == 6


def test_there_is_one_at_a_time_and_three_within_a_day(mei: User, sam: User) -> None:
    exports.order(owner=mei)
    with pytest.raises(ArchiveUnderway):
        exports.order(owner=mei)
    exports.order(owner=sam)  # everybody has their own
    assert housekeeping.make_archives() == 2
    for _n in range(MAX_EXPORTS_A_DAY - 1):
        exports.delete(export=made(mei))  # what was deleted counts
    with pytest.raises(TooManyArchives) as refusal:
        exports.order(owner=mei)
    assert 0 < (refusal.value.seconds or 0) <= 24 * 3600
    Export.objects.filter(owner=mei).update(created_at=Clock() - timedelta(days=1, seconds=1))
    exports.order(owner=mei)


class Died(BaseException):
    """The process ended: nothing that it would do afterwards is done."""


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that has the process end after so many more rows."""
    step = exports._Progress.step

    def dying(after: int) -> None:
        left = iter(range(after))

        def step_or_die(progress: exports._Progress) -> None:
            if next(left, None) is None:
                raise Died
            step(progress)

        monkeypatch.setattr(exports._Progress, "step", step_or_die)

    return dying


def test_another_process_begins_again_when_the_first_is_gone(
    mei: User, dying: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exports.order(owner=mei)
    with monkeypatch.context():
        dying(0)
        with pytest.raises(Died):
            housekeeping.make_archives()
    monkeypatch.undo()
    assert exports.lease() is None  # its lease has not run out
    Export.objects.update(next_attempt_at=Clock())
    assert housekeeping.make_archives() == 1
    export.refresh_from_db()
    assert (export.state, export.attempts) == (State.DONE, 2)


def test_an_attempt_that_was_given_up_stops_and_leaves_the_other_s_file(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports.order(owner=mei)
    late = exports.lease()
    assert late is not None
    Export.objects.update(next_attempt_at=Clock())
    assert housekeeping.make_archives() == 1
    before = files.path_of(late.file_name).read_bytes()
    assert not exports.make(export=late)
    assert files.path_of(late.file_name).read_bytes() == before
    assert Export.objects.get().state == State.DONE


def test_cancelling_stops_the_making(mei: User, monkeypatch: pytest.MonkeyPatch) -> None:
    export = exports.order(owner=mei)

    def cancel_first(path: Path, user: User, on_step: Any) -> None:
        exports.delete(export=export)
        write(path, user, on_step)

    write = archive_file.write
    monkeypatch.setattr(archive_file, "write", cancel_first)
    assert housekeeping.make_archives() == 0
    assert Export.objects.get().state == State.DELETED
    assert list(files.stored()) == []


def test_what_fails_each_time_has_failed_and_does_not_count(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise OSError("no space is left")

    export = exports.order(owner=mei)
    with monkeypatch.context() as patch:
        patch.setattr(archive_file, "write", fail)
        for _n in range(MAX_EXPORT_ATTEMPTS):
            Export.objects.filter(ended_at=None).update(next_attempt_at=Clock())
            assert housekeeping.make_archives() == 0
    export.refresh_from_db()
    assert (export.state, export.attempts) == (State.FAILED, MAX_EXPORT_ATTEMPTS)
    assert "no space" in export.error and list(files.stored()) == []
    for _n in range(MAX_EXPORTS_A_DAY):
        made(mei)


def test_its_time_is_over_after_a_week(mei: User) -> None:
    export = made(mei)
    assert housekeeping.delete_old_archives() == 0
    Export.objects.update(expires_at=Clock())
    assert housekeeping.delete_old_archives() == 1
    assert not files.path_of(export.file_name).exists()
    Export.objects.update(ended_at=Clock() - timedelta(days=8))
    housekeeping.delete_old_archives()
    assert not Export.objects.exists()


def test_no_file_stays_of_who_was_deleted(mei: User, export_root: Path) -> None:
    made(mei)
    (export_root / ".x.zip.1.new").touch()  # of a process that ended
    accounts.delete_user(user=mei)
    housekeeping.delete_strays()
    assert len(list(files.stored())) == 2  # they may be written just now
    long_ago = time.time() - 2 * housekeeping.STRAY_SECONDS
    for path in files.stored():
        os.utime(path, (long_ago, long_ago))
    assert housekeeping.delete_strays() == 2


def test_no_file_stays_of_an_archive_that_was_deleted_as_it_became_ready(
    mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exports.order(owner=mei)
    sync = os.fsync

    def delete_first(file: int) -> None:
        sync(file)
        if Export.objects.filter(state=State.RUNNING).exists():
            exports.delete(export=export)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", delete_first)  # before the file takes its name
        assert housekeeping.make_archives() == 0
    assert Export.objects.get().state == State.DELETED
    assert list(files.stored()) == []


def test_a_stray_file_goes_though_its_row_still_counts(mei: User) -> None:
    export = made(mei)
    Export.objects.update(state=State.DELETED, expires_at=None)  # and then the process ended
    long_ago = time.time() - 2 * housekeeping.STRAY_SECONDS
    os.utime(files.path_of(export.file_name), (long_ago, long_ago))
    assert housekeeping.delete_strays() == 1
    assert list(files.stored()) == [] and Export.objects.filter(pk=export.pk).exists()


# ---------------------------------------------------------------- pages


@pytest.fixture
def signed_in(mei: User) -> Client:
    client = Client()
    enter_password(client, mei)
    return client


def test_the_page_orders_shows_progress_and_downloads(signed_in: Client, mei: User) -> None:
    page = signed_in.get("/settings/data").content.decode()
    assert "You have no archive yet." in page and "hx-get" not in page
    assert signed_in.post("/settings/data/make").headers["Location"] == "/settings/data"
    export = Export.objects.get()
    Export.objects.update(done=3, of=9)
    page = signed_in.get("/settings/data").content.decode()
    assert '<progress max="9" value="3"' in page and 'data-hx-trigger="every 2s"' in page
    assert '<meta http-equiv="refresh"' in page  # without a script
    Export.objects.update(done=0, of=0)
    housekeeping.make_archives()
    fragment = signed_in.get("/settings/data", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment and "hx-get" not in fragment and "Download" in fragment
    response = signed_in.post(f"/settings/data/{export.key}/download")
    export.refresh_from_db()
    assert response["Content-Disposition"] == f'attachment; filename="{export.download_name}"'
    assert response["Cache-Control"] == "private, no-store"
    with pytest.warns(Warning, match="asynchronous"):  # this client is synchronous
        body = b"".join(response)  # type: ignore[arg-type]
    assert ZipFile(io.BytesIO(body)).testzip() is None
    assert len(body) == int(response["Content-Length"])
    kinds = AuditEvent.objects.filter(person=mei).order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["archive-ordered", "archive-downloaded"]


def test_it_takes_the_password_again(mei: User) -> None:
    export = made(mei)
    mei.set_password("graph paper and pencils")
    mei.save()
    client = Client()
    client.force_login(mei, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post(f"/settings/data/{export.key}/download")
    assert response.headers["Location"].startswith("/accounts/reauthenticate/")
    assert not AuditEvent.objects.filter(kind="archive-downloaded").exists()


@pytest.mark.attack
@pytest.mark.parametrize("action", ["download", "delete"])
def test_nobody_else_s_archive_is_sent_or_deleted(mei: User, sam: User, action: str) -> None:
    export = made(mei)
    client = Client()
    enter_password(client, sam)
    assert client.post(f"/settings/data/{export.key}/{action}").status_code == 404
    assert "/accounts/login/" in Client().post(f"/settings/data/{export.key}/{action}")["Location"]
    assert files.path_of(export.file_name).is_file()


def test_what_was_deleted_is_gone(signed_in: Client, mei: User) -> None:
    export = made(mei)
    signed_in.post(f"/settings/data/{export.key}/delete")
    assert not files.path_of(export.file_name).exists()
    assert signed_in.post(f"/settings/data/{export.key}/delete").status_code == 302  # again
    assert signed_in.post(f"/settings/data/{export.key}/download").status_code == 410
    assert "You have no archive yet." in signed_in.get("/settings/data").content.decode()


# ---------------------------------------------------------------- pictures


def test_pictures_that_one_uploaded_are_in_it_and_those_of_others_are_not(
    mei: User, sam: User
) -> None:
    picture = stored(mei)
    stored(sam, encoded(gradient(20, 20)))
    export = made(mei)
    with opened(export) as archive, picture_files.open_file(picture) as file:
        pictures = [name for name in archive.namelist() if name.startswith("pictures/")]
        assert pictures == [f"pictures/{picture.pk}.{picture.format}"]
        assert archive.read(pictures[0]) == file.read()
    assert export.done == export.of


def test_a_picture_whose_file_is_gone_stops_no_archive(mei: User) -> None:
    picture_files.delete(stored(mei))
    with opened(made(mei)) as archive:
        assert not [name for name in archive.namelist() if name.startswith("pictures/")]
