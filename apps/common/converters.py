"""Parts of URLs."""


class BigId:
    """A row's number that fits its column: a longer one names nothing, and must be a 404, not a
    database error.
    """

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)
