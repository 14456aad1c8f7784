"""Claims that others wrote: taken apart exactly as they were written, or refused."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.errors import ClaimError, InvalidClaim, InvalidKey, UnsupportedClaim
from temporal_claimcheck.foreign.recipe import RecipeClaim, is_recipe_claim
from temporal_claimcheck.foreign.s3_driver import S3DriverClaim, S3DriverOwner
from temporal_claimcheck.payloads import reference_in

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
DIGEST = "3f" * 32
MARKS = {"encoding": b"claim-checked", "temporal.io/claim-check-codec": b"v1"}


def claim_data(key: str, **other: str) -> dict[str, str]:
    return {
        "bucket": "payloads",
        "key": key,
        "hash_algorithm": "sha256",
        "hash_value": DIGEST,
        **other,
    }


def test_the_recipes_claim_is_its_uuid() -> None:
    payload = Payload(metadata=MARKS, data=UUID.encode())
    assert is_recipe_claim(payload)
    assert RecipeClaim.parse(payload).key == UUID


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"encoding": b"claim-checked"},
        {"temporal.io/claim-check-codec": b"v1"},
        {**MARKS, "encoding": b"json/plain"},
        {**MARKS, "temporal.io/claim-check-codec": b"v1c"},
        {**MARKS, "temporal.io/claim-check-codec": b"v2"},
    ],
)
def test_other_metadata_is_no_claim_of_the_recipe(metadata: dict[str, bytes]) -> None:
    assert not is_recipe_claim(Payload(metadata=metadata, data=UUID.encode()))


@pytest.mark.parametrize(
    "data",
    [
        "",
        UUID.upper(),
        UUID.replace("-", ""),
        f"{{{UUID}}}",
        f"{UUID}\n",
        f" {UUID}",
        f"urn:uuid:{UUID}",
        "0f8fad5b-d9cb-169f-a165-70867728950e",  # of version 1
        "0f8fad5b-d9cb-469f-7165-70867728950e",  # of another variant
        f"../{UUID}",
        f"{UUID}/../secrets",
        "session:42",
        "claimcheck/v1/default/2026-11-22/" + DIGEST,
    ],
)
def test_no_other_key_of_the_recipes_store_can_be_named(data: str) -> None:
    with pytest.raises(InvalidClaim):
        RecipeClaim.parse(Payload(metadata=MARKS, data=data.encode()))


@pytest.mark.parametrize(
    ("key", "namespace"),
    [
        ("v0/ns/default/wt/Pipeline/wi/order-1/ri/null", "default"),
        ("v0/ns/default/wt/Pipeline/wi/order-1/ri/0f8fad5b-d9cb-469f-a165-70867728950e", "default"),
        ("v0/ns/default/at/transform/ai/7/ri/null", "default"),
        ("v0/ns/prod.acct1/wt/null/wi/a%2Fb%20c/ri/null", "prod.acct1"),
        ("v0/ns/caf%C3%A9/wt/T/wi/w/ri/null", "caf\u00e9"),
        # Up to release 1.34 and after it.
        ("v0/ns/default/wt/T/wi/~%21%2A%27%28%29/ri/null", "default"),
        ("v0/ns/default/wt/T/wi/%7E!*'()/ri/null", "default"),
        ("v0/ns/default/wt/T/wi/.hidden/ri/null", "default"),
        ("v0/ns/default/wt/T/wi/.../ri/null", "default"),
        ("v0/ns/null/wt/T/wi/w/ri/null", "null"),
        # The whole would have been too long; no target was known; no namespace either.
        ("v0/ns/default", "default"),
        ("v0", None),
        ("v0/wt/T/wi/w/ri/null", None),
    ],
)
def test_every_key_that_the_s3_driver_makes_is_read(key: str, namespace: str | None) -> None:
    claim = S3DriverClaim.parse(claim_data(f"{key}/d/sha256/{DIGEST}"))
    assert claim == S3DriverClaim(
        bucket="payloads", key=f"{key}/d/sha256/{DIGEST}", namespace=namespace, digest=DIGEST
    )


@pytest.mark.parametrize(
    "key",
    [
        "",
        DIGEST,
        f"d/sha256/{DIGEST}",
        f"v1/d/sha256/{DIGEST}",
        f"/v0/d/sha256/{DIGEST}",
        f"v0//d/sha256/{DIGEST}",
        f"v0/d/sha256/{DIGEST}/",
        f"v0/d/sha256/{DIGEST}\n",
        f"v0/d/sha256/{DIGEST.upper()}",
        f"v0/d/sha256/{DIGEST[:-1]}",
        f"v0/d/md5/{DIGEST}",
        f"v0/ns//d/sha256/{DIGEST}",
        f"v0/ns/../d/sha256/{DIGEST}",
        f"v0/ns/default/../secrets/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/../ri/null/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/./ri/null/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/a/b/ri/null/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/a b/ri/null/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/a%2fb/ri/null/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/a%/ri/null/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/\u00e9/ri/null/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/a?versionId=1/ri/null/d/sha256/{DIGEST}",
        f"v0/ns/%FF/d/sha256/{DIGEST}",
        f"v0/ns/default/wt/T/wi/{'a' * 1000}/ri/null/d/sha256/{DIGEST}",
    ],
)
def test_a_key_that_the_s3_driver_does_not_make_is_refused(key: str) -> None:
    with pytest.raises(InvalidKey):
        S3DriverClaim.parse(claim_data(key))


KEY = f"v0/ns/default/d/sha256/{DIGEST}"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({}, InvalidClaim),
        ({name: text for name, text in claim_data(KEY).items() if name != "bucket"}, InvalidClaim),
        (claim_data(KEY, region="us-east-1"), InvalidClaim),
        (claim_data(KEY, hash_value="40" * 32), InvalidClaim),
        (claim_data(KEY, hash_value=""), InvalidClaim),
        (claim_data(KEY, hash_algorithm="md5"), UnsupportedClaim),
        (claim_data(KEY, hash_algorithm="SHA256"), UnsupportedClaim),
        (claim_data(KEY, bucket=""), InvalidClaim),
        (claim_data(KEY, bucket="payloads/other"), InvalidClaim),
        (claim_data(KEY, bucket="payloads\n"), InvalidClaim),
        (claim_data(KEY, bucket="../payloads"), InvalidClaim),
        (claim_data(KEY, bucket="arn:aws:s3:us-east-1:1:accesspoint/a"), InvalidClaim),
        (claim_data(KEY, bucket="a" * 64), InvalidClaim),
    ],
)
def test_an_altered_claim_of_the_s3_driver_is_refused(
    data: dict[str, str], error: type[ClaimError]
) -> None:
    with pytest.raises(error):
        S3DriverClaim.parse(data)


LEGACY = {"encoding": b"json/external-storage-reference"}


def test_the_references_of_early_releases_are_read() -> None:
    reference = reference_in(
        Payload(
            metadata=LEGACY,
            data=b'{"driver_name":"aws.s3driver","driver_claim":{"claim_data":{"bucket":"b"}}}',
        )
    )
    assert reference.driver_name == "aws.s3driver"
    assert dict(reference.claim_data) == {"bucket": "b"}


@given(st.binary() | st.sampled_from([b"[" * 100_000, b"1", b'{"driver_name":[]}', b"null"]))
def test_no_early_reference_raises_anything_but_a_claim_error(data: bytes) -> None:
    with contextlib.suppress(ClaimError):
        reference_in(Payload(metadata=LEGACY, data=data))


@given(
    st.dictionaries(
        st.sampled_from(["driver_name", "driver_claim"]),
        st.recursive(
            st.none() | st.text() | st.integers(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.text() | st.just("claim_data"), inner)
            ),
        ),
    )
)
def test_no_early_reference_of_another_form_raises_anything_but_a_claim_error(
    reference: dict[str, object],
) -> None:
    with contextlib.suppress(ClaimError):
        reference_in(Payload(metadata=LEGACY, data=json.dumps(reference).encode()))


HASHED_KEY = f"v0/ns/default/wt/T/wi/w/ri/null/d/sha256/{DIGEST}"
SNAKE = {"hash_algorithm": "sha256", "hash_value": DIGEST}
CAMEL = {"hashAlgorithm": "sha256", "hashValue": DIGEST}


@pytest.mark.parametrize("hashes", [SNAKE, CAMEL, SNAKE | CAMEL], ids=["snake", "camel", "both"])
def test_the_digest_is_read_under_the_names_that_every_sdk_gives_it(hashes: dict[str, str]) -> None:
    claim = S3DriverClaim.parse({"bucket": "payloads", "key": HASHED_KEY, **hashes})
    assert claim.digest == DIGEST


@pytest.mark.parametrize(
    "hashes",
    [
        SNAKE | CAMEL | {"hashValue": "0" * 64},
        {"hash_algorithm": "sha256", "hashValue": DIGEST},
        SNAKE | {"hashValue": DIGEST},
        CAMEL | {"extra": "1"},
    ],
    ids=["two digests", "mixed names", "half of the other", "one more"],
)
def test_a_digest_that_is_told_in_another_way_is_refused(hashes: dict[str, str]) -> None:
    with pytest.raises(InvalidClaim):
        S3DriverClaim.parse({"bucket": "payloads", "key": HASHED_KEY, **hashes})


def test_what_is_dumped_has_the_names_of_all_sdks_and_is_parsed_again() -> None:
    claim = S3DriverClaim.to(bucket="payloads", namespace="default", owner=None, digest=DIGEST)
    assert claim.dump().keys() == {"bucket", "key", *SNAKE, *CAMEL}
    assert S3DriverClaim.parse(claim.dump()) == claim


@pytest.mark.parametrize("name", [".", ".."])
def test_an_owner_named_with_dots_alone_is_left_out_of_the_key(name: str) -> None:
    owner = S3DriverOwner(kind="workflow", type="T", id=name, run_id=None)
    claim = S3DriverClaim.to(bucket="payloads", namespace="n", owner=owner, digest=DIGEST)
    assert claim.key == f"v0/ns/n/d/sha256/{DIGEST}"
    assert S3DriverClaim.parse(claim.dump()) == claim
