"""A payload of a history: where its bytes are, and how many. Pure."""

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.common.v1 import Payload

from temporal_claimcheck.envelope import Header
from temporal_claimcheck.errors import ClaimError
from temporal_claimcheck.foreign.recipe import is_recipe_claim
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.payloads import (
    claim_from_claim_payload,
    claim_from_reference,
    is_claim_payload,
    is_encrypted_payload,
    is_storage_reference,
    reference_in,
)

__all__ = ["Item", "RunContents", "Stored", "Totals", "Where", "Wire", "item_of"]


class Where(enum.StrEnum):
    """Where a payload is."""

    INLINE = "inline"
    """In Temporal."""
    ENCRYPTED = "encrypted"
    """In Temporal, encrypted in place by the claim check."""
    STORED = "stored"
    """In the store; Temporal has a claim."""
    MISSING = "missing"
    """Temporal has a claim, and the store has no such object."""
    DAMAGED = "damaged"
    """The object begins as none of the claim check's does."""
    ELSEWHERE = "elsewhere"
    """Temporal has a reference of another driver's, or of the recipe."""
    UNREADABLE = "unreadable"
    """Temporal has what looks like a claim and is none that this release reads."""


class Wire(enum.StrEnum):
    """How Temporal carries a claim."""

    DRIVER = "driver"
    """As Temporal's own storage reference."""
    CODEC = "codec"
    """As a payload of the claim check's own encoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object, as its head describes it. Not verified: all of it would have to be read."""

    stored_bytes: int
    header: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A payload of a run."""

    event_id: int | None
    """None for what the history does not have yet: heartbeats of activities that go on."""
    number: int
    """Which of the event's payloads it is, from 1."""
    time: dt.datetime
    """Of the event, in UTC."""
    what: str
    where: Where
    carried_bytes: int
    """What Temporal carries of it."""
    payload: Payload
    """As Temporal carries it: the payload, or its claim."""
    payload_bytes: int | None = None
    """Size of the payload; None where only who opens it knows."""
    key: Key | None = None
    wire: Wire | None = None
    stored: Stored | None = None
    note: str = ""
    """What else should be known: whose reference it is, what is wrong with it."""

    @property
    def encoding(self) -> str:
        """How the payload is encoded, in its own words; empty for what Temporal has not itself."""
        if self.where is not Where.INLINE:
            return ""
        return self.payload.metadata.get("encoding", b"").decode(errors="replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All payloads of a run together."""

    payloads: int
    inline: int
    """How many are in Temporal, encrypted or not."""
    inline_bytes: int
    claims: int
    """How many are in the store, or should be."""
    claimed_bytes: int
    """Size of the payloads behind the claims, counted each time that one is referred to."""
    objects: int
    """How many objects the claims lead to; equal payloads of a day share one."""
    object_payload_bytes: int
    """Size of the payloads in those objects, each counted once."""
    stored_bytes: int
    """Size of those objects in the store."""
    shared_bytes: int
    """What payloads would take more, before compression, if equal ones were stored each time."""
    missing: int
    """How many claims lead to nothing, or to what is damaged."""
    elsewhere: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContents:
    """A run of a workflow, and every payload in it."""

    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    status: str
    started: dt.datetime
    closed: dt.datetime | None
    events: int
    history_bytes: int
    items: Sequence[Item]

    @property
    def totals(self) -> Totals:
        """Count the payloads."""
        inline = [each for each in self.items if each.where in {Where.INLINE, Where.ENCRYPTED}]
        claims = [each for each in self.items if each.key is not None]
        objects = {each.key: each for each in claims if each.stored is not None}
        objects_bytes = sum(each.payload_bytes or 0 for each in objects.values())
        resolved = [each for each in claims if each.stored is not None]
        return Totals(
            payloads=len(self.items),
            inline=len(inline),
            inline_bytes=sum(each.carried_bytes for each in inline),
            claims=len(claims),
            claimed_bytes=sum(each.payload_bytes or 0 for each in claims),
            objects=len(objects),
            object_payload_bytes=objects_bytes,
            stored_bytes=sum(each.stored.stored_bytes for each in objects.values() if each.stored),
            shared_bytes=sum(each.payload_bytes or 0 for each in resolved) - objects_bytes,
            missing=sum(each.where in {Where.MISSING, Where.DAMAGED} for each in self.items),
            elsewhere=sum(each.where is Where.ELSEWHERE for each in self.items),
        )


def item_of(
    payload: Payload, *, what: str, event_id: int | None, number: int, time: dt.datetime
) -> Item:
    """Return what a payload says of itself; what only the store knows comes later."""
    size = payload.ByteSize()
    where, payload_bytes, note = Where.INLINE, size, ""
    key: Key | None = None
    wire: Wire | None = None
    try:
        if is_claim_payload(payload):
            claim, wire = claim_from_claim_payload(payload), Wire.CODEC
        elif is_storage_reference(payload):
            claim, wire = claim_from_reference(payload), Wire.DRIVER
        else:
            claim = None
        if claim is not None:
            key, where, payload_bytes = Key.parse(claim.key), Where.STORED, claim.payload_bytes
    except ClaimError as error:
        claim, where, note = None, Where.UNREADABLE, error.what
    else:
        if wire is Wire.DRIVER and claim is None:
            where, note = Where.ELSEWHERE, f"driver {reference_in(payload).driver_name}"
        elif claim is None and is_recipe_claim(payload):
            where, note = Where.ELSEWHERE, "the claim-check recipe"
        elif is_encrypted_payload(payload):
            where = Where.ENCRYPTED
    is_known = where in {Where.INLINE, Where.STORED}
    return Item(
        event_id=event_id,
        number=number,
        time=time,
        what=what,
        where=where,
        carried_bytes=size,
        payload=payload,
        payload_bytes=payload_bytes if is_known else None,
        key=key,
        wire=wire if key is not None else None,
        note=note,
    )
