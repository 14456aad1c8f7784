"""What to do with a payload that the SDK encodes: it travels inside the SDK's own contexts.

The SDK hands a context to the driver's `store` and to the codec's `with_context`. A context
that also carries an intent tells them about replays without any global state. Every frozen
context class can carry one, also those of later releases, and stays an instance of its class.
"""

import dataclasses
import enum
from functools import cache
from typing import Any, Final, TypeVar, cast

__all__ = ["Intent", "carry_intent", "intent_of"]

_FIELD: Final = "claimcheck_intent"

C = TypeVar("C")


class Intent(enum.Enum):
    """What to do with a payload that is large enough for the store."""

    STORE = "store"
    """Store it and put its claim in its place."""
    MINT = "mint"
    """Put the claim in its place without storing: a replay encodes what is stored already."""
    KEEP = "keep"
    """Leave it in place: it never leaves this process."""


def carry_intent(context: C, intent: Intent) -> C:
    """Return a context that equals the given one in all its fields and carries an intent."""
    carrier = _carrier_of(cast("type[Any]", type(context)))
    fields = {
        field.name: getattr(context, field.name)
        for field in dataclasses.fields(cast("Any", context))
        if field.init and field.name != _FIELD
    }
    return cast("C", carrier(**fields, **{_FIELD: intent}))


def intent_of(context: object) -> Intent:
    """Return the intent that a context carries; STORE for one that carries none."""
    return getattr(context, _FIELD, Intent.STORE)


@cache
def _carrier_of(kind: type[Any]) -> type[Any]:
    return dataclasses.make_dataclass(
        kind.__name__, [(_FIELD, Intent)], bases=(kind,), frozen=True, kw_only=True
    )
