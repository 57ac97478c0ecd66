"""The housekeeping jobs of discussions."""

from __future__ import annotations

import logging
from time import monotonic

from apps.discussions import post_markdown, services
from apps.discussions.models import Post
from apps.discussions.services import pictures

log = logging.getLogger(__name__)
MAX_POSTS = 100  # of a round
ROUND_SECONDS = 5  # after which a round renders no further post


def rerender_old_posts() -> int:
    """Render posts again whose HTML is of an older version: pages show what is stored. Returns how
    many were.
    """
    ends_at = monotonic() + ROUND_SECONDS
    done = 0
    for post in Post.objects.rendered_otherwise(post_markdown.version()).order_by("pk")[:MAX_POSTS]:
        if monotonic() > ends_at:
            break
        try:
            done += services.posts.rerender(post=post)
        except Exception:
            log.exception("post %s was not rendered again; the next round tries again", post.pk)
    return done


def delete_unused_pictures() -> int:
    """Delete pictures that no post has shown for a day, with their files. Returns how many."""
    return pictures.delete_unused()


SLOW_JOBS = (rerender_old_posts, delete_unused_pictures)
