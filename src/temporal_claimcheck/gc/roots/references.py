"""Which keys a message of Temporal's refers to.

A key is found wherever it stands in the bytes of the message: in a claim, in either wire form or
the older ones, and in any text, because users hand claims around as plain data too. Too much is
found that way, never too little, and what is found too much is only kept longer.

What cannot be found so is an error: a claim of a later release, a reference that cannot be read,
a payload that is encrypted with a key that is not here.
"""

import binascii
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.errors import ClaimCheckError, ClaimError, CollectionIncomplete
from temporal_claimcheck.gc.roots.payloads_in import (
    claims_in_bytes,
    is_of_interest,
    mentions,
    payloads_in,
)
from temporal_claimcheck.keyspace import Key, keys_within
from temporal_claimcheck.payloads import (
    claim_from_claim_payload,
    claim_from_reference,
    is_claim_payload,
    is_encrypted_payload,
    serialize_payload,
)
from temporal_claimcheck.threads import Threads

__all__ = ["Decrypt", "ReferenceReader", "keys_in_text"]

Decrypt = Callable[[Payload], Awaitable[Payload]]
"""Returns a payload that was encrypted in place, decrypted. Raises ClaimCheckError."""

# Reading so much takes about two milliseconds; a thread would cost more.
_ON_LOOP_BYTES: Final = 65_536
_THREADS: Final = 2
# JSON may escape a slash and every other character, and text in text escapes the escapes.
_ESCAPED: Final = re.compile(rb"\\+(?:/|u00([2-7][0-9A-Fa-f]))")
# The shortest claim in Base64 is longer, and few words of other texts are as long.
_BASE64: Final = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{100,}+")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_DEEPEST_BASE64: Final = 3
_QUANTUM: Final = 4


def keys_in_text(data: bytes, *, depth: int = _DEEPEST_BASE64) -> Iterator[str]:
    """Yield every key in these bytes: plain, escaped as in JSON, or in Base64."""
    if b"\\" in data:
        data = _ESCAPED.sub(_unescape, data)
    yield from keys_within(data)
    if depth:
        for match in _BASE64.finditer(data):
            for decoded in _decodings(match[0].translate(_URL_SAFE)):
                yield from keys_in_text(decoded, depth=depth - 1)


class ReferenceReader:
    """Finds the keys that messages of Temporal's refer to. Safe for concurrent use."""

    def __init__(self, decrypt: Decrypt) -> None:
        self._decrypt = decrypt
        self._threads = Threads(_THREADS, name="claimcheck-references")

    async def keys_in(self, message: Message, *, place: str) -> frozenset[str]:
        """Return all keys that the message refers to, at any depth.

        `place` says whose message it is, for the error: CollectionIncomplete, when something in
        it may refer to an object and cannot be read.
        """
        return await self.keys_in_all([message], place=place)

    async def keys_in_all(self, messages: Sequence[Message], *, place: str) -> frozenset[str]:
        """Return all keys that any of the messages refers to, as `keys_in` does.

        Many small ones take less memory at a time than the one that they came in.
        """
        try:
            return frozenset(await self._keys_in(messages))
        except CollectionIncomplete:
            raise
        except ClaimCheckError as error:
            raise CollectionIncomplete(
                f"{place} holds what the collector cannot read: {error.what}",
                remedy=f"{_remedy(error)} Until then nothing is deleted.",
            ) from error

    def release(self) -> None:
        """Let idle threads end; they start anew when they are needed."""
        self._threads.release()

    async def _keys_in(self, messages: Sequence[Message]) -> set[str]:
        if sum(message.ByteSize() for message in messages) <= _ON_LOOP_BYTES:
            found, encrypted = _scan_all(messages)
        else:
            found, encrypted = await self._threads.run(_scan_all, messages)
        for payload in encrypted:
            found |= await self._keys_in([await self._decrypt(payload)])
        return found


def _scan_all(messages: Sequence[Message]) -> tuple[set[str], list[Payload]]:
    """Return the keys in messages, and what must be decrypted to find more. Raises ClaimError."""
    found: set[str] = set()
    encrypted: list[Payload] = []
    for message in messages:
        encrypted.extend(_scan(message, found))
    return found, encrypted


def _scan(message: Message, found: set[str]) -> list[Payload]:
    """Add the keys in a message, and return what must be decrypted."""
    data = message.SerializeToString()
    found.update(keys_in_text(data))
    ours = [payload for payload in payloads_in(message) if is_of_interest(payload)]
    if mentions(data) > len(ours):
        # Something of ours is where the descriptors do not lead, or only in the words of a text.
        ours = list(_without_copies((*ours, *claims_in_bytes(data))))
    encrypted: list[Payload] = []
    for payload in ours:
        if is_encrypted_payload(payload):
            encrypted.append(payload)
        else:
            found.update(_key_of(payload))
    return encrypted


def _key_of(payload: Payload) -> Iterator[str]:
    """Yield the key of the claim in a payload; none if it is another driver's."""
    if is_claim_payload(payload):
        claim = claim_from_claim_payload(payload)
    else:
        claim = claim_from_reference(payload)
    if claim is not None:
        yield str(Key.parse(claim.key))


def _without_copies(payloads: Iterable[Payload]) -> Iterator[Payload]:
    seen: set[bytes] = set()
    for payload in payloads:
        data = serialize_payload(payload)
        if data not in seen:
            seen.add(data)
            yield payload


def _unescape(match: "re.Match[bytes]") -> bytes:
    code: bytes | None = match[1]
    return b"/" if code is None else bytes([int(code, 16)])


def _decodings(text: bytes) -> Iterator[bytes]:
    # Where the Base64 begins is not known: what is before it may be of the same letters.
    for skipped in range(_QUANTUM):
        whole = (len(text) - skipped) // _QUANTUM * _QUANTUM
        yield binascii.a2b_base64(text[skipped : skipped + whole])


def _remedy(error: ClaimCheckError) -> str:
    if isinstance(error, ClaimError):
        return (
            "If a later release of temporal-claimcheck wrote it, upgrade this process; if it was "
            "forged or damaged, delete what holds it."
        )
    return error.remedy
