"""The bounds of discussions: columns, forms, pages and tests take them from here."""

from __future__ import annotations

MIN_TITLE_LENGTH, MAX_TITLE_LENGTH = 8, 150  # characters
MAX_TEXT_LENGTH = 20_000  # of a post: UTF-16 code units (common.text.length)
MAX_TEXT_LINES = 1_000  # of a post
MAX_REASON_LENGTH = 2_000  # of a flag, a moderator's action or an appeal
MAX_KEY_LENGTH = 64  # idempotency key
MAX_POSTS_IN_THREAD = 5_000
POSTS_PER_PAGE = 20
THREADS_PER_PAGE = 30
MAX_CITATIONS = 20  # of a post
MAX_CHARTS = 8  # of citations, that a page of posts renders; the others are loaded one by one
MAX_MENTIONS = 10  # people that one post notifies
MAX_PICTURES = 10  # of a post
MAX_QUOTE_DEPTH = 4  # quotes in quotes
MAX_LIST_DEPTH = 6  # lists in lists
MAX_EMPHASIS_DEPTH = 6  # emphasis in emphasis
MAX_TABLE_CELLS = 1_000  # of all tables of a post
MAX_FORMULAS = 150  # of a post
MAX_FORMULA_CHARS = 6_000  # of TeX, all together
MAX_FORMULA_HEIGHT = 100  # em of one
MAX_FORMULAS_HEIGHT = 1_000  # em, of all together
MAX_HIGHLIGHTED_CHARS = 3_000  # of code in colours, all together
MAX_FAULTS = 20  # that its author is told of
MAX_PICTURE_BYTES = 2 * 1024 * 1024  # of an upload
MAX_PICTURE_PIXELS = 16_000_000
MAX_STORED_PICTURE_BYTES = 2 * MAX_PICTURE_BYTES  # as it is encoded again
MAX_PICTURE_BYTES_A_DAY = 40 * 1024 * 1024  # that one person stores
PICTURE_UNUSED_SECONDS = 24 * 3600  # that no post has shown it, after which it is deleted

# brakes; "new" is explained in services/brakes.py
NEW_HOURS = 24  # after its first published post an account is new no more
MAX_NEW_THREADS, MAX_NEW_POSTS = 1, 5  # of a new account within 24 hours
MAX_POSTS_A_MINUTE = 10  # of anybody but moderators and staff
MIN_COMPARED_LENGTH = 50  # characters: shorter texts without links are often the same ("Thanks!")
DUPLICATE_DAYS = 7  # within which the same text is a duplicate
MAX_NEW_ACCOUNTS_OF_A_TEXT = 2  # other new accounts that post a text; from the next on it waits
MAX_WAITING_FLAGS = 50  # of one person
MAX_MUTE_DAYS = 365
QUEUE_PER_PAGE = 8
