"""Labs and recorded runs from files: once or twice, the same; a file that cannot be used leaves
everything as it was.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.models import F

from apps.accounts.models import PROJECT_HANDLE, User
from apps.experiments import lab_config, recording, selectors, services
from apps.experiments.loading import BadFile, evidence_of, load_evidence, load_labs
from apps.experiments.models import Batch, Claim, Lab, LabVersion, LabWords, OpenedVerdict, Run
from apps.experiments.selectors import Reader
from tests.connections import elsewhere
from tests.experiments.conftest import LABS, event, finish, report
from tests.experiments.pages_cast import page_of, queued
from workers import wire

pytestmark = [pytest.mark.django_db, pytest.mark.services]


@pytest.fixture
def ours(db: None) -> User:
    return User.objects.filter(handle=PROJECT_HANDLE).first() or User.objects.create_user(
        "gradus@example.org", PROJECT_HANDLE
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in settings.LABS_FOLDER.glob("dead_relu.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_loading_twice_changes_nothing(folder: Path) -> None:
    assert len(load_labs(folder)) == 1
    assert load_labs(folder) == []
    assert Lab.objects.get().current.words["claims"]


def test_new_code_is_a_new_version_and_the_old_one_stays(folder: Path) -> None:
    load_labs(folder)
    first = Lab.objects.get().current
    (folder / "dead_relu.py").write_text("other = 1\n")
    load_labs(folder)
    assert Lab.objects.get().current != first
    assert LabVersion.objects.count() == 2


def test_new_words_are_no_new_version(folder: Path) -> None:
    load_labs(folder)
    before = LabVersion.objects.values().get()
    words = folder / "dead_relu.toml"
    words.write_text(words.read_text().replace('en = "hidden layers"', 'en = "depth"'))
    assert load_labs(folder) == ["dead-relu: words"]
    assert LabVersion.objects.get().words["config"]["depth"]["en"] == "depth"
    assert LabVersion.objects.values().get() == before
    assert load_labs(folder) == []


def test_what_lists_show_follows_the_words(folder: Path) -> None:
    load_labs(folder)
    first = LabWords.objects.get()
    names = list(Claim.objects.values_list("name", flat=True))
    assert names == first.words["order"]["claims"]
    words = folder / "dead_relu.toml"
    text = re.sub(
        r"(\[title\]\n)en = .*\nzh = .*", r'\1en = "Units"\nzh = "单元"', words.read_text()
    )
    text = text.replace(
        "standard = { replicates = 16, seconds = 20 }",
        "standard = { replicates = 16, seconds = 25 }",
    )
    text = text.replace(
        '[config.depth]\ntype = "int"\ndefault = 3', '[config.depth]\ntype = "int"\ndefault = 4'
    )
    words.write_text(text.partition('[claims."dead-relu.leaky-keeps-everything"]')[0])
    assert load_labs(folder) == ["dead-relu: words"]
    row = LabWords.objects.get()
    assert (row.title_en, row.title_zh, row.seconds) == ("Units", "单元", 25)
    assert row.question_zh == first.question_zh == first.words["question"]["zh"]
    lab = selectors.lab_for("dead-relu")
    defaults = lab_config.defaults(row.words)
    assert defaults["depth"] == 4
    assert selectors.default_subject(lab) == (lab.current_id, lab_config.config_hash(defaults))
    assert list(Claim.objects.values_list("name", flat=True)) == names[:-1]
    claim = Claim.objects.get(name=names[0])
    assert claim.words == row.words["claims"][names[0]]
    assert claim.statement_zh == claim.words["zh"]


def test_the_ledger_has_the_claims_of_the_current_code(folder: Path) -> None:
    load_labs(folder)
    names = set(Claim.objects.values_list("name", flat=True))
    (folder / "dead_relu.py").write_text("other = 1\n")
    load_labs(folder)
    assert Claim.objects.count() == 2 * len(names)
    assert selectors.existing_claims([*names, "dead-relu.no-such"]) == names
    ledger = selectors.ledger(Reader(AnonymousUser()))
    assert len(ledger) == len(names)
    assert {claim.version for claim in ledger} == {Lab.objects.get().current}
    Lab.objects.update(withdrawn=True)
    assert selectors.existing_claims(names) == set() and not ledger.all()


def test_new_comments_are_no_new_version_and_are_shown(folder: Path, mei: User) -> None:
    load_labs(folder)
    run = queued(mei, Lab.objects.get())
    code = folder / "dead_relu.py"
    code.write_text(code.read_text() + "\n# A later remark.\n")
    assert load_labs(folder) == ["dead-relu: code as printed"]
    assert LabVersion.objects.get() == run.version
    assert "A later remark." in page_of(run, mei).content.decode()
    assert load_labs(folder) == []


def test_code_that_is_no_python_is_named_and_nothing_is_loaded(folder: Path) -> None:
    (folder / "dead_relu.py").write_text("def run(:\n")
    with pytest.raises(BadFile, match=r"dead_relu\.py.*line 1"):
        load_labs(folder)
    assert not Lab.objects.exists()


@pytest.mark.parametrize("column", ["code_hash", "created_at", "lab"])
def test_a_version_never_changes(folder: Path, column: str) -> None:
    load_labs(folder)
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        LabVersion.objects.update(**{column: F(column)})


def test_a_run_of_older_code_shows_that_code_and_its_newest_words(folder: Path, mei: User) -> None:
    load_labs(folder)
    run = queued(mei, Lab.objects.get())
    words = folder / "dead_relu.toml"
    title = 'title = { en = "Corrected title"'
    words.write_text(re.sub(r'^title = \{ en = "[^"]*"', title, words.read_text(), flags=re.M))
    load_labs(folder)
    (folder / "dead_relu.py").write_text("other = 1\n")
    words.write_text(words.read_text().replace("Corrected title", "Newer title"))
    load_labs(folder)
    page = page_of(run, mei).content.decode()
    assert page_of(run, mei).status_code == 200
    assert "Corrected title" in page and "Newer title" not in page
    assert run.version.code_hash[:12] in page


def test_a_lab_without_files_is_withdrawn_and_comes_back(folder: Path) -> None:
    load_labs(folder)
    words = (folder / "dead_relu.toml").rename(folder / "elsewhere")
    load_labs(folder)
    assert not Lab.objects.offered().exists()
    words.rename(folder / "dead_relu.toml")
    load_labs(folder)
    assert Lab.objects.offered().exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = [1,,2]\nc = 1", "broken.toml:2: is not TOML"),
        ("\na = 1", "broken.toml:2: unknown key 'a'. Known: arms, claims, "),
        ("", "broken.toml:1: topic is missing: write one of: activation-functions, "),
        ("\xff", "toml"),
    ],
    ids=["no TOML", "an unknown key", "no topic", "no UTF-8"],
)
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_loaded(
    folder: Path, text: str, message: str
) -> None:
    (folder / "broken.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadFile, match=r"broken\.toml") as refused:
        load_labs(folder)
    assert message in str(refused.value)
    assert not Lab.objects.exists()


def test_words_without_code_are_refused(folder: Path) -> None:
    (folder / "dead_relu.py").unlink()
    with pytest.raises(BadFile, match=r"dead_relu\.py"):
        load_labs(folder)


@pytest.fixture
def recorded(ours: User, lab: Lab, queue_run: Any, lease_run: Any, tmp_path: Path) -> Path:
    """Return the file of a run that went through the protocol, the run itself being gone."""
    run = queue_run(ours, "k")
    lease = lease_run()
    report(lease, event(0.25), wire.Event("relu 1", "dead", [1.0], [None]))
    verdict = wire.Verdict("dead-relu.lr-kills", "holds", 0.5, 0.4, 0.6, 16)
    finish(lease, verdicts=[verdict], seconds=2.0, device=wire.Device("cpu", "x"))
    run.refresh_from_db()
    path = tmp_path / "dead-relu.json.gz"
    recording.write(path, evidence_of(run))
    run.delete()
    return path


def test_a_recorded_run_comes_back_as_it_was(recorded: Path) -> None:
    assert load_evidence(recorded)
    run = selectors.standard_run("dead-relu")
    assert run is not None and run.verdicts.get().effect == 0.5 and run.seconds == 2.0
    last, points = selectors.points_of(run)
    assert last == 2 and points[0]["mean"] == [0.25, None]
    assert load_evidence(recorded) == ""
    assert Run.objects.count() == 1


def test_a_recorded_run_is_opened_for_those_whose_ledger_shows_all(
    recorded: Path, mei: User, sam: User
) -> None:
    services.show_all_verdicts(user=mei, shown=True)
    assert load_evidence(recorded)
    assert [row.user for row in OpenedVerdict.objects.all()] == [mei]


def test_a_run_of_other_code_is_not_loaded(recorded: Path) -> None:
    recording.write(recorded, recording.read(recorded) | {"code_hash": "c" * 64})
    assert "other code" in load_evidence(recorded)
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    "damage",
    [
        b"{}",
        gzip.compress(b"{", mtime=0),
        gzip.compress(b"[]", mtime=0),
        gzip.compress(b"{}", mtime=0),
        gzip.compress(b"{}", mtime=0)[:-1],
        gzip.compress(
            json.dumps(
                {"lab": "dead-relu", "code_hash": LABS["dead-relu"], "run": {"id": "x"}}
            ).encode(),
            mtime=0,
        ),
    ],
    ids=("not compressed", "cut", "list", "empty", "without its end", "without its run"),
)
def test_a_damaged_recording_is_named_and_leaves_nothing(recorded: Path, damage: bytes) -> None:
    recorded.write_bytes(damage)
    with pytest.raises(BadFile, match=r"dead-relu\.json"):
        load_evidence(recorded)
    assert not Run.objects.exists() and not Batch.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("replicates", 10**9), ("engine", -1), ("engine", "\x00"), ("seconds", "long")],
)
def test_a_recording_that_no_table_can_hold_is_named(
    recorded: Path, field: str, value: Any
) -> None:
    told = recording.read(recorded)
    told["run"][field] = value
    recording.write(recorded, told)
    with pytest.raises(BadFile, match=r"dead-relu\.json"):
        load_evidence(recorded)


@pytest.mark.django_db(transaction=True)
def test_two_that_load_at_once_load_once(recorded: Path) -> None:
    with transaction.atomic():
        assert load_evidence(recorded)
        second = elsewhere(lambda: load_evidence(recorded))
    assert second.result() == ""
    assert Run.objects.count() == 1


def test_the_command_says_what_it_did(ours: User, capsys: Any) -> None:
    call_command("load_labs")
    assert "dead-relu: code" in capsys.readouterr().out
    call_command("load_labs")
    assert "already" in capsys.readouterr().out


def test_the_command_names_the_broken_file(folder: Path, settings: Any) -> None:
    (folder / "broken.toml").write_text("[")
    settings.LABS_FOLDER = folder
    with pytest.raises(CommandError, match=r"broken\.toml"):
        call_command("load_labs")


@pytest.mark.parametrize("wrong", [{"queues": "labs,fast"}, {"name": ""}, {"name": "x" * 65}])
def test_a_worker_needs_a_name_and_queues_that_exist(wrong: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("make_worker", **wrong)


def test_a_worker_token_is_all_that_is_printed(capsys: Any) -> None:
    call_command("make_worker", name="m1")
    token = capsys.readouterr().out.strip()
    worker = selectors.worker_with_token(token)
    assert worker is not None and worker.queues == ["labs", "bench"]
