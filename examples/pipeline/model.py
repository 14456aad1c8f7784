"""What travels through Temporal: records on the way in, a summary on the way out."""

from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
"""One row of a data set: field name to any JSON value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberField:
    """How the values of a field that holds numbers are spread."""

    name: str
    filled: int
    """In how many records the field has a number."""
    smallest: float
    median: float
    largest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextField:
    """What a field that holds text mostly says."""

    name: str
    filled: int
    """In how many records the field has a text."""
    distinct: int
    most_common: list[str]
    """Up to three values, the most common first, each cut to 24 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The pipeline's result. Stays at a few kilobytes, however large the data set is."""

    record_count: int
    duplicate_count: int
    """Records whose whole content occurred before."""
    completeness: float
    """Mean share of the data set's fields that a record fills, 0 to 1."""
    number_fields: list[NumberField]
    text_fields: list[TextField]
