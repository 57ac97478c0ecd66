"""Lines of the log that stay readable, whatever a request's path holds."""

from __future__ import annotations

import logging

MAX_MESSAGE_CHARS = 1_000  # a path may have 60,000


class LineFormatter(logging.Formatter):
    """Cuts long messages; tracebacks stay whole."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        left_out = len(record.message) - MAX_MESSAGE_CHARS
        if left_out > 0:
            kept = record.message[:MAX_MESSAGE_CHARS]
            record.message = f"{kept} [... {left_out} characters left out]"
        return super().formatMessage(record)
