"""Pictures that a reader may see."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef
from django.http import Http404

from apps.accounts.models import User
from apps.discussions.models import Picture, Post, State
from apps.discussions.selectors.readers import may_moderate


def picture_for(reader: User | AnonymousUser, sha256: str, extension: str) -> Picture:
    """Return a picture that `reader` may see, with `is_published`: whether a post that everybody
    may read shows it. One that no post shows yet is seen by who is signed in, for the preview; one
    that none shows any more by who uploaded it, until it is deleted; what moderators have hidden,
    or not approved yet, by them and its author alone.

    Raises:
        Http404: there is none, or they may not.
    """
    showing = Post.objects.filter(pictures=OuterRef("pk"))
    published = showing.filter(state=State.PUBLISHED, thread__state=State.PUBLISHED)
    pictures = Picture.objects.annotate(is_published=Exists(published))
    picture = pictures.filter(pk=sha256, format=extension).first()
    if picture is None or not (picture.is_published or _may_see(reader, picture)):
        raise Http404("No such picture.")
    return picture


def _may_see(reader: User | AnonymousUser, picture: Picture) -> bool:
    if not reader.pk:
        return False
    if picture.unused_since is not None:
        return not picture.is_withdrawn or picture.owner_id == reader.pk
    return may_moderate(reader) or picture.posts.filter(author_id=reader.pk).exists()
