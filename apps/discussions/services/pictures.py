"""Pictures: uploaded, shown by posts, and deleted when no post has shown them for a day.

Neither a decoder nor a storage is waited for while anybody's rows are locked, but when a picture is
deleted: its own row is locked until its file is gone, so that nobody begins to show it meanwhile.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable
from datetime import timedelta

from django.core.files.base import File
from django.db import transaction
from django.db.models import Exists, Min, OuterRef, QuerySet, Sum

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.clock import Clock
from apps.common.errors import Refused
from apps.discussions import picture_codec, picture_files, picture_process
from apps.discussions.errors import (
    NotAPicture,
    PictureDamaged,
    PicturesAway,
    PictureTooLarge,
    TooManyPictures,
    TooManyPixels,
)
from apps.discussions.limits import (
    MAX_PICTURE_BYTES,
    MAX_PICTURE_BYTES_A_DAY,
    MAX_PICTURES,
    PICTURE_UNUSED_SECONDS,
)
from apps.discussions.models import Picture, Post
from apps.discussions.picture_codec import BadPicture, Recoded

log = logging.getLogger(__name__)
REFUSALS: dict[str, type[Refused]] = {
    picture_codec.NOT_A_PICTURE: NotAPicture,
    picture_codec.TOO_MANY_PIXELS: TooManyPixels,
    picture_codec.DAMAGED: PictureDamaged,
    picture_codec.TOO_LARGE: PictureTooLarge,
}
MAX_DELETED_IN_A_ROUND = 100
ROUND_SECONDS = 10.0  # after which a round begins with no further picture


def store_picture(*, owner: User, file: File[bytes]) -> Picture:
    """Store an uploaded picture without anything but its pixels. The same picture is stored once.

    Raises:
        AccountGone: the owner was deleted meanwhile.
        NotAPicture, PictureDamaged, PictureTooLarge, TooManyPixels: what is wrong with the file.
        PicturesAway: they cannot be stored now.
        TooManyPictures: the owner has stored as much as one may in a day.
    """
    data = file.read(MAX_PICTURE_BYTES + 1)
    if len(data) > MAX_PICTURE_BYTES:
        raise PictureTooLarge
    try:
        recoded = picture_process.recode(data)
    except BadPicture as error:
        raise REFUSALS[error.fault] from None
    picture, is_new = _noted(owner, recoded)
    try:
        if is_new or not picture_files.exists(picture):
            picture_files.write(picture, recoded.data)
    except PicturesAway:
        if is_new:  # unless somebody has uploaded the same meanwhile
            Picture.objects.filter(pk=picture.pk, unused_since=picture.unused_since).delete()
        raise
    return picture


@transaction.atomic
def _noted(owner: User, recoded: Recoded) -> tuple[Picture, bool]:
    """Return the row of a picture, and whether it is new. It will not be deleted for a day."""
    lock_user(owner)
    sha256 = hashlib.sha256(recoded.data).hexdigest()
    unused = Picture.objects.filter(pk=sha256, unused_since__isnull=False)
    unused.update(unused_since=Clock(), is_withdrawn=False)
    if picture := Picture.objects.filter(pk=sha256).first():
        return picture, False
    _check_day(owner, len(recoded.data))
    picture, is_new = Picture.objects.get_or_create(
        pk=sha256,
        defaults={
            "owner": owner,
            "format": recoded.format,
            "size_bytes": len(recoded.data),
            "width": recoded.width,
            "height": recoded.height,
        },
    )
    return Picture.objects.get(pk=picture.pk), is_new


def _check_day(owner: User, size_bytes: int) -> None:
    """Check what a locked person has stored within a day.

    Raises:
        TooManyPictures: as much as one may.
    """
    of_a_day = Picture.objects.filter(owner=owner, created_at__gt=Clock() - timedelta(days=1))
    day = of_a_day.aggregate(
        size=Sum("size_bytes"), left=Min("created_at") + timedelta(days=1) - Clock()
    )
    if (day["size"] or 0) + size_bytes > MAX_PICTURE_BYTES_A_DAY:
        raise TooManyPictures(seconds=max(1, int(day["left"].total_seconds())))


def show(post: Post, pictures: Iterable[str]) -> None:
    """Note which pictures a locked post shows, by their hashes; those that are not stored are left
    out.
    """
    before = set(post.pictures.values_list("pk", flat=True))
    after = set(list(dict.fromkeys(pictures))[:MAX_PICTURES])
    if before == after:
        return
    # in one order; it waits for one that is being deleted, which is then not among them
    rows = Picture.objects.select_for_update(no_key=True).filter(pk__in=before | after)
    after &= {picture.pk for picture in rows.order_by("pk")}
    post.pictures.set(Picture.objects.filter(pk__in=after))
    Picture.objects.filter(pk__in=after).update(unused_since=None, is_withdrawn=False)
    gone = _shown_by_none().filter(pk__in=before - after)
    gone.update(unused_since=Clock(), is_withdrawn=True)


def _shown_by_none() -> QuerySet[Picture]:
    shown = Picture.posts.through.objects.filter(picture=OuterRef("pk"))
    return Picture.objects.filter(~Exists(shown))


def unused_pictures() -> list[str]:
    """Return pictures that no post has shown for a day, as many as a round deletes."""
    cutoff = Clock() - timedelta(seconds=PICTURE_UNUSED_SECONDS)
    old = Picture.objects.filter(unused_since__lt=cutoff).order_by("unused_since")
    return list(old.values_list("pk", flat=True)[:MAX_DELETED_IN_A_ROUND])


@transaction.atomic
def delete_if_unused(*, pk: str) -> bool:
    """Delete a picture that no post has shown for a day, its file first: what is cut off between
    the two is done again. Returns whether it was deleted.

    Raises:
        PicturesAway: its file cannot be deleted now.
    """
    cutoff = Clock() - timedelta(seconds=PICTURE_UNUSED_SECONDS)
    rows = Picture.objects.select_for_update(of=("self",)).filter(pk=pk, unused_since__lt=cutoff)
    picture = rows.first()
    if picture is None or picture.posts.exists():
        return False
    picture_files.delete(picture)
    picture.delete()
    return True


def delete_unused(*, seconds: float = ROUND_SECONDS) -> int:
    """Delete pictures that no post has shown for a day, each in a transaction of its own. Returns
    how many; what is left is for the next round.
    """
    deleted, until = 0, time.monotonic() + seconds
    for pk in unused_pictures():
        if time.monotonic() > until:
            break
        try:
            deleted += delete_if_unused(pk=pk)
        except PicturesAway as error:
            log.warning("pictures cannot be deleted now: %s", error.__cause__)
            break
    return deleted
