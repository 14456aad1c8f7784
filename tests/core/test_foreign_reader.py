"""What others wrote is read where that is allowed: once, whole, and nothing else is."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from temporal_claimcheck import ClaimCheckCodec, ClaimCheckManager
from temporal_claimcheck.errors import (
    BlobCorrupt,
    BlobNotFound,
    ClaimCheckError,
    ConfigurationError,
    DigestMismatch,
    ForeignBucket,
    ForeignNamespace,
    InvalidClaim,
    InvalidSettings,
    PayloadTooLarge,
)
from temporal_claimcheck.foreign.sources import ForeignSources
from temporal_claimcheck.payloads import is_claim_payload, serialize_payload
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.temporal.s3_driver import S3DriverReader
from temporal_claimcheck.wiring import build_foreign
from tests.core.foreign_values import UUID, DictValues, recipe_claim, s3_key, s3_reference
from tests.core.witnesses import Diary, payload

THEIRS = payload(300_000, letter="r")
THEIR_BYTES = serialize_payload(THEIRS)
S3_KEY = s3_key(THEIR_BYTES)


def build(recipe: DictValues | None, bucket: DictValues | None, **more: Any) -> ClaimCheckManager:
    sources = ForeignSources(
        recipe=recipe, s3_driver_buckets={"payloads": bucket} if bucket else {}
    )
    return ClaimCheckManager(MemoryStore(), foreign=sources, **more)


def full() -> tuple[DictValues, DictValues]:
    return DictValues({UUID: THEIR_BYTES}), DictValues({S3_KEY: THEIR_BYTES})


async def test_what_others_stored_comes_back() -> None:
    manager = build(*full())
    assert await manager.maybe_retrieve(recipe_claim()) == THEIRS
    assert await manager.maybe_retrieve(s3_reference(S3_KEY)) == THEIRS


async def test_nothing_of_others_is_read_unless_it_is_configured() -> None:
    manager = ClaimCheckManager(MemoryStore())
    assert await manager.maybe_retrieve(recipe_claim()) == recipe_claim()
    assert await manager.maybe_offload(recipe_claim()) == recipe_claim()
    assert await ClaimCheckCodec(manager).decode([recipe_claim()]) == [recipe_claim()]
    assert await ClaimCheckCodec(manager).encode([recipe_claim()]) == [recipe_claim()]
    with pytest.raises(InvalidClaim, match="CLAIMCHECK_READ_S3_DRIVER_BUCKETS"):
        await manager.maybe_retrieve(s3_reference(S3_KEY))


async def test_the_one_is_not_read_because_the_other_is() -> None:
    recipe, bucket = full()
    manager = build(None, bucket)
    assert await manager.maybe_retrieve(recipe_claim()) == recipe_claim()
    with pytest.raises(InvalidClaim):
        await build(recipe, None).maybe_retrieve(s3_reference(S3_KEY))
    assert not recipe.reads
    assert not bucket.reads


async def test_another_drivers_references_are_still_refused() -> None:
    manager = build(*full())
    with pytest.raises(InvalidClaim, match="another driver"):
        await manager.maybe_retrieve(s3_reference(S3_KEY, driver="aws.s3driver.two"))


@pytest.mark.parametrize(
    ("forged", "error"),
    [
        (s3_reference(S3_KEY, bucket="secrets"), ForeignBucket),
        (s3_reference(s3_key(THEIR_BYTES, "payroll")), ForeignNamespace),
        (s3_reference(s3_key(THEIR_BYTES, "pay%72oll")), ForeignNamespace),
        (s3_reference(S3_KEY.replace("/wi/w/", "/wi/../")), ClaimCheckError),
        (recipe_claim("session:42"), InvalidClaim),
        (recipe_claim(f"../{UUID}"), InvalidClaim),
    ],
)
async def test_a_forged_claim_is_refused_before_anything_is_read(
    forged: Payload, error: type[ClaimCheckError]
) -> None:
    recipe, bucket = full()
    with pytest.raises(error):
        await build(recipe, bucket).maybe_retrieve(forged)
    assert not recipe.reads
    assert not bucket.reads


async def test_another_namespace_is_read_where_it_may_be_and_in_a_replay() -> None:
    key = s3_key(THEIR_BYTES, "payroll")
    reader = build(None, DictValues({key: THEIR_BYTES}), read_namespaces=["payroll"])
    assert await reader.maybe_retrieve(s3_reference(key)) == THEIRS
    other = build(None, DictValues({key: THEIR_BYTES}))
    for allowed in (
        other.for_namespace("payroll"),
        other.for_replay(),
        other.for_replay().for_namespace("orders"),
    ):
        assert await allowed.maybe_retrieve(s3_reference(key)) == THEIRS
    with pytest.raises(ForeignNamespace):
        await other.for_namespace("shipping").maybe_retrieve(s3_reference(key))
    with pytest.raises(ForeignNamespace):
        await other.for_namespace("shipping").maybe_retrieve(s3_reference(S3_KEY))


async def test_a_replay_reads_no_bucket_that_is_not_listed() -> None:
    manager = build(*full()).for_replay()
    with pytest.raises(ForeignBucket):
        await manager.maybe_retrieve(s3_reference(S3_KEY, bucket="secrets"))


@pytest.mark.parametrize("found", [THEIR_BYTES[:-1], THEIR_BYTES + b"\0", b"", b"x" * 200_000])
async def test_an_object_with_another_digest_is_never_handed_out(found: bytes) -> None:
    with pytest.raises(DigestMismatch) as caught:
        await build(None, DictValues({S3_KEY: found})).maybe_retrieve(s3_reference(S3_KEY))
    assert "/d/sha256/" in str(caught.value)


async def test_what_is_no_payload_is_never_handed_out() -> None:
    nonsense = b"\xff nothing of Temporal's"
    key = s3_key(nonsense)
    manager = build(DictValues({UUID: nonsense}), DictValues({key: nonsense}))
    for claim in (recipe_claim(), s3_reference(key)):
        with pytest.raises(BlobCorrupt):
            await manager.maybe_retrieve(claim)


async def test_what_is_missing_is_an_error() -> None:
    manager = build(DictValues(), DictValues({"other": b""}))
    for claim in (recipe_claim(), s3_reference(S3_KEY)):
        with pytest.raises(BlobNotFound):
            await manager.maybe_retrieve(claim)


async def test_the_cap_holds_for_what_others_stored() -> None:
    policy = OffloadPolicy(max_payload_bytes=len(THEIR_BYTES) - 1)
    manager = build(*full(), policy=policy)
    for claim in (recipe_claim(), s3_reference(S3_KEY)):
        with pytest.raises(PayloadTooLarge):
            await manager.maybe_retrieve(claim)


async def test_the_bytes_in_flight_are_bounded() -> None:
    manager = build(*full(), max_bytes_in_flight=len(THEIR_BYTES))
    async with manager._vault.hold(1):
        waiting = asyncio.create_task(manager.maybe_retrieve(recipe_claim()))
        while not (waiting.done() or manager._vault._budget.get()._waiting):
            await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting == THEIRS


LOOKALIKES: dict[str, Callable[[], Payload]] = {
    "the recipe's claim": recipe_claim,
    "the recipe's claim with nonsense": lambda: recipe_claim("nonsense"),
    "the S3 driver's reference": lambda: s3_reference(S3_KEY),
}


@pytest.mark.parametrize("make", LOOKALIKES.values(), ids=LOOKALIKES)
@pytest.mark.parametrize("enabled", [True, False], ids=["enabled", "disabled"])
async def test_user_data_that_looks_like_others_claims_comes_back(
    make: Callable[[], Payload], *, enabled: bool
) -> None:
    recipe, bucket = full()
    manager = build(recipe, bucket, policy=OffloadPolicy(enabled=enabled))
    stored = await manager.maybe_offload(make())
    assert is_claim_payload(stored)
    assert await manager.maybe_retrieve(stored) == make()
    codec = ClaimCheckCodec(manager)
    assert await codec.decode(await codec.encode([make()])) == [make()]
    assert not recipe.reads
    assert not bucket.reads


def as_user_data() -> list[Payload]:
    encrypted = Payload(metadata={"encoding": b"binary/claim-check-encrypted"}, data=b"?")
    return [recipe_claim(), s3_reference(S3_KEY), claim_payload_of_nothing(), encrypted]


def claim_payload_of_nothing() -> Payload:
    return Payload(metadata={"encoding": b"json/claim-check"}, data=b"{}")


@pytest.mark.parametrize("inner", as_user_data(), ids=["recipe", "s3-driver", "ours", "encrypted"])
async def test_what_was_read_is_never_read_further(inner: Payload) -> None:
    data = serialize_payload(inner)
    recipe, bucket = DictValues({UUID: data}), DictValues({s3_key(data): data})
    manager = build(recipe, bucket)
    codec = ClaimCheckCodec(manager)
    assert await manager.maybe_retrieve(recipe_claim()) == inner
    assert await codec.decode([recipe_claim()]) == [inner]
    # As the SDK does it: first the driver, then the codec.
    claim = manager_claim(s3_key(data))
    [retrieved] = await S3DriverReader(manager).retrieve(StorageDriverRetrieveContext(), [claim])
    assert await codec.decode([retrieved]) == [inner]
    assert recipe.reads == {UUID: 2}
    assert bucket.reads == {s3_key(data): 1}


def manager_claim(key: str) -> StorageDriverClaim:
    return StorageDriverClaim(
        claim_data={
            "bucket": "payloads",
            "key": key,
            "hash_algorithm": "sha256",
            "hash_value": key[-64:],
        }
    )


async def test_only_this_process_can_mark_something_as_data() -> None:
    manager = build(*full())
    inner = build(*full()).foreign.as_data(recipe_claim())
    assert await ClaimCheckCodec(manager).decode([inner]) == [inner]
    own = manager.for_namespace("other").foreign.as_data(recipe_claim())
    assert await ClaimCheckCodec(manager).decode([own]) == [recipe_claim()]


async def test_the_reader_stores_nothing() -> None:
    with pytest.raises(ConfigurationError, match="only reads"):
        await S3DriverReader(build(*full())).store(StorageDriverStoreContext(), [THEIRS])


async def test_observers_are_told_where_it_was() -> None:
    diary = Diary()
    manager = build(*full(), observers=[diary], namespace="orders", read_namespaces=["default"])
    await manager.maybe_retrieve_many([recipe_claim(), s3_reference(S3_KEY)])
    assert {event.key for event in diary.retrieved} == {
        f"dict://others/{UUID}",
        f"dict://others/{S3_KEY}",
    }
    assert {event.namespace for event in diary.retrieved} == {"orders", "default"}
    assert {event.payload_bytes for event in diary.retrieved} == {len(THEIR_BYTES)}
    with pytest.raises(BlobNotFound):
        await manager.maybe_retrieve(recipe_claim(UUID.replace("0", "1")))
    with pytest.raises(ForeignBucket):
        await manager.maybe_retrieve(s3_reference(S3_KEY, bucket="secrets"))
    assert [event.key is None for event in diary.failed] == [False, True]


SECRET = "hunter2"


@pytest.mark.parametrize(
    "overrides",
    [
        {"read_recipe_store": f"ftp://u:{SECRET}@host/x"},
        {"read_recipe_store": SECRET},
        {"read_recipe_store": f"redis://:{SECRET}@/0"},
        {"read_recipe_store": f"redis://:{SECRET}@host/first"},
        {"read_recipe_store": f"redis://:{SECRET}@host:port/0"},
        {"read_recipe_store": f"redis://:{SECRET}@[host/0"},
        {"read_recipe_store": "r2://bucket"},
        {"read_recipe_store": "s3:///claims"},
        {"read_s3_driver_buckets": "s3://payloads"},
        {"read_s3_driver_buckets": "payloads/prefix"},
        {"read_s3_driver_buckets": "arn:aws:s3:us-east-1:1:accesspoint/a"},
    ],
)
def test_wrong_places_are_refused_without_showing_them(overrides: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings) as caught:
        build_foreign(Settings.load(**overrides))
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__cause__)


def test_places_are_named_without_passwords() -> None:
    sources = build_foreign(
        Settings.load(
            read_recipe_store=f"redis://:{SECRET}@host:6380/3",
            read_s3_driver_buckets=frozenset({"payloads", "old.payloads"}),
            s3_region="us-east-1",
        )
    )
    assert sources.recipe is not None
    assert sources.recipe.name == "redis://host:6380/3"
    assert {name: values.name for name, values in sources.s3_driver_buckets.items()} == {
        "payloads": "s3://payloads/",
        "old.payloads": "s3://old.payloads/",
    }


@pytest.mark.parametrize(
    ("url", "name"),
    [("s3://claims", "s3://claims/"), ("rediss://host", "rediss://host:6379")],
)
def test_the_recipe_may_lie_in_redis_or_in_a_bucket(url: str, name: str) -> None:
    sources = build_foreign(Settings.load(read_recipe_store=url, s3_region="us-east-1"))
    assert sources.recipe is not None
    assert sources.recipe.name == name
    assert not sources.s3_driver_buckets
