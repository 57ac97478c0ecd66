"""The description of the API: it has no fault, says what there is, and its file is current."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from apps.accounts.models import User
from apps.api.api import description

DOCUMENT = Path(settings.ROOT) / "docs" / "openapi.json"
SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@pytest.fixture(scope="module")
def document() -> Any:
    description.cache_clear()
    with GENERATOR_STATS.silence():
        parsed = json.loads(description())
    assert not GENERATOR_STATS._warn_cache and not GENERATOR_STATS._error_cache
    return parsed


def operations(document: Any) -> Any:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_it_is_openapi_3_1_without_a_warning(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    validate_schema(document)


def test_the_file_is_what_the_site_serves(document: Any) -> None:
    """After a change: ./gradus manage api_description"""
    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == document


def test_every_operation_has_a_summary_an_example_and_a_name_of_its_own(document: Any) -> None:
    names = []
    for name, operation in operations(document):
        names.append(operation["operationId"])
        assert operation.get("summary"), name
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if status != "default" and kind == "application/json":
                    assert content.get("examples"), (name, status)
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            assert content.get("examples") or kind != "application/json", name
    assert len(set(names)) == len(names)


def test_names_are_snake_case_ids_are_strings_and_a_name_means_one_thing(document: Any) -> None:
    kinds: dict[str, set[str]] = {}
    for name, component in document["components"]["schemas"].items():
        for field, shape in component.get("properties", {}).items():
            assert SNAKE.fullmatch(field), (name, field)
            kind = shape.get("type", "any")
            kind = "/".join(sorted(set(kind) - {"null"})) if isinstance(kind, list) else kind
            kinds.setdefault(field, set()).add(kind)
            if field == "id" or field.endswith("_id"):
                assert kind == "string", (name, field)
            if field.endswith("_at"):
                assert shape.get("format") == "date-time", (name, field)
    several = {field: types for field, types in kinds.items() if len(types - {"any"}) > 1}
    assert not several


def test_every_address_of_version_1_is_described(document: Any) -> None:
    prefix = "/api/v1/"
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", prefix + route)
        for route in _routes(get_resolver("gradus.api_urls").url_patterns)
    }
    undescribed = {f"{prefix}schema", f"{prefix}docs"}
    assert {re.sub(r"{\w+}", "{}", route) for route in routes - undescribed} == {
        re.sub(r"{\w+}", "{}", path) for path in document["paths"]
    }


def _routes(patterns: Any, prefix: str = "") -> Any:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


@pytest.mark.django_db
def test_the_page_has_the_policy_of_every_other_and_an_english_part_in_both_languages(
    mei: User,
) -> None:
    for language, words in (("en", "What you try here"), ("zh-hans", "在这里试用")):
        answer = Client().get("/api/v1/docs", headers={"accept-language": language})
        other = Client().get("/labs")
        assert answer["Content-Security-Policy"] == other["Content-Security-Policy"]
        text = answer.content.decode()
        assert words in text and 'id="api-docs" lang="en"' in text
