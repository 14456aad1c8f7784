"""Fetches one payload, verified: by its key, by a claim to it, or out of a workflow."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from google.protobuf.json_format import ParseDict, ParseError
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.errors import InvalidClaim, InvalidKey, InvalidSettings, NotInTemporal
from temporal_claimcheck.inspection.items import Item, RunContents
from temporal_claimcheck.inspection.texts import visible
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import DRIVER_NAME
from temporal_claimcheck.vault import StoredObject

__all__ = ["Fetched", "Place", "fetch", "fetch_item", "find_item", "parse_target"]

_PLACE: Final = re.compile(r"(?P<event>[1-9][0-9]{0,9}|now)(?:\.(?P<number>[1-9][0-9]{0,5}))?")
_LISTED: Final = 8
_NOT_A_TARGET: Final = (
    "Give a whole key, as `claimcheck show WORKFLOW_ID --keys` lists them, or a claim as JSON, as "
    "Temporal has it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A payload, and where it was found."""

    payload: Payload
    key: str | None
    """None for one that Temporal has itself."""
    stored: StoredObject | None = None
    """What the object says of itself; None where it was not fetched by its key."""
    what: str = ""
    """What it is in its workflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which payload of a run is meant, as `show` names it."""

    event_id: int | None
    """None for what the history does not have yet."""
    number: int

    @classmethod
    def parse(cls, text: str, number: int | None = None) -> "Place":
        """Read `5`, `5.2` or `now`. Raises InvalidSettings."""
        match = _PLACE.fullmatch(text)
        if match is None or (number is not None and match["number"]):
            raise InvalidSettings(
                f"{visible(text)!r} names no payload of an event.",
                remedy="Name one as `claimcheck show` does: 5 or 5.2, or now for a heartbeat; or "
                "--event 5 --payload 2.",
            )
        event = None if match["event"] == "now" else int(match["event"])
        return cls(event_id=event, number=int(match["number"] or number or 1))

    def __str__(self) -> str:
        event = "now" if self.event_id is None else f"{self.event_id}"
        return event if self.number == 1 else f"{event}.{self.number}"


def parse_target(text: str) -> Key | Claim | Payload:
    """Read what a person names a payload by.

    A key; a claim, a storage reference or a payload that carries either, as JSON. Raises
    ClaimError.
    """
    text = text.strip()
    if not text.startswith("{"):
        try:
            return Key.parse(text)
        except InvalidKey as error:
            raise InvalidKey("This is no key of the claim check.", remedy=_NOT_A_TARGET) from error
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidClaim("This is no JSON.", remedy=_NOT_A_TARGET) from error
    data = cast("dict[str, object]", found)
    if "metadata" in data:
        try:
            return ParseDict(data, Payload(), ignore_unknown_fields=True)
        except (ParseError, ValueError) as error:
            raise InvalidClaim("This is no payload of Temporal's.", remedy=_NOT_A_TARGET) from error
    if "claimData" in data:
        claim = data["claimData"]
        if data.get("driverName") != DRIVER_NAME or not isinstance(claim, dict):
            raise InvalidClaim("This is a reference of another driver.", remedy=_NOT_A_TARGET)
        data = cast("dict[str, object]", claim)
    return Claim.parse(data)


async def fetch(manager: ClaimCheckManager, target: Key | Claim | Payload) -> Fetched:
    """Return a payload, verified.

    Raises a ClaimError for what this process may not read, StoreError, IntegrityError,
    PayloadTooLarge.
    """
    if isinstance(target, Key):
        stored, payload = await manager.inspect(str(target))
        return Fetched(payload=payload, key=str(target), stored=stored)
    if isinstance(target, Claim):
        return Fetched(payload=await manager.retrieve(target), key=target.key)
    return Fetched(payload=await manager.maybe_retrieve(target), key=None)


async def fetch_item(manager: ClaimCheckManager, item: Item) -> Fetched:
    """Return a payload of a run, verified; of what Temporal has itself, decrypted.

    Raises what `fetch` raises.
    """
    payload = await manager.maybe_retrieve(item.payload)
    return Fetched(payload=payload, key=item.key and str(item.key), what=item.what)


def find_item(contents: RunContents, place: Place) -> Item:
    """Return the payload that is meant. Raises NotInTemporal, and says what there is."""
    of_event = [item for item in contents.items if item.event_id == place.event_id]
    for item in of_event:
        if item.number == place.number:
            return item
    if of_event:
        raise NotInTemporal(
            f"There is no payload {place} in workflow {contents.workflow_id!r}.",
            remedy=f"There are {_listed(of_event)}.",
        )
    raise NotInTemporal(
        f"Event {place} of workflow {contents.workflow_id!r} has no payload, or is not there.",
        remedy=f"With payloads are {_listed(contents.items)}."
        if contents.items
        else "The workflow has no payloads.",
    )


def _listed(items: Sequence[Item]) -> str:
    named = [
        f"{Place(event_id=item.event_id, number=item.number)} ({visible(item.what)})"
        for item in items[:_LISTED]
    ]
    more = len(items) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")
