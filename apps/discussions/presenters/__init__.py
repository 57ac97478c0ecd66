"""How threads and posts are worded for a reader, by page."""

from apps.discussions.presenters import composer, history, people, posts, subjects, threads

__all__ = ["composer", "history", "people", "posts", "subjects", "threads"]
