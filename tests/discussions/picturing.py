"""Pictures to upload, and where they go."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from apps.accounts.models import User
from apps.discussions.models import Picture
from apps.discussions.services.pictures import store_picture

UPLOAD = "/pictures"
JSON = {"accept": "application/json"}


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """The folder of uploaded files, empty."""
    settings.MEDIA_ROOT = tmp_path / "media"
    yield settings.MEDIA_ROOT


def gradient(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize((width, height)).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def stored(owner: User, data: bytes | None = None) -> Picture:
    """Store a picture, by default one that everybody has."""
    return store_picture(
        owner=owner, file=ContentFile(encoded(gradient()) if data is None else data)
    )


def address(picture: Picture) -> str:
    return f"/pictures/{picture.sha256}.{picture.format}"


def send(browser: Client, data: bytes, name: str = "a.png", **options: Any) -> Any:
    """Upload a file as a script does."""
    file = SimpleUploadedFile(name, data, content_type=options.pop("type", "image/png"))
    return browser.post(UPLOAD, {"picture": file}, headers=JSON, **options)


def browser_of(person: User) -> Client:
    browser = Client(raise_request_exception=False)
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return browser
