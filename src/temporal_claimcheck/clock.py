"""The time of day, where nobody gave another clock."""

import datetime as dt

__all__ = ["utc_now"]


def utc_now() -> dt.datetime:
    """Return the time in UTC."""
    return dt.datetime.now(dt.UTC)
