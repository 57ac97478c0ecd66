"""Compression of what is sent as text: pages, fragments, JSON, CSV."""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

COMPRESSED = ("text/html", "application/json", "application/problem+json", "text/csv")


class CompressionMiddleware(GZipMiddleware):
    """Compresses text with gzip. Streams stay as they are: an event must leave at once, and a file
    that is downloaded is compressed already.

    A page that has a secret and repeats what a request says could tell the secret by its length
    (BREACH): Django masks the token of its forms anew in each answer, and GZipMiddleware adds
    random bytes to each.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        kind = response.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in COMPRESSED:
            return response
        return super().process_response(request, response)
