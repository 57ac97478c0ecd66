"""What a search finds a thread by (`ThreadWords`), kept with its posts. The thread is locked."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from apps.discussions.models import Post

MAX_BYTES = 900_000  # of a thread's words; PostgreSQL takes 1 MiB, what it notes of each included

GATHER = """
    INSERT INTO discussions_threadwords (thread_id, search)
    SELECT thread.id,
           strip(coalesce(thread.search, '')) || coalesce(array_to_tsvector(words), '')
    FROM discussions_thread thread, LATERAL (
        SELECT array_agg(word) FILTER (WHERE bytes < %(max_bytes)s) AS words FROM (
            SELECT word, sum(octet_length(word)) OVER (ORDER BY min(number), word) AS bytes
            FROM discussions_post post, unnest(tsvector_to_array(post.search)) word
            WHERE post.thread_id = thread.id GROUP BY word
        ) word_of_posts
    ) gathered
    WHERE thread.id = ANY(%(threads)s)
    ON CONFLICT (thread_id) DO UPDATE SET search = excluded.search
"""
ADD = """
    UPDATE discussions_threadwords words SET search = words.search || strip(post.search)
    FROM discussions_post post
    WHERE post.id = %(post)s AND words.thread_id = post.thread_id
        AND octet_length(words.search::text) + octet_length(post.search::text) < %(max_bytes)s
"""


def gather(threads: Iterable[int]) -> None:
    """Gather the words of threads again: of their titles, and of their published posts from the
    first on, as far as one vector takes them.
    """
    with connection.cursor() as cursor:
        cursor.execute(GATHER, {"threads": list(threads), "max_bytes": MAX_BYTES})


def add(post: Post) -> None:
    """Add the words of a new published post to those of its thread, as far as they fit."""
    if post.number == 1:
        gather([post.thread_id])
        return
    with connection.cursor() as cursor:
        cursor.execute(ADD, {"post": post.pk, "max_bytes": MAX_BYTES})
