"""Payloads that are too small for the store, encrypted where they are.

On the wire such a payload is of encoding `binary/claim-check-encrypted`; its data is the nonce
and then, encrypted, the serialized payload. It is bound to its namespace: who may read one
namespace cannot have the payload of another decrypted by passing it off as his own.
"""

import re
import secrets
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from temporalio.api.common.v1 import Payload

from temporal_claimcheck.errors import BlobCorrupt, DecryptionFailed, EncryptionKeyMissing
from temporal_claimcheck.keychain import Keychain
from temporal_claimcheck.payloads import (
    ENCRYPTED_ENCODING,
    is_encrypted_payload,
    parse_payload,
    serialize_payload,
)
from temporal_claimcheck.threads import Threads
from temporal_claimcheck.transforms.base import UndoFailed

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import EncryptionKey, KeyRing

__all__ = ["InlineEncryption"]

T = TypeVar("T")

_NAMESPACE: Final = "claimcheck-namespace"
_KEY_ID: Final = "claimcheck-key"
_CONTEXT: Final = b"temporal-claimcheck inline 1"
_KEY_ID_FORM: Final = re.compile(rb"[0-9a-f]{16}")
_NONCE_BYTES: Final = 24
# Encrypting so much takes a tenth of a millisecond; a thread would cost more.
_ON_LOOP_BYTES: Final = 131_072
_REMEDY: Final = "Nothing was handed out. Look for what altered the payload on its way."


class InlineEncryption:
    """Encrypts and decrypts payloads that stay in Temporal. Safe for concurrent use."""

    def __init__(self, keychain: Keychain | None) -> None:
        """Use these keys; without any, nothing is encrypted and nothing encrypted is read."""
        self._keychain = keychain
        self._threads = Threads(1, name="claimcheck-inline")

    @property
    def is_on(self) -> bool:
        """Whether there are keys."""
        return self._keychain is not None

    async def apply(self, payload: Payload, namespace: str) -> Payload:
        """Return the payload encrypted, or as it is when there are no keys."""
        if self._keychain is None:
            return payload
        seal = partial(_seal, payload, namespace.encode(), self._keychain.ring.newest)
        return await self._off_loop(payload.ByteSize(), seal)

    async def undo(self, payload: Payload, accept: Callable[[str], None]) -> Payload:
        """Return the payload that was encrypted, once `accept` let its namespace pass.

        Raises what `accept` raises, and IntegrityError.
        """
        if not is_encrypted_payload(payload):
            return payload
        accept(payload.metadata.get(_NAMESPACE, b"").decode("utf-8", "replace"))
        size = payload.ByteSize()
        if self._keychain is None:
            return await self._off_loop(size, partial(_open, payload, None))
        keys = self._keychain.ring
        try:
            return await self._off_loop(size, partial(_open, payload, keys))
        except EncryptionKeyMissing:
            if not await self._threads.run(self._keychain.reload, keys):
                raise
        return await self._off_loop(size, partial(_open, payload, self._keychain.ring))

    def release(self) -> None:
        """Let idle threads end; they start anew when they are needed."""
        self._threads.release()

    async def _off_loop(self, size: int, function: Callable[[], T]) -> T:
        return function() if size <= _ON_LOOP_BYTES else await self._threads.run(function)


def _seal(payload: Payload, namespace: bytes, key: "EncryptionKey") -> Payload:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    key_id = key.id.encode()
    sealed = key.cipher.encrypt(
        serialize_payload(payload), nonce=nonce, associated=_associated(key_id, namespace)
    )
    return Payload(
        metadata={"encoding": ENCRYPTED_ENCODING, _KEY_ID: key_id, _NAMESPACE: namespace},
        data=nonce + sealed,
    )


def _open(payload: Payload, keys: "KeyRing | None") -> Payload:
    key_id = payload.metadata.get(_KEY_ID, b"")
    key = None if keys is None else keys.find(key_id.decode("ascii", "replace"))
    if key is None:
        raise EncryptionKeyMissing.among(
            () if keys is None else keys.ids,
            what="A payload in Temporal",
            key_id=key_id.decode() if _KEY_ID_FORM.fullmatch(key_id) else "of no valid id",
        )
    nonce, sealed = payload.data[:_NONCE_BYTES], payload.data[_NONCE_BYTES:]
    if len(nonce) < _NONCE_BYTES:
        raise DecryptionFailed("An encrypted payload in Temporal was cut.", remedy=_REMEDY)
    namespace = payload.metadata.get(_NAMESPACE, b"")
    try:
        data = key.cipher.decrypt(sealed, nonce=nonce, associated=_associated(key_id, namespace))
    except UndoFailed as error:
        raise DecryptionFailed(
            f"An encrypted payload in Temporal was altered, or moved from another namespace: "
            f"{error}.",
            remedy=_REMEDY,
        ) from error
    try:
        return parse_payload(data)
    except ValueError as error:
        raise BlobCorrupt(
            "An encrypted payload in Temporal holds no payload of Temporal's.", remedy=_REMEDY
        ) from error


def _associated(key_id: bytes, namespace: bytes) -> bytes:
    # A namespace has no zero byte, so no two of these are spelled alike.
    return b"\0".join((_CONTEXT, key_id, namespace))
