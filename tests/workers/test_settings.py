"""A worker's environment: what is read, and the message if it is invalid."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.lab_process import environment
from workers.settings import BadSettings, broker, cores, read, slots


def test_defaults_suit_one_worker() -> None:
    settings = read({"GRADUS_TOKEN": "t"})
    assert settings.url == "http://127.0.0.1:8000"
    assert settings.slots == max(1, cores() // 2)
    assert settings.threads == max(1, cores() // settings.slots)
    assert settings.poll_seconds == 2
    assert settings.labs == "workers.labs"
    assert settings.alive is None
    assert broker({}) == "redis://127.0.0.1:6379/0"


def test_everything_can_be_set(tmp_path: Path) -> None:
    environ = {
        "GRADUS_TOKEN": "t",
        "GRADUS_URL": "https://gradus.example/",
        "GRADUS_SLOTS": "3",
        "GRADUS_DATA": str(tmp_path),
    }
    alive = tmp_path / "alive"
    assert read(environ | {"GRADUS_ALIVE": str(alive)}).alive == alive
    settings = read(environ | {"GRADUS_POLL_SECONDS": "0.5"})
    assert (settings.url, settings.slots, settings.data, settings.poll_seconds) == (
        "https://gradus.example",
        3,
        tmp_path,
        0.5,
    )
    assert (
        broker({"REDIS_URL": "unix:///run/v.sock?db=2"})
        == "redis+socket:///run/v.sock?virtual_host=2"
    )


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "make_worker"),
        ({"GRADUS_TOKEN": " "}, "make_worker"),
        (
            {"GRADUS_TOKEN": "t", "GRADUS_URL": "gradus.example"},
            "such as http://127.0.0.1:8000, not 'gradus.example'",
        ),
        (
            {"GRADUS_TOKEN": "t", "GRADUS_SLOTS": "many"},
            "GRADUS_SLOTS must be a number above 0, not 'many'",
        ),
        ({"GRADUS_TOKEN": "t", "GRADUS_SLOTS": "1.5"}, "whole number"),
        ({"GRADUS_TOKEN": "t", "GRADUS_SLOTS": "2147483647"}, "from 1 to 1024"),
        ({"GRADUS_TOKEN": "t", "GRADUS_POLL_SECONDS": "-1"}, "GRADUS_POLL_SECONDS"),
        ({"GRADUS_TOKEN": "t", "GRADUS_POLL_SECONDS": "nan"}, "GRADUS_POLL_SECONDS"),
    ],
)
def test_what_is_invalid_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(BadSettings, match=message):
        read(environ)


def test_a_broker_that_is_no_redis_is_refused() -> None:
    with pytest.raises(BadSettings, match="redis://"):
        broker({"REDIS_URL": "amqp://localhost"})
    assert slots({"GRADUS_SLOTS": "2"}) == 2


def test_the_token_is_not_shown() -> None:
    assert "hush" not in repr(read({"GRADUS_TOKEN": "hush"}))


def test_a_lab_process_sees_no_secret_and_knows_its_threads() -> None:
    secrets = {"GRADUS_TOKEN", "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "AWS_KEY"}
    ours = {"PATH": "/bin", "LC_ALL": "C"} | dict.fromkeys(secrets, "hush")
    seen = environment(ours, threads=2)
    assert seen["PATH"] == "/bin"
    assert seen["LC_ALL"] == "C"
    assert not secrets & set(seen)
    assert (
        seen["OMP_NUM_THREADS"] == seen["MKL_NUM_THREADS"] == seen["VECLIB_MAXIMUM_THREADS"] == "2"
    )
    assert seen["OMP_WAIT_POLICY"] == "PASSIVE"
