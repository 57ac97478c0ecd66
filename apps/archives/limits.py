"""Bounds of archives: of those that are made, and of what is read from one that is uploaded."""

from __future__ import annotations

MB = 1 << 20

# ---------------------------------------------------------------- out

MAX_EXPORTS_A_DAY = 3  # of a person; those that failed do not count
EXPORT_DAYS = 7  # for which an archive can be downloaded
EXPORT_LEASE_SECONDS = 120  # without progress, after which another process begins again
MAX_EXPORT_ATTEMPTS = 3
PROGRESS_SECONDS = 1.0  # between two notes of progress
CHUNK_ROWS = 500  # that are in memory at a time
CHUNK_BYTES = 1 << 16

# ---------------------------------------------------------------- in

MAX_UPLOAD_BYTES = 50 * MB
MAX_DIRECTORY_BYTES = 4 * MB  # of a ZIP file: some 60,000 files
MAX_JSON_BYTES = 100 * MB  # of gradus.json, decompressed
MAX_COLLECTION_BYTES = 200 * MB  # of an Anki collection, decompressed
MAX_ZSTD_WINDOW_BYTES = 32 * MB
MAX_NOTES = 20_000
MAX_CARDS = 50_000
MAX_REVIEWS = 500_000
MAX_FIELDS_BYTES = MB  # of one note
MAX_COLLECTION_STEPS = 4_000  # each 100,000 instructions of SQLite
MAX_LISTED = 200  # cards of a kind that the page names
IMPORT_LEASE_SECONDS = 300  # after which another process begins again
MAX_IMPORT_ATTEMPTS = 3
IMPORT_DAYS = 7  # for which an upload waits to be confirmed, and a row stays
