"""The bounds of the bank: columns, forms, the reader of its files and the tests take them from
here.
"""

from __future__ import annotations

MAX_SLUG_LENGTH = 64  # characters
MAX_CLAIM_LENGTH = 128  # lab.claim
MAX_BANK_TITLE_LENGTH = 200
MAX_TITLE_LENGTH = 300
MAX_OPTION_KEY_LENGTH = 16
MIN_DIFFICULTY = 1  # recall
MAX_DIFFICULTY = 5  # research
DIFFICULTIES = range(MIN_DIFFICULTY, MAX_DIFFICULTY + 1)
MAX_SEARCH_LENGTH = 200
MAX_SEARCH_WORDS = 12
MAX_REPORT_LENGTH = 4000  # UTF-16 code units (common.text.length)
MAX_IDEMPOTENCY_KEY_LENGTH = 64
