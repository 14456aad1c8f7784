"""Whether stored bytes are what their key promises, as far as the keys at hand can prove it."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from temporal_claimcheck.envelope import open_envelope, open_record, read_header
from temporal_claimcheck.flow import ByteBudget
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.threads import Threads

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import KeyRing

__all__ = ["Checker"]

T = TypeVar("T")

_THREADS: Final = 4
# Below this size the work takes less than a millisecond.
_INLINE_BYTES: Final = 131_072


class Checker:
    """Opens objects and throws the payload away.

    Every byte is covered by the envelope's checksum, which needs no key. That the payload is the
    one that the key in the store names, the digest proves; of an encrypted object only with its
    encryption key. Raises IntegrityError for what is not whole.
    """

    def __init__(
        self, *, keys: "KeyRing | None", policy: OffloadPolicy, max_bytes_in_flight: int
    ) -> None:
        self._keys = keys
        self._policy = policy
        # Of its own: a payload may be many times as large as the object that is held meanwhile,
        # and who waits for the one never holds the other.
        self._budget = ByteBudget(max_bytes_in_flight)
        self._threads = Threads(_THREADS, name="claimcheck-copy")

    async def payload(self, key: Key, blob: bytes) -> bool:
        """Check an object; return whether its digest was proven too.

        Raises PayloadTooLarge for a payload over the cap, which is not unpacked.
        """
        header, _ = await self._off_loop(len(blob), partial(read_header, blob, key=str(key)))
        if not self._opens(header.encryption and header.encryption.key_id):
            return False
        self._policy.check_size(header.plain_bytes)
        async with self._budget.hold(header.plain_bytes):
            await self._off_loop(
                header.plain_bytes,
                partial(
                    open_envelope,
                    blob,
                    key=str(key),
                    digest=key.digest,
                    max_plain_bytes=header.plain_bytes,
                    keyed=header.encryption is not None,
                    keys=self._keys,
                ),
            )
        return True

    async def record(self, key: str, blob: bytes) -> None:
        """Check a record of the ledger."""
        header, _ = await self._off_loop(len(blob), partial(read_header, blob, key=key))
        if self._opens(header.encryption and header.encryption.key_id):
            opened = partial(open_record, blob, key=key, keys=self._keys)
            await self._off_loop(header.plain_bytes, opened)

    def release(self) -> None:
        """Let idle threads end."""
        self._threads.release()

    def _opens(self, key_id: str | None) -> bool:
        return key_id is None or (self._keys is not None and self._keys.find(key_id) is not None)

    async def _off_loop(self, size: int, function: Callable[[], T]) -> T:
        return function() if size <= _INLINE_BYTES else await self._threads.run(function)
