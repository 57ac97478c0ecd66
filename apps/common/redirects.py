"""Where someone may be sent back to: a path of this site, nothing else."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme

MAX_PATH_CHARS = 2000  # characters of a path we follow


def is_local(path: str) -> bool:
    """Return whether `path` is a path of this site: it begins with one slash, names no host, and
    has a length of reason.
    """
    return (
        path.startswith("/")
        and len(path) <= MAX_PATH_CHARS
        and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    )


def origin(request: HttpRequest) -> str:
    """Return `back` of the address when it is a path of this site, else nothing: where someone came
    from, and may return to.
    """
    path = request.GET.get("back", "")
    return path if is_local(path) else ""


def with_back(address: str, back: str) -> str:
    """Return an address that carries the way back to `back`, if there is one."""
    return f"{address}?{urlencode({'back': back})}" if back else address


def way_back(request: HttpRequest, default: str = "/") -> str:
    """Return the posted `next` when it is a path of this site, else `default`."""
    path = request.POST.get("next", "")
    return path if is_local(path) else default


def came_from(request: HttpRequest) -> str:
    """Return the path of the page whose form was sent, when it is one of this site; else
    nothing.
    """
    parts = urlsplit(request.headers.get("Referer", ""))
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return (
        path
        if request.method == "POST" and parts.netloc == request.get_host() and is_local(path)
        else ""
    )


def page_above(path: str) -> str:
    """Return the nearest address above `path` that the site has: the page of a form's address."""
    while path := path.rpartition("/")[0]:
        try:
            resolve(path)
        except Resolver404:
            continue
        return path
    return "/"
