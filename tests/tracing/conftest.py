"""Both doors in turn."""

from tests.temporal.conftest import door

__all__ = ["door"]
