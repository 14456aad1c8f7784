"""Redis, and Valkey, through redis-py's asyncio client."""

import datetime as dt
import logging
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Any, Final

from temporal_claimcheck.errors import (
    BlobNotFound,
    MissingExtra,
    PayloadTooLarge,
    StoreUnsafe,
)
from temporal_claimcheck.loops import LoopLocal
from temporal_claimcheck.stores.base import (
    BlobHead,
    BlobInfo,
    check_blob_key,
    check_blob_prefix,
    too_large,
)
from temporal_claimcheck.stores.redis_layout import (
    Command,
    blob_name,
    bucket_of,
    deleting,
    payload_day,
    putting,
)
from temporal_claimcheck.stores.redis_safety import (
    MAX_BLOB_BYTES,
    QUESTIONS,
    ServerFacts,
    dangers,
    doubts,
)
from temporal_claimcheck.stores.redis_urls import RedisPlace

try:
    from temporal_claimcheck.stores.redis_connections import RedisOptions
    from temporal_claimcheck.stores.redis_errors import PASSING, translated
    from temporal_claimcheck.stores.redis_listing import lifetimes, listed
    from temporal_claimcheck.stores.redis_servers import RedisServers, raise_first
except ModuleNotFoundError as error:
    raise MissingExtra(
        "This store needs the package redis.",
        remedy="Run: pip install 'temporal-claimcheck[redis]'",
    ) from error

__all__ = ["RedisOptions", "RedisStore"]

logger = logging.getLogger(__name__)

_DEFAULT_OPTIONS: Final = RedisOptions()
# A server may be configured anew, or another one take its place.
_TRUST_SECONDS: Final = 600.0
_DELETE_AT_ONCE: Final = 200


class RedisStore:
    """Keeps each blob in a string value; with `ttl_days`, payloads until that long after their day.

    Before it writes, it asks the server whether it may lose what it is given, and refuses to use
    such a server, unless `may_lose_payloads`. Reading and deleting go on in any case.
    """

    def __init__(
        self,
        url: str,
        *,
        ttl_days: int | None = None,
        may_lose_payloads: bool = False,
        options: RedisOptions = _DEFAULT_OPTIONS,
    ) -> None:
        """Use the server, the cluster or the Sentinels of a URL."""
        place = RedisPlace.parse(url)
        self._name = place.name
        self._ttl = None if ttl_days is None else dt.timedelta(days=ttl_days)
        self._may_lose_payloads = may_lose_payloads
        self._trusted_until = 0.0
        self._doubts: set[str] = set()
        self._max_blob_bytes = MAX_BLOB_BYTES
        # Connections belong to the event loop that made them.
        self._servers = LoopLocal(partial(RedisServers, place, options))

    @property
    def name(self) -> str:
        """See BlobStore."""
        return self._name

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore. How safe a crash of the server is depends on its persistence.

        Raises StoreUnsafe for a server that may lose the blob, and PayloadTooLarge for a blob
        that is larger than a value of Redis can be.
        """
        check_blob_key(key)
        await self._make_sure()
        if len(blob) > self._max_blob_bytes:
            # Sent all the same, it would end the connection, with no answer that says why.
            raise PayloadTooLarge(
                f"The object under {key} has {len(blob)} bytes; {self._name} takes "
                f"{self._max_blob_bytes} as one value.",
                remedy="Use an object store for payloads of this size, or raise Redis's "
                "proto-max-bulk-len.",
            )
        transaction = (bucket_of(key), putting(key, blob, self.expires_at(key)))
        with translated(f"store the object under {key}", place=self._name):
            ((_, _, wrote, _),) = await self._servers.get().transactions([transaction])
        return wrote is not None

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        check_blob_key(key)
        name = blob_name(key)
        with translated(f"read the object under {key}", place=self._name):
            # One byte more than allowed, which tells too large from just right.
            blob = await self._ask(key, ("GETRANGE", name, 0, max_bytes))
            if not blob:
                # Missing, or empty: GET tells them apart in one step. A transaction of EXISTS and
                # GETRANGE would too, but a server without memory refuses even reads in one.
                blob = await self._ask(key, ("GET", name))
        if blob is None:
            raise self._not_found(key)
        if len(blob) > max_bytes:
            raise too_large(key, max_bytes)
        return blob

    async def peek(self, key: str, *, head_bytes: int) -> BlobHead:
        """See PeekingStore."""
        check_blob_key(key)
        bucket, name = bucket_of(key), blob_name(key)
        with translated(f"read the object under {key}", place=self._name):
            head, size = await self._servers.get().commands(
                [(bucket, ("GETRANGE", name, 0, head_bytes - 1)), (bucket, ("STRLEN", name))]
            )
        if not size and not await self.contains(key):
            raise self._not_found(key)
        return BlobHead(head=head, size_bytes=size)

    async def contains(self, key: str) -> bool:
        """See ProbingStore."""
        check_blob_key(key)
        with translated(f"look for the object under {key}", place=self._name):
            return bool(await self._ask(key, ("EXISTS", blob_name(key))))

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore. Reads the indexes of the days that are asked for, and no more."""
        check_blob_prefix(prefix)
        with translated("list objects", place=self._name):
            async for blob in listed(self._servers.get(), prefix):
                yield blob

    async def expiries(
        self, prefix: str = ""
    ) -> AsyncIterator[tuple[BlobInfo, dt.timedelta | None]]:
        """Yield what `scan` yields, and in which time it expires; None for never."""
        check_blob_prefix(prefix)
        with translated("ask when objects expire", place=self._name):
            async for blob, milliseconds in lifetimes(self._servers.get(), prefix):
                yield blob, None if milliseconds < 0 else dt.timedelta(milliseconds=milliseconds)

    def expires_at(self, key: str) -> dt.datetime | None:
        """Return when a payload stored now would expire, as its key tells; None for never.

        It may have expired already: it is counted from the end of the day in the key.
        """
        day = payload_day(key)
        if self._ttl is None or day is None:
            return None
        return day + dt.timedelta(days=1) + self._ttl

    async def delete(self, keys: Iterable[str]) -> None:
        """See CollectableStore."""
        wanted = list(keys)
        for key in wanted:
            check_blob_key(key)
        with translated("delete objects", place=self._name):
            for start in range(0, len(wanted), _DELETE_AT_ONCE):
                transactions = deleting(wanted[start : start + _DELETE_AT_ONCE])
                await self._servers.get().transactions(list(transactions.items()))

    async def check(self) -> None:
        """See BlobStore. Raises StoreUnsafe for a server that may lose what it is given."""
        with translated("reach the store", place=self._name):
            asked: tuple[Command, ...] = (("PING",),) if self._may_lose_payloads else QUESTIONS
            answers = await self._servers.get().everywhere(asked)
            said = [each for server in answers for each in server]
            # A server may refuse to tell how it is set up, but not to answer at all.
            hidden = not self._may_lose_payloads
            raise_first([each for each in said if not hidden or isinstance(each, PASSING)])
        if not self._may_lose_payloads:
            self._judge(answers)

    async def facts(self) -> list[ServerFacts]:
        """Return what each server that is written to says of itself, as far as it tells."""
        with translated("ask the store how safe it is", place=self._name):
            answers = await self._servers.get().everywhere(QUESTIONS)
            raise_first(
                [each for server in answers for each in server if isinstance(each, PASSING)]
            )
        return [ServerFacts.read(each) for each in answers]

    async def aclose(self) -> None:
        """See BlobStore. Closes the connections of the running loop."""
        await self._servers.get().aclose()

    def _not_found(self, key: str) -> BlobNotFound:
        return BlobNotFound(
            f"There is no object under {key} in {self._name}.",
            remedy="It expired, was evicted or was never there: check CLAIMCHECK_TTL_DAYS "
            "and the server's maxmemory-policy, and that all processes use one server.",
        )

    async def _ask(self, key: str, command: Command) -> Any:  # noqa: ANN401  # what Redis answers
        (answer,) = await self._servers.get().commands([(bucket_of(key), command)])
        return answer

    async def _make_sure(self) -> None:
        """Raise StoreUnsafe unless the server can be trusted; that is asked once in a while."""
        if self._may_lose_payloads or time.monotonic() < self._trusted_until:
            return
        with translated("ask the store how safe it is", place=self._name):
            answers = await self._servers.get().everywhere(QUESTIONS)
            # A server of a cluster that is down does not hinder what the others have.
            reached = [each for each in answers if not isinstance(each[0], PASSING)]
            if not reached:
                raise_first(answers[0])
        self._judge(reached)

    def _judge(self, answers: Sequence[Sequence[Any]]) -> None:
        """Raise StoreUnsafe for servers that may lose payloads; trust them for a while if not."""
        found = [ServerFacts.read(each) for each in answers]
        self._max_blob_bytes = min(each.max_blob_bytes for each in found)
        reasons = {why: None for each in found for why in dangers(each, expiring=bool(self._ttl))}
        if reasons:
            raise StoreUnsafe(
                f"{self._name} may lose what it is given: it {' and '.join(reasons)}.",
                remedy="Set maxmemory-policy noeviction and appendonly yes on the server. "
                "CLAIMCHECK_REDIS_MAY_LOSE_PAYLOADS=true accepts the loss of payloads, and with "
                "them of workflows.",
            )
        for doubt in dict.fromkeys(why for each in found for why in doubts(each)):
            if doubt not in self._doubts:
                self._doubts.add(doubt)
                logger.warning("%s %s", self._name, doubt)
        self._trusted_until = time.monotonic() + _TRUST_SECONDS
