"""What stands in the log of web and housekeep."""

from __future__ import annotations

import logging
from copy import deepcopy
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.test import Client

from apps.common.log_lines import MAX_MESSAGE_CHARS


@pytest.fixture
def formatter(settings: Any) -> logging.Formatter:
    logging_settings = deepcopy(settings.LOGGING)  # the configurator takes out what it used
    configured = DictConfigurator(logging_settings)
    line: logging.Formatter = configured.configure_formatter(logging_settings["formatters"]["line"])
    return line


@pytest.mark.django_db
def test_a_long_path_takes_little_of_the_log(
    client: Client, caplog: pytest.LogCaptureFixture, formatter: logging.Formatter
) -> None:
    assert client.get(f"/{'a' * 60_000}").status_code == 404
    lines = [formatter.format(record) for record in caplog.records]
    assert any(line.startswith("WARNING django.request: Not Found: /aaa") for line in lines)
    assert all(len(line) < MAX_MESSAGE_CHARS + 100 for line in lines)
    assert any(line.endswith("characters left out]") for line in lines)


def test_a_traceback_stays_whole(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("x" * 2 * MAX_MESSAGE_CHARS)
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("site", logging.ERROR, "", 0, "a short message", (), info)
    line = formatter.format(record)
    assert line.startswith("ERROR   site: a short message\nTraceback")
    assert line.endswith("x" * 2 * MAX_MESSAGE_CHARS)
