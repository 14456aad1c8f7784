"""Payloads too small for the store: encrypted where they are, and bound to their namespace."""

import traceback

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.errors import (
    DecryptionFailed,
    EncryptionKeyMissing,
    ForeignNamespace,
    IntegrityError,
)
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import is_claim_payload, is_encrypted_payload
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.stores.memory import MemoryStore
from tests.core.rings import key, ring
from tests.core.witnesses import Diary, payload

SMALL = payload(500, letter="s")


def manager(
    *names: str, namespace: str = "default", reads: tuple[str, ...] = ()
) -> ClaimCheckManager:
    return ClaimCheckManager(
        MemoryStore(),
        namespace=namespace,
        read_namespaces=reads,
        keys=ring(*names) if names else None,
    )


async def test_a_small_payload_comes_back_and_shows_nothing() -> None:
    encrypted = await manager("a").maybe_offload(SMALL)
    assert is_encrypted_payload(encrypted)
    assert b"sss" not in encrypted.SerializeToString()
    assert b"json/plain" not in encrypted.SerializeToString()
    assert await manager("b", "a").maybe_retrieve(encrypted) == SMALL


async def test_it_grows_by_less_than_200_bytes() -> None:
    encrypted = await manager("a").encrypt(SMALL)
    assert encrypted.ByteSize() - SMALL.ByteSize() < 200


async def test_equal_payloads_are_never_equal_when_encrypted() -> None:
    assert await manager("a").encrypt(SMALL) != await manager("a").encrypt(SMALL)


async def test_a_large_payload_goes_to_the_store() -> None:
    assert is_claim_payload(await manager("a").maybe_offload(payload()))


async def test_without_keys_a_small_payload_stays_as_it_is() -> None:
    assert await manager().maybe_offload(SMALL) == SMALL
    assert await manager().maybe_retrieve(SMALL) == SMALL


async def test_what_is_turned_off_is_still_encrypted() -> None:
    off = ClaimCheckManager(MemoryStore(), policy=OffloadPolicy(enabled=False), keys=ring("a"))
    encrypted = await off.maybe_offload(payload(1_000_000))
    assert is_encrypted_payload(encrypted)
    assert await off.maybe_retrieve(encrypted) == payload(1_000_000)


async def test_what_came_in_the_clear_stays_readable() -> None:
    assert await manager("a").maybe_retrieve(SMALL) == SMALL


async def test_user_data_that_looks_encrypted_comes_back_as_it_was() -> None:
    lookalike = Payload(metadata={"encoding": b"binary/claim-check-encrypted"}, data=b"mine")
    for each in (manager("a"), manager()):
        stored = await each.maybe_offload(lookalike)
        assert is_claim_payload(stored)
        assert await each.maybe_retrieve(stored) == lookalike


async def test_an_encrypted_payload_is_not_taken_from_one_namespace_to_another() -> None:
    encrypted = await manager("a", namespace="payroll").encrypt(SMALL)
    with pytest.raises(ForeignNamespace):
        await manager("a").decrypt(encrypted)
    encrypted.metadata["claimcheck-namespace"] = b"default"
    with pytest.raises(DecryptionFailed):
        await manager("a").decrypt(encrypted)


async def test_a_namespace_that_may_be_read_is_decrypted() -> None:
    encrypted = await manager("a", namespace="payroll").encrypt(SMALL)
    assert await manager("a", reads=("payroll",)).decrypt(encrypted) == SMALL
    assert await manager("a").for_namespace("payroll").decrypt(encrypted) == SMALL
    assert await manager("a").for_replay().decrypt(encrypted) == SMALL


async def test_a_lost_key_is_named_and_seen() -> None:
    encrypted = await manager("a").encrypt(SMALL)
    for reader in (manager("b"), manager()):
        with pytest.raises(EncryptionKeyMissing, match=key("a").id):
            await reader.decrypt(encrypted)
    diary = Diary()
    observed = ClaimCheckManager(MemoryStore(), keys=ring("b"), observers=[diary])
    with pytest.raises(EncryptionKeyMissing):
        await observed.decrypt(encrypted)
    assert [failure.operation for failure in diary.failed] == ["decrypt"]


async def test_every_flipped_bit_is_found() -> None:
    encrypted = await manager("a").encrypt(payload(20))
    reader = manager("a")
    for bit in range(len(encrypted.data) * 8):
        damaged = bytearray(encrypted.data)
        damaged[bit // 8] ^= 1 << bit % 8
        forged = Payload(metadata=encrypted.metadata, data=bytes(damaged))
        with pytest.raises(DecryptionFailed):
            await reader.decrypt(forged)


@pytest.mark.parametrize(
    "changes",
    [
        {"data": b""},
        {"data": b"x" * 23},
        {"data": b"x" * 24},
        {"key": b""},
        {"key": b"\xff\xfe"},
        {"key": b"0" * 16},
    ],
)
async def test_what_was_never_encrypted_by_us_is_refused(changes: dict[str, bytes]) -> None:
    encrypted = await manager("a").encrypt(SMALL)
    forged = Payload(metadata=encrypted.metadata, data=changes.get("data", encrypted.data))
    if "key" in changes:
        forged.metadata["claimcheck-key"] = changes["key"]
    with pytest.raises(IntegrityError) as caught:
        await manager("a").decrypt(forged)
    assert "sss" not in "".join(traceback.format_exception(caught.value))


async def test_a_payload_without_a_namespace_is_of_a_foreign_one() -> None:
    encrypted = await manager("a").encrypt(SMALL)
    for namespace in (None, b"", b"\xff\xff"):
        forged = Payload(metadata=encrypted.metadata, data=encrypted.data)
        if namespace is None:
            del forged.metadata["claimcheck-namespace"]
        else:
            forged.metadata["claimcheck-namespace"] = namespace
        with pytest.raises(ForeignNamespace):
            await manager("a").decrypt(forged)
