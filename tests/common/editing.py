"""Forms of the admin as a browser sends them: all that the page showed, and what was changed."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

from django.test import Client


class _Fields(HTMLParser):
    """Collects the successful controls of the form whose id ends with `_form`."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.inside = False
        self.select = self.textarea = ""
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = a.get("id", "").endswith("_form")
        name = a.get("name", "")
        if not self.inside:
            return
        if tag == "input" and name and a.get("type") not in ("submit", "button"):
            if a.get("type") not in ("checkbox", "radio") or "checked" in a:
                default = "on" if a.get("type") == "checkbox" else ""
                self.fields.setdefault(name, []).append(a.get("value", default))
        elif tag == "select":
            self.select = name
        elif tag == "option" and "selected" in a and self.select:
            self.fields.setdefault(self.select, []).append(a.get("value", ""))
        elif tag == "textarea":
            self.textarea, self.text = name, ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.textarea:
            # a browser drops the first line's end and sends the others as CRLF
            text = self.text.removeprefix("\r").removeprefix("\n")
            self.fields[self.textarea] = [text.replace("\r\n", "\n").replace("\n", "\r\n")]
            self.textarea = ""
        elif tag == "select":
            self.select = ""
        elif tag == "form":
            self.inside = False


def fields_of(page: Any) -> dict[str, Any]:
    """Return what a browser would send of the page's form, if nothing was changed."""
    parser = _Fields()
    parser.feed(page.content.decode())
    return {name: values for name, values in parser.fields.items() if "__prefix__" not in name}


def send(client: Client, url: str, form: dict[str, Any]) -> Any:
    """Post a form as a browser does that has no files to send."""
    return client.post(url, urlencode(form, doseq=True), "application/x-www-form-urlencoded")


def edit(client: Client, url: str, **changed: Any) -> Any:
    """Open a form of the admin, change some of its fields, save it."""
    return send(client, url, fields_of(client.get(url)) | changed)
