"""Local paths to which somebody is redirected, or which a link leads back to."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme

MAX_PATH_LENGTH = 2000  # characters


def is_local(path: str) -> bool:
    """Return whether `path` is a path of this site: it begins with one slash, names no host, and is
    not too long.
    """
    return (
        path.startswith("/")
        and len(path) <= MAX_PATH_LENGTH
        and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    )


def back_path(request: HttpRequest) -> str:
    """Return the query parameter `back` if it is a local path: where the page's back link leads."""
    path = request.GET.get("back", "")
    return path if is_local(path) else ""


def with_back(url: str, back: str) -> str:
    """Return a URL with the query parameter `back`, unless that is empty."""
    return f"{url}?{urlencode({'back': back})}" if back else url


def next_path(request: HttpRequest, default: str = "/") -> str:
    """Return the posted `next` if it is a local path, otherwise `default`."""
    path = request.POST.get("next", "")
    return path if is_local(path) else default


def referring_page(request: HttpRequest) -> str:
    """Return the path of the page whose form was sent, if it is local; otherwise empty."""
    try:
        parts = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # such as `http://[`
        return ""
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    is_ours = request.method == "POST" and parts.netloc == request.get_host()
    return path if is_ours and is_local(path) else ""


def parent_page(path: str) -> str:
    """Return the nearest existing page above `path`: the page of a form's address."""
    while path := path.rpartition("/")[0]:
        try:
            resolve(path)
        except Resolver404:
            continue
        return path
    return "/"
