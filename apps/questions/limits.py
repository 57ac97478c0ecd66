"""The bounds of the bank: columns, forms, the reader of its files and the tests take them from
here.
"""

from __future__ import annotations

from apps.common.numbers import MAX_CHARS as MAX_NUMBER_LENGTH

MAX_SLUG_LENGTH = 64  # characters
MAX_CLAIM_LENGTH = 128  # lab.claim
MAX_BANK_TITLE_LENGTH = 200
MAX_TITLE_LENGTH = 300
MAX_OPTION_KEY_LENGTH = 16
MAX_PARTS = 12  # of a question
MAX_OPTIONS = 12  # of a part
MAX_POINTS = 24  # key points of a question
MAX_HINTS = 8  # of a question, and of each part
MAX_ANSWER_CHARS = 40_000  # of any field of an answer
MAX_WRITTEN_LENGTH = 20_000  # of a written answer: UTF-16 code units (common.text.length)
MAX_SYNONYMS = 24  # in each language
MAX_SYNONYM_LENGTH = 64
MIN_DIFFICULTY = 1  # recall
MAX_DIFFICULTY = 5  # research
DIFFICULTIES = range(MIN_DIFFICULTY, MAX_DIFFICULTY + 1)
MAX_EXPRESSION_LENGTH = 500
# What the fields of an answer take (`maxlength`, UTF-16 code units). It is more than what is read,
# so that a pasted text that is too long is refused, and not cut to the answer that it begins with.
MAX_NUMBER_INPUT = 2 * MAX_NUMBER_LENGTH
MAX_EXPRESSION_INPUT = MAX_EXPRESSION_LENGTH + 100
MAX_REPORT_LENGTH = 4000  # UTF-16 code units (common.text.length)
MAX_IDEMPOTENCY_KEY_LENGTH = 64

# ---------------------------------------------------------------- private cards

MAX_PRIVATE_CARDS = 5_000  # of one person
MAX_PRIVATE_CHARS = 10_000_000  # of fronts and backs, all of one person
MAX_SIDE_CHARS = 10_000  # of a front, and of a back: UTF-16 code units (common.text.length)
MAX_GUID_LENGTH = 64
MAX_ORIGIN_LENGTH = 200  # of the name of the file that a card came from
MAX_CARD_TITLE_CHARS = 120  # of a front, in lists
