"""Encrypted objects: whole, in their place, under a key that is there, or a typed error."""

import asyncio
import datetime as dt
import json
import re

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.envelope import digest_of, open_envelope, read_header, seal_envelope
from temporal_claimcheck.errors import (
    BlobCorrupt,
    BlobTooLarge,
    DecryptionFailed,
    DigestMismatch,
    EncryptionDowngraded,
    EncryptionKeyMissing,
    IntegrityError,
    UnsupportedEnvelope,
)
from temporal_claimcheck.events import OffloadOutcome
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import serialize_payload
from temporal_claimcheck.transforms.compression import NoCompression, ZstdCompression
from temporal_claimcheck.transforms.encryption import EncryptionKey, KeyRing
from tests.core.envelopes import KEY, envelope, header
from tests.core.rings import key, ring
from tests.core.witnesses import AskedStore, Clock, Diary, PlainStore, payload

CANARY = b"the canary sings of salaries"
DATA = CANARY * 40
compressions = pytest.mark.parametrize(
    "compression", [ZstdCompression(), NoCompression()], ids=lambda c: c.name
)


def sealed(name: str = "a", *, at: str = KEY) -> bytes:
    return seal_envelope(DATA, NoCompression(), key=at, encryption_key=key(name))


def opened(
    blob: bytes, keys: KeyRing | None, *, at: str = KEY, of: EncryptionKey | None = None
) -> bytes:
    digest = (of or key("a")).digest_of(DATA)
    return open_envelope(
        blob, key=at, digest=digest, max_plain_bytes=len(DATA), keyed=True, keys=keys
    )


# The object.


@compressions
def test_an_object_comes_back_and_shows_nothing(
    compression: ZstdCompression | NoCompression,
) -> None:
    blob = seal_envelope(DATA, compression, key=KEY, encryption_key=key("a"))
    assert opened(blob, ring("b", "a")) == DATA
    assert CANARY not in blob
    assert digest_of(DATA).encode() not in blob
    header, _ = read_header(blob, key=KEY)
    assert header.encryption is not None
    assert header.encryption.key_id == key("a").id
    assert header.compression == compression.name


def test_equal_payloads_are_never_equal_objects() -> None:
    assert sealed() != sealed()


def test_an_object_that_was_moved_does_not_open() -> None:
    elsewhere = KEY.replace("default", "payroll")
    with pytest.raises(DecryptionFailed, match=elsewhere):
        opened(sealed(), ring("a"), at=elsewhere)


def test_an_object_of_a_lost_key_says_which_key_and_opens_when_it_is_back() -> None:
    blob = sealed("a")
    with pytest.raises(EncryptionKeyMissing, match=key("a").id) as caught:
        opened(blob, ring("b", "c"))
    assert key("b").id in str(caught.value)
    assert caught.value.retryable
    with pytest.raises(EncryptionKeyMissing, match="no keys here"):
        opened(blob, None)
    assert opened(blob, ring("b", "c", "a")) == DATA


def test_a_clear_object_in_an_encrypted_ones_place_is_refused() -> None:
    blob = seal_envelope(DATA, NoCompression())
    with pytest.raises(EncryptionDowngraded, match=KEY):
        opened(blob, ring("a"))


def test_an_encrypted_object_in_a_clear_ones_place_is_refused() -> None:
    for digest in (digest_of(DATA), key("a").digest_of(DATA)):
        with pytest.raises(DigestMismatch, match=KEY):
            open_envelope(sealed(), key=KEY, digest=digest, max_plain_bytes=9999, keys=ring("a"))


def test_the_right_key_but_another_payload_is_a_mismatch() -> None:
    other = seal_envelope(b"other", NoCompression(), key=KEY, encryption_key=key("a"))
    with pytest.raises(DigestMismatch, match=KEY):
        opened(other, ring("a"))


def test_a_header_that_was_rewritten_with_a_right_checksum_is_found() -> None:
    start = 13 + 32
    blob = sealed()
    length = int.from_bytes(blob[9:13])
    fields = json.loads(blob[start : start + length])
    body = blob[start + length :]
    assert opened(envelope(header(**fields), body), ring("a")) == DATA
    with pytest.raises(DecryptionFailed):
        opened(envelope(header(**fields | {"plain_bytes": 1}), body), ring("a"))
    with pytest.raises(DecryptionFailed):
        opened(envelope(header(**fields | {"compression": "zstd"}), body), ring("a"))
    nonce = fields["encryption"] | {"nonce": "00" * 24}
    with pytest.raises(DecryptionFailed):
        opened(envelope(header(**fields | {"encryption": nonce}), body), ring("a"))
    other_key = fields["encryption"] | {"key": key("b").id}
    with pytest.raises(DecryptionFailed):
        opened(envelope(header(**fields | {"encryption": other_key}), body), ring("a", "b"))
    with pytest.raises(EncryptionDowngraded):
        opened(envelope(header(**fields | {"encryption": "none"}), body), ring("a"))
    with pytest.raises(BlobTooLarge):
        opened(envelope(header(**fields | {"plain_bytes": 10**9}), body), ring("a"))


@pytest.mark.parametrize(
    ("encryption", "error"),
    [
        ("aes", UnsupportedEnvelope),
        (None, UnsupportedEnvelope),
        ({}, UnsupportedEnvelope),
        ({"algorithm": "xaes-256-gcm", "key": "0" * 16}, UnsupportedEnvelope),
        ({"algorithm": "later", "key": "0" * 16, "nonce": "0" * 48}, UnsupportedEnvelope),
        ({"algorithm": "xaes-256-gcm", "key": 7, "nonce": "0" * 48}, BlobCorrupt),
        ({"algorithm": "xaes-256-gcm", "key": "0" * 15, "nonce": "0" * 48}, BlobCorrupt),
        ({"algorithm": "xaes-256-gcm", "key": "G" * 16, "nonce": "0" * 48}, BlobCorrupt),
        ({"algorithm": "xaes-256-gcm", "key": "0" * 16, "nonce": "0" * 46}, BlobCorrupt),
        ({"algorithm": "xaes-256-gcm", "key": "0" * 16, "nonce": None}, BlobCorrupt),
        ({"algorithm": "xaes-256-gcm", "key": "0" * 16, "nonce": "A" * 48}, BlobCorrupt),
    ],
)
def test_a_header_of_another_encryption_is_refused(
    encryption: object, error: type[IntegrityError]
) -> None:
    with pytest.raises(error, match=re.escape(KEY)):
        opened(envelope(header(encryption=encryption), b"body"), ring("a"))


# The manager.


async def test_what_is_offloaded_is_encrypted_and_comes_back() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store, keys=ring("a")).offload(payload())
    assert claim.digest == "keyed-blake3"
    assert Key.parse(claim.key).digest == key("a").digest_of(serialize_payload(payload()))
    assert b"a" * 100 not in await store.blobs.get(claim.key, max_bytes=10**6)
    assert await ClaimCheckManager(store, keys=ring("a")).retrieve(claim) == payload()


@pytest.mark.parametrize("kind", [PlainStore, AskedStore])
async def test_an_encrypted_payload_too_is_stored_once_a_day(kind: type[PlainStore]) -> None:
    store, diary, clock = kind(), Diary(), Clock()
    managers = [
        ClaimCheckManager(store, keys=ring("a", "b"), observers=[diary], clock=clock)
        for _ in range(2)
    ]
    for manager in managers * 3:
        await manager.offload(payload())
    assert diary.outcomes.count(OffloadOutcome.STORED) == 1
    clock.now += dt.timedelta(days=1)
    await managers[0].offload(payload())
    assert diary.outcomes.count(OffloadOutcome.STORED) == 2


async def test_minting_gives_the_claim_of_storing() -> None:
    manager = ClaimCheckManager(PlainStore(), keys=ring("a"))
    assert await manager.mint(payload()) == await manager.offload(payload())


async def test_what_was_stored_in_the_clear_stays_readable_with_keys() -> None:
    store = PlainStore()
    before = await ClaimCheckManager(store).offload(payload())
    assert before.digest == "blake3"
    with_keys = ClaimCheckManager(store, keys=ring("a"))
    assert await with_keys.retrieve(before) == payload()
    after = await with_keys.offload(payload())
    assert after.key != before.key


async def test_without_keys_an_encrypted_object_is_not_read() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store, keys=ring("a")).offload(payload())
    diary = Diary()
    with pytest.raises(EncryptionKeyMissing, match="no keys here"):
        await ClaimCheckManager(store, observers=[diary]).retrieve(claim)
    assert [failure.key for failure in diary.failed] == [claim.key]


async def test_an_object_that_was_replaced_by_a_clear_one_is_refused() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store, keys=ring("a")).offload(payload())
    await store.blobs.delete([claim.key])
    clear = seal_envelope(serialize_payload(payload()), NoCompression())
    await store.blobs.put(claim.key, clear)
    reader = ClaimCheckManager(store, keys=ring("a"))
    with pytest.raises(EncryptionDowngraded):
        await reader.retrieve(claim)
    # Nor does it help to rewrite the claim: the digest in its key is a keyed one.
    forged = Claim(key=claim.key, payload_bytes=claim.payload_bytes)
    with pytest.raises(DigestMismatch):
        await reader.retrieve(forged)


async def test_a_forged_claim_gets_nothing_out_of_a_read_that_is_on_its_way() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store, keys=ring("a")).offload(payload())
    reader = ClaimCheckManager(store, keys=ring("a"), cache_bytes=0)
    forged = Claim(key=claim.key, payload_bytes=claim.payload_bytes)
    first, second = await asyncio.gather(
        reader.retrieve(claim), reader.retrieve(forged), return_exceptions=True
    )
    assert first == payload()
    assert isinstance(second, DigestMismatch)


# Rotation.


async def test_after_a_rotation_the_old_objects_are_read_and_the_new_key_writes() -> None:
    store = PlainStore()
    old = await ClaimCheckManager(store, keys=ring("old")).offload(payload())
    rotated = ClaimCheckManager(store, keys=ring("new", "old"))
    assert await rotated.retrieve(old) == payload()
    new = await rotated.offload(payload())
    header, _ = read_header(await store.blobs.get(new.key, max_bytes=10**6), key=new.key)
    assert header.encryption is not None
    assert header.encryption.key_id == key("new").id
    assert await ClaimCheckManager(store, keys=ring("new")).retrieve(new) == payload()
    with pytest.raises(EncryptionKeyMissing, match=key("new").id):
        await ClaimCheckManager(store, keys=ring("old")).retrieve(new)
    with pytest.raises(EncryptionKeyMissing, match=key("old").id):
        await ClaimCheckManager(store, keys=ring("new")).retrieve(old)


async def test_a_key_that_was_added_is_found_by_the_first_read_that_needs_it() -> None:
    store, rings = PlainStore(), [ring("old")]
    reader = ClaimCheckManager(store, keys=lambda: rings[-1])
    claim = await ClaimCheckManager(store, keys=ring("new", "old")).offload(payload())
    small = await ClaimCheckManager(store, keys=ring("new", "old")).encrypt(payload(10))
    rings.append(ring("new", "old"))
    assert await reader.retrieve(claim) == payload()
    assert await reader.decrypt(small) == payload(10)
    assert (await reader.offload(payload())).key == claim.key


async def test_a_small_payload_finds_an_added_key_too() -> None:
    rings = [ring("old")]
    reader = ClaimCheckManager(PlainStore(), keys=lambda: rings[-1])
    small = await ClaimCheckManager(PlainStore(), keys=ring("new")).encrypt(payload(10))
    rings.append(ring("new", "old"))
    assert await reader.decrypt(small) == payload(10)


async def test_a_source_of_keys_that_fails_leaves_the_old_ones_in_use(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = PlainStore()
    working = True

    def load() -> KeyRing:
        if not working:
            raise RuntimeError("the secret store is away")
        return ring("old")

    manager = ClaimCheckManager(store, keys=load)
    known = await manager.offload(payload())
    strange = await ClaimCheckManager(store, keys=ring("new")).offload(payload(letter="b"))
    working = False
    with pytest.raises(EncryptionKeyMissing):
        await manager.retrieve(strange)
    assert "the secret store is away" in caplog.text
    assert await manager.retrieve(known) == payload()


def test_a_source_of_keys_that_fails_at_the_start_fails_the_start() -> None:
    def load() -> KeyRing:
        raise RuntimeError("the secret store is away")

    with pytest.raises(RuntimeError, match="away"):
        ClaimCheckManager(PlainStore(), keys=load)


def test_a_payload_of_any_size_is_unchanged() -> None:
    for size in (0, 1, 15, 16, 17, 1000):
        data = serialize_payload(Payload(data=bytes(size)))
        digest = key("a").digest_of(data)
        blob = seal_envelope(data, ZstdCompression(), key=KEY, encryption_key=key("a"))
        assert data == open_envelope(
            blob, key=KEY, digest=digest, max_plain_bytes=len(data), keyed=True, keys=ring("a")
        )
