"""The files of pictures, in Django's default storage: a folder or an S3 bucket, by setting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage

from apps.discussions.errors import PicturesAway
from apps.discussions.models import Picture


def name_of(picture: Picture) -> str:
    """Return a file's name: folders of a few hundred files, as file systems like them."""
    return f"pictures/{picture.sha256[:2]}/{picture.sha256}.{picture.format}"


def write(picture: Picture, data: bytes) -> None:
    """Store a picture's file, in place of one that may be there.

    Raises:
        PicturesAway: the storage does not take it.
    """
    with _reaching():
        default_storage.save(name_of(picture), ContentFile(data))


def exists(picture: Picture) -> bool:
    """Return whether a picture's file is stored.

    Raises:
        PicturesAway: the storage does not answer.
    """
    with _reaching():
        return default_storage.exists(name_of(picture))


def open_file(picture: Picture) -> File[bytes]:
    """Return a picture's file, to be read and closed. What is in a bucket has been fetched.

    Raises:
        FileNotFoundError: it is gone.
        PicturesAway: the storage does not answer.
    """
    with _reaching():
        file = default_storage.open(name_of(picture), "rb")
        file.seek(0)
        return file


def delete(picture: Picture) -> None:
    """Delete a picture's file, if it is there.

    Raises:
        PicturesAway: the storage does not answer.
    """
    with _reaching():
        default_storage.delete(name_of(picture))


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except _failures() as error:
        raise PicturesAway from error


@cache
def _failures() -> tuple[type[Exception], ...]:
    """Return what a storage raises that is full, broken or away."""
    if not settings.BUCKET_URL:
        return (OSError,)
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    return OSError, Boto3Error, BotoCoreError, ClientError
