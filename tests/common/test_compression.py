"""What is sent compressed, and what is not."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory

from apps.common.compression import CompressionMiddleware

LONG = b"as long as a page " * 100


def answer(response: HttpResponseBase) -> HttpResponseBase:
    def view(request: HttpRequest) -> HttpResponseBase:
        return response

    request = RequestFactory().get("/", headers={"Accept-Encoding": "gzip, br"})
    result: Any = CompressionMiddleware(view)(request)
    assert isinstance(result, HttpResponseBase)
    return result


@pytest.mark.django_db
def test_a_page_is_compressed_for_who_can_read_it() -> None:
    plain = Client().get("/privacy")
    compressed = Client().get("/privacy", headers={"Accept-Encoding": "gzip"})
    assert not plain.has_header("Content-Encoding")
    assert compressed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in plain["Vary"] and "Accept-Encoding" in compressed["Vary"]
    assert b"</html>" in gzip.decompress(compressed.content)


def test_answers_of_one_length_leave_with_several() -> None:
    """The length of an answer does not tell what is in it (BREACH)."""
    lengths = {len(getattr(answer(HttpResponse(LONG)), "content", b"")) for _ in range(20)}
    assert len(lengths) > 1


@pytest.mark.parametrize(
    "response",
    [
        StreamingHttpResponse([LONG], content_type="text/event-stream"),
        StreamingHttpResponse([LONG], content_type="text/html"),
        HttpResponse(LONG, content_type="image/webp"),
        HttpResponse(LONG, content_type="application/zip"),
    ],
    ids=["events", "stream", "picture", "archive"],
)
def test_streams_and_what_is_compressed_already_stay_as_they_are(response: HttpResponse) -> None:
    assert not answer(response).has_header("Content-Encoding")
