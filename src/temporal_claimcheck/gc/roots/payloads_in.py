"""Every payload anywhere in a message of Temporal's. Pure.

Two walks. The one by descriptors is fast and knows what the installed SDK knows. The one by the
wire format finds the claim check's own payloads wherever they are: in fields that a newer server
sends, and inside of data, such as the state that a schedule keeps of its last run.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.payloads import is_storage_reference, looks_like_ours

__all__ = [
    "Path",
    "Step",
    "claims_in_bytes",
    "is_of_interest",
    "mentions",
    "payloads_at",
    "payloads_in",
]

_PAYLOAD: Final = Payload.DESCRIPTOR.full_name
# One of these stands in the metadata of every payload that carries a claim, or is encrypted.
_MARKS: Final = (
    b"json/claim-check",
    b"binary/claim-check-encrypted",
    b"ExternalStorageReference",
    b"external-storage-reference",
    b"__temporal_external_storage_reference",
)
# As deep as protobuf itself reads.
_DEEPEST: Final = 100
_LENGTH_DELIMITED: Final = 2
_FIXED_BYTES: Final = {1: 8, 5: 4}
_MORE: Final = 0x80
_LONGEST_VARINT: Final = 10

_Step = tuple[str, bool, bool]
"""A field's name, whether it is repeated, whether it is a map."""


def payloads_in(message: Message) -> Iterator[Payload]:
    """Yield every payload in the message, at any depth, as far as its descriptors go."""
    rest: list[Message] = [message]
    while rest:
        current = rest.pop()
        if isinstance(current, Payload):
            yield current
            continue
        steps, choices = _paths(current.DESCRIPTOR)
        for choice, fields in choices:
            chosen = current.WhichOneof(choice)
            if chosen in fields:
                rest.append(getattr(current, chosen))
        for name, is_repeated, is_map in steps:
            if is_map:
                rest.extend(getattr(current, name).values())
            elif is_repeated:
                rest.extend(getattr(current, name))
            elif current.HasField(name):
                rest.append(getattr(current, name))


class Step(NamedTuple):
    """One step from a message into another."""

    field: str
    at: str | int | None = None
    """The key in a map, or the place in a list, from 0; None for a field of one message."""


Path = tuple[Step, ...]
"""How a payload is reached from the message that it is in."""


def payloads_at(message: Message, path: Path = ()) -> Iterator[tuple[Path, Payload]]:
    """Yield every payload that `payloads_in` yields, and where it is, in the message's order."""
    if isinstance(message, Payload):
        yield path, message
        return
    steps, choices = _paths(message.DESCRIPTOR)
    for choice, fields in choices:
        chosen = message.WhichOneof(choice)
        if chosen in fields:
            yield from payloads_at(getattr(message, chosen), (*path, Step(chosen)))
    for name, is_repeated, is_map in steps:
        value = getattr(message, name)
        if is_map:
            for key in sorted(value):
                yield from payloads_at(value[key], (*path, Step(name, key)))
        elif is_repeated:
            for index, each in enumerate(value):
                yield from payloads_at(each, (*path, Step(name, index)))
        elif message.HasField(name):
            yield from payloads_at(value, (*path, Step(name)))


def is_of_interest(payload: Payload) -> bool:
    """Return whether the payload carries a claim of anybody's, or is encrypted by us."""
    return looks_like_ours(payload) or is_storage_reference(payload)


def mentions(data: bytes) -> int:
    """Return how often these bytes say that a payload is of interest; at least as often as is."""
    return sum(data.count(mark) for mark in _MARKS)


def claims_in_bytes(data: bytes, *, depth: int = _DEEPEST) -> Iterator[Payload]:
    """Yield every payload of interest in a serialized message, in unknown fields and data too.

    What is of another format is passed over: a claim is never written into that.
    """
    for chunk in _chunks(data) if depth else ():
        if not mentions(chunk):
            continue
        try:
            payload = Payload.FromString(chunk)
        except DecodeError:
            payload = Payload()
        if is_of_interest(payload):
            yield payload
        else:
            yield from claims_in_bytes(chunk, depth=depth - 1)


@cache
def _paths(
    descriptor: Descriptor,
) -> tuple[tuple[_Step, ...], tuple[tuple[str, frozenset[str]], ...]]:
    """Return the fields that can lead to a payload: those of their own, and those in a oneof."""
    steps: list[_Step] = []
    choices: dict[str, set[str]] = {}
    for field in descriptor.fields:
        target = _target(field)
        if target is None or not _reaches_payload(target):
            continue
        if field.containing_oneof is not None:
            choices.setdefault(field.containing_oneof.name, set()).add(field.name)
        else:
            # Of the fields that hold messages, the repeated ones alone have no presence.
            steps.append((field.name, not field.has_presence, _is_map(field)))
    return tuple(steps), tuple((name, frozenset(fields)) for name, fields in choices.items())


def _is_map(field: FieldDescriptor) -> bool:
    entry = field.message_type
    return entry is not None and entry.GetOptions().map_entry


def _target(field: FieldDescriptor) -> Descriptor | None:
    """Return the type of the messages in a field, if there are any."""
    target = field.message_type
    if target is not None and target.GetOptions().map_entry:
        return target.fields_by_name["value"].message_type
    return target


def _reaches_payload(descriptor: Descriptor) -> bool:
    seen = {descriptor.full_name}
    rest = [descriptor]
    while rest:
        current = rest.pop()
        if current.full_name == _PAYLOAD:
            return True
        for field in current.fields:
            target = _target(field)
            if target is not None and target.full_name not in seen:
                seen.add(target.full_name)
                rest.append(target)
    return False


def _chunks(data: bytes) -> Iterator[bytes]:
    """Yield the length-delimited fields of a message, up to where it is none."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _LENGTH_DELIMITED:
            size, at = _varint(data, at)
            if at + size > len(data):
                return
            yield data[at : at + size]
            at += size
        elif kind in _FIXED_BYTES:
            at += _FIXED_BYTES[kind]
        elif kind == 0:
            _, at = _varint(data, at)
        else:
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number and where it ends; past the end of the data if it is cut."""
    value = 0
    for index in range(at, min(at + _LONGEST_VARINT, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << (7 * (index - at))
        if not byte & _MORE:
            return value, index + 1
    return value, len(data)
