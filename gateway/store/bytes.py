"""Columns of bytes, read as they are kept: SQLite lets text stand in them, of whoever wrote into the database."""

from typing import Any

from sqlalchemy import Dialect, LargeBinary


class Bytes(LargeBinary):
    """Bytes; text that stands there instead is read as its bytes, to be verified like any."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Reads a value."""
        if dialect.name != "sqlite":
            return super().result_processor(dialect, coltype)  # type: ignore[no-untyped-call]
        return _read


def _read(value: object) -> object:
    return value.encode() if isinstance(value, str) else value
