"""What the doctor says."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from launcher import database, doctor
from launcher.database import Facts, facts, token_state
from launcher.doctor import (
    Finding,
    check_broker,
    check_database,
    disk,
    examine,
    gpu,
    mail,
    programs,
    servers,
    worker,
)
from launcher.home import Home
from launcher.running import Address
from launcher.say import Problem
from launcher.signs import Program, Report
from launcher.torch_choice import Build

from tests.launcher.conftest import renamed

CPU, CUDA = Build("2.13.0", ""), Build("2.13.0", "13.0")


@pytest.fixture
def odd_database() -> Iterator[str]:
    """A database whose locale knows no Chinese letters, as a cluster made without LANG has."""
    server = os.environ["DATABASE_URL"]
    name = f"odd_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
        )
    yield renamed(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_database_of_the_tests_will_do() -> None:
    tested = facts(os.environ["DATABASE_URL"])
    assert tested.complaint() == "" and tested.encoding == "UTF8" and tested.has_chinese
    assert tested.version >= database.MIN_POSTGRES_MAJOR


def test_a_database_that_cannot_hold_chinese_is_named(
    odd_database: str, monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    odd = facts(odd_database)
    assert (odd.encoding, odd.has_chinese) == ("SQL_ASCII", False)
    monkeypatch.setenv("DATABASE_URL", odd_database)
    (finding,) = check_database(home, ExitStack())
    assert (
        finding.state == "bad"
        and "cannot hold Chinese" in finding.sentence
        and "initdb -E UTF8 --locale=C.UTF-8" in finding.sentence
    )


def test_a_database_of_an_older_gradus_is_told_from_a_new_and_an_empty_one(
    odd_database: str,
) -> None:
    assert not facts(odd_database).is_older, "it is empty"
    with psycopg.connect(odd_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE questions_revision (id int)")
        assert facts(odd_database).is_older
        connection.execute("ALTER TABLE questions_revision ADD outline text")
    assert not facts(odd_database).is_older


@pytest.mark.parametrize(
    ("tested", "message"),
    [
        (Facts(14, "UTF8", True), "PostgreSQL 14 is too old"),
        (Facts(17, "LATIN1", True), "stores text as LATIN1"),
        (Facts(17, "UTF8", False), "finds no Chinese words"),
        (Facts(17, "UTF8", True, is_older=True), "Move the data folder away"),
        (Facts(17, "UTF8", True), ""),
    ],
)
def test_complaints_say_what_is_wrong(tested: Facts, message: str) -> None:
    assert message in tested.complaint() and bool(message) == bool(tested.complaint())


def test_a_database_that_does_not_answer_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://x@127.0.0.1:{nobody.getsockname()[1]}/x"
        with pytest.raises(Problem, match="The database is not responding") as problem:
            facts(url)
        assert "DATABASE_URL" in problem.value.remedy


@pytest.mark.parametrize("url", ["postgresql://x@127.0.0.1:port/x", "mysql://x", "host=' "])
def test_a_database_url_that_makes_no_sense_is_a_sentence(url: str) -> None:
    with pytest.raises(Problem, match="The database is not responding"):
        facts(url)


def test_a_broker_that_does_not_answer_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    for url in ("redis://127.0.0.1:1/0", "nonsense", "unix:///nowhere.sock"):
        monkeypatch.setenv("REDIS_URL", url)
        (finding,) = check_broker(home, ExitStack())
        assert (
            finding.state == "bad"
            and "is not responding" in finding.sentence
            and "REDIS_URL" in finding.sentence
        )
    monkeypatch.undo()
    (finding,) = check_broker(home, ExitStack())
    assert finding.state == "good"


@pytest.mark.django_db(transaction=True)
def test_it_sees_when_a_worker_last_asked_and_knows_its_token() -> None:
    from django.db import connection
    from django.utils import timezone

    from apps.experiments.models import Worker
    from apps.experiments.services import make_worker

    url = renamed(os.environ["DATABASE_URL"], connection.settings_dict["NAME"])
    assert database.last_seen(url) is None
    token = make_worker(name="local", queues=["labs"])
    assert (token_state(url, token), token_state(url, "another")) == ("known", "unknown")
    Worker.objects.update(last_seen_at=timezone.now())
    seconds = database.last_seen(url)
    assert seconds is not None and abs(seconds) < 60
    Worker.objects.update(revoked_at=timezone.now())
    assert token_state(url, token) == "revoked" and database.last_seen(url) is None


def test_a_database_without_tables_knows_nobody() -> None:
    url = renamed(os.environ["DATABASE_URL"], "postgres")
    assert database.last_seen(url) is None and token_state(url, "any") == "unknown"
    assert database.stuck_mails(url) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_mails_that_do_not_leave_are_counted() -> None:
    from django.core.mail import EmailMessage
    from django.db import connection

    from apps.accounts import outbox

    url = renamed(os.environ["DATABASE_URL"], connection.settings_dict["NAME"])
    outbox.store_mail(message=EmailMessage("Subject", "Text", to=["a@x.org", "b@x.org", "c@x.org"]))
    assert database.stuck_mails(url) == (0, 0)
    for attempts in (1, outbox.MAX_ATTEMPTS):
        leased = outbox.lease_mail()
        assert leased is not None
        leased.attempts = attempts
        outbox.record_error(mail=leased, error=OSError("nobody there"))
    assert database.stuck_mails(url) == (1, 1)


@pytest.mark.parametrize(("stuck", "state"), [((0, 0), "good"), ((1, 0), "odd"), ((0, 2), "odd")])
def test_mails_that_do_not_leave_are_said(stuck: tuple[int, int], state: str) -> None:
    finding = mail(*stuck)
    assert finding.state == state
    assert state == "good" or "EMAIL_URL" in finding.sentence


@pytest.mark.parametrize(("free", "state"), [(500_000_000, "bad"), (2_000_000_000, "odd")])
def test_a_disk_with_little_room_is_said(tmp_path: Path, free: int, state: str) -> None:
    assert disk(tmp_path, free).state == state


@pytest.mark.parametrize(
    ("seconds", "state", "message"),
    [
        (None, "odd", "none has ever asked"),
        (3, "good", "3 seconds ago"),
        (600, "odd", "10 minutes ago"),
        (200_000, "odd", "2 days ago"),
    ],
)
def test_a_silent_worker_is_said(seconds: float | None, state: str, message: str) -> None:
    finding = worker(seconds)
    assert finding.state == state and message in finding.sentence


@pytest.mark.parametrize(
    ("driver", "build", "complaint", "state", "message"),
    [
        (False, None, "", "good", "torch is not installed"),
        (False, CPU, "", "good", "labs run on the CPU"),
        (True, CPU, "", "bad", "--torch cuda"),
        (True, CUDA, "", "good", "uses it"),
        (True, CUDA, "driver too old", "bad", "driver too old"),
    ],
)
def test_a_gpu_that_is_not_used_is_said(
    driver: bool, build: Build | None, complaint: str, state: str, message: str
) -> None:
    finding = gpu(driver, build, lambda: complaint)
    assert finding.state == state and message in finding.sentence


# ---------------------------------------------------------------- what runs


@pytest.fixture
def lock(home: Home) -> Iterator[None]:
    """A launcher runs in the data folder."""
    lock = home.lock()
    yield
    lock.release()


def program(name: str, **fields: Any) -> Program:
    """A program that gives signs of life, long after we will have stopped to wait for them."""
    usual = {"runs": True, "failures": 0, "is_asked": True, "is_starting": False}
    return Program(**{"name": name, "pid": 41, "heard_at": NEVER_OLD, **usual, **fields})


NEVER_OLD = 1e12
LONG_AGO = 1.0


@pytest.mark.parametrize(
    ("fields", "state", "message"),
    [
        ({"heard_at": LONG_AGO}, "bad", "process 41 hangs: no sign of life for"),
        ({"heard_at": LONG_AGO, "is_starting": True}, "odd", "has been starting for"),
        ({"runs": False, "failures": 1}, "bad", "has ended and is started again"),
        ({"runs": False, "failures": 7}, "bad", "has ended 7 times, soon after each start"),
    ],
)
def test_a_program_that_does_not_work_is_named(
    home: Home, lock: None, fields: dict[str, Any], state: str, message: str
) -> None:
    reported = [program("web"), program("housekeep", **fields), program("worker")]
    Report(40, NEVER_OLD, reported).write(home.report)
    (finding,) = programs(home, patience=0)
    assert (finding.state, finding.about) == (state, "housekeep") and message in finding.sentence
    assert state == "odd" or str(home.logs / "housekeep.log") in finding.sentence


def test_programs_that_work_are_named_too(home: Home, lock: None) -> None:
    postgres = program("postgres", is_asked=False, heard_at=LONG_AGO)
    Report(40, NEVER_OLD, [postgres, program("web"), program("worker")]).write(home.report)
    (finding,) = programs(home)
    assert (finding.state, finding.about) == ("good", "programs")
    assert finding.sentence == "signs of life from the launcher, web, worker."


@pytest.mark.parametrize("written", ["", "{", '{"pid": 1}'])
def test_a_launcher_that_hangs_or_has_said_nothing_is_said(
    home: Home, lock: None, written: str
) -> None:
    home.report.write_text(written)
    (finding,) = programs(home, patience=0)
    assert finding.state == "bad" and "the launcher gives no sign of life" in finding.sentence
    Report(40, LONG_AGO, [program("web")]).write(home.report)
    (finding,) = programs(home, patience=0)
    assert "the launcher (process 40) gives no sign of life" in finding.sentence


def test_without_a_launcher_nothing_is_asked(home: Home) -> None:
    assert programs(home) == []


def test_a_site_that_takes_connections_without_an_answer_is_not_told_to_stop_itself(
    home: Home, lock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "status", lambda url: 0)  # it waits for ten seconds
    with socket.socket() as frozen:
        frozen.bind(("127.0.0.1", 0))
        frozen.listen()
        finding = doctor.port(home, Address(port=frozen.getsockname()[1]))
    assert (finding.state, finding.about) == ("bad", "site")
    assert "takes connections, but gives no answer" in finding.sentence
    assert "stop the program" not in finding.sentence


def test_a_frozen_database_of_the_launcher_is_named_with_its_process(
    home: Home, lock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    Report(40, NEVER_OLD, [program("postgres", pid=4711, is_asked=False)]).write(home.report)

    def frozen(home: Home, stack: ExitStack) -> list[Finding]:
        raise Problem("The database is not responding (connection timeout expired).")

    monkeypatch.setattr(doctor, "check_database", frozen)
    finding = servers(home, ExitStack())[0]
    assert finding.state == "bad" and "kill -9 4711 ends it" in finding.sentence


def test_a_taken_port_is_bad_and_everything_is_said(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert examine(home, Address(port=other.getsockname()[1])) == 1
    output = capsys.readouterr().out
    assert "BAD port: Cannot listen on" in output
    for about in ("Python", "disk", "database", "broker", "worker", "GPU"):
        assert f"{about}: " in output


def test_marks_exist_for_every_state() -> None:
    assert set(doctor.MARKS) == {"good", "odd", "bad"}
