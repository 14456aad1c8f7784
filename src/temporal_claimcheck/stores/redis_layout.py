"""Where things lie in Redis: names of keys, and the commands that change several as one. Pure.

Every blob belongs to one of 256 buckets, and what is in `{}` puts all keys of a bucket into one
hash slot of a cluster. Each bucket has, side by side:

    claimcheck/{3f}/blob/v1/default/2026-11-22/ab12…   string   the blob
    claimcheck/{3f}/index/v1/default/2026-11-22/       set      names of the folder's blobs
    claimcheck/{3f}/folders                            zset     folders, by the time they expire

A folder is a key up to its last slash: for the keyspace's keys a namespace's day. A blob, its entry
in the index and the index's entry in the folders are written in one transaction and deleted in one,
so there is no moment in which a blob has no entry, whoever writes and deletes beside. Nothing is
remembered by processes, so a server that was emptied is no special case.

An entry without a blob is harmless: whoever lists asks for the blob too.
"""

import datetime as dt
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

from temporal_claimcheck.errors import InvalidKey
from temporal_claimcheck.keyspace import Key

__all__ = [
    "BUCKETS",
    "Command",
    "blob_name",
    "bucket_of",
    "bucket_prefix",
    "day_of",
    "deleting",
    "folder_and_name",
    "folders_name",
    "index_name",
    "literal",
    "payload_day",
    "putting",
]

Command = tuple[str | bytes | int, ...]

BUCKETS: Final = 256

# The ledger's keys begin with it; its floor is above this one.
_RECORDS: Final = "ledger"
_WILDCARD: Final = re.compile(r"[*?\[\]\\]")

# The index lives as long as the longest-lived blob that was ever put into it, which the folders
# tell; a folder leaves them when its index has expired, by the clock of the server that expires.
_EXPIRE_INDEX: Final = """\
local last = redis.call('ZSCORE', KEYS[2], ARGV[1])
if last == 'inf' then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('EXPIREAT', KEYS[1], last)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. redis.call('TIME')[1])
"""
_FORGET_EMPTY_FOLDER: Final = """\
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
end
"""


def bucket_of(key: str) -> int:
    """Return the key's bucket; a fixed function of the key, since other processes must agree."""
    return zlib.crc32(key.encode("ascii")) % BUCKETS


def bucket_prefix(bucket: int) -> str:
    """Return what the names of all keys of a bucket begin with."""
    return f"claimcheck/{{{bucket:02x}}}/"


def blob_name(key: str) -> str:
    """Return the name of the string that holds the blob."""
    return f"{bucket_prefix(bucket_of(key))}blob/{key}"


def index_name(bucket: int, folder: str) -> str:
    """Return the name of the set that lists the folder's blobs of this bucket."""
    return f"{bucket_prefix(bucket)}index/{folder}"


def folders_name(bucket: int) -> str:
    """Return the name of the sorted set that lists the bucket's folders."""
    return f"{bucket_prefix(bucket)}folders"


def folder_and_name(key: str) -> tuple[str, str]:
    """Take a key or prefix apart behind its last slash."""
    cut = key.rfind("/") + 1
    return key[:cut], key[cut:]


def putting(key: str, blob: bytes, expires: dt.datetime | None) -> tuple[Command, ...]:
    """Return the transaction that stores a blob; its third answer says whether it wrote."""
    bucket = bucket_of(key)
    folder, name = folder_and_name(key)
    index, folders = index_name(bucket, folder), folders_name(bucket)
    score = "+inf" if expires is None else int(expires.timestamp())
    listed: tuple[Command, ...] = (
        ("ZADD", folders, "GT", score, folder),
        ("SADD", index, name),
    )
    # The blob itself never passes through a script: Lua would copy it twice, and keep the copies
    # until its garbage is collected some scripts later.
    if expires is None:
        return (*listed, ("SET", blob_name(key), blob, "NX"), ("PERSIST", index))
    return (
        *listed,
        ("SET", blob_name(key), blob, "NX", "EXAT", score),
        ("EVAL", _EXPIRE_INDEX, 2, index, folders, folder),
    )


def deleting(keys: Iterable[str]) -> Mapping[int, tuple[Command, ...]]:
    """Return the transaction of each bucket that deletes these blobs."""
    names: dict[tuple[int, str], list[str]] = {}
    for key in dict.fromkeys(keys):
        folder, name = folder_and_name(key)
        names.setdefault((bucket_of(key), folder), []).append(name)
    transactions: dict[int, tuple[Command, ...]] = {}
    for (bucket, folder), found in names.items():
        index, folders = index_name(bucket, folder), folders_name(bucket)
        transactions[bucket] = (
            *transactions.get(bucket, ()),
            ("UNLINK", *(blob_name(folder + name) for name in found)),
            ("SREM", index, *found),
            ("EVAL", _FORGET_EMPTY_FOLDER, 2, index, folders, folder),
        )
    return transactions


def literal(prefix: str) -> str:
    """Return the pattern that matches what begins with this text; it may hold wildcards."""
    return _WILDCARD.sub(r"\\\g<0>", prefix) + "*"


def day_of(key: str) -> dt.datetime:
    """Return the start of the key's day; of today for a key that names none."""
    return payload_day(key) or _start_of(dt.datetime.now(dt.UTC).date())


def payload_day(key: str) -> dt.datetime | None:
    """Return the start of a payload's day; None for a key of anything but a payload.

    The claim check's own records never have one, however they are named: they must not expire.
    """
    *before, version, namespace, day, digest = ["", "", "", *key.split("/")]
    # What several stores share a Redis by is a prefix before the key.
    if before and before[-1] == _RECORDS:
        return None
    try:
        return _start_of(Key.parse(f"{version}/{namespace}/{day}/{digest}").day)
    except InvalidKey:
        return None


def _start_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
