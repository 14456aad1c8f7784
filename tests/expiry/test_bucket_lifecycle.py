"""Lifecycle rules on real servers: SeaweedFS keeps them, rclone knows nothing of them."""

import importlib
import sys
from typing import Any

import pytest

from temporal_claimcheck import Settings
from temporal_claimcheck.errors import InvalidSettings, MissingExtra, StoreDenied, StoreUnavailable
from temporal_claimcheck.gc.lifecycle.bucket_lifecycle import BucketLifecycle
from temporal_claimcheck.gc.lifecycle.bucket_rules import BucketPlace, s3_rule
from temporal_claimcheck.testing.servers import S3Server

PLACE = BucketPlace(scheme="s3", bucket="claims", prefix="prod")
THEIRS = {
    "ID": "theirs",
    "Status": "Enabled",
    "Filter": {"Prefix": "logs/"},
    "Expiration": {"Days": 30},
}


def boto(server: S3Server) -> Any:
    return importlib.import_module("boto3").client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
    )


def lifecycle(
    server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    place: BucketPlace = PLACE,
    *,
    secret: str | None = None,
    endpoint: str | None = None,
) -> BucketLifecycle:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret or server.secret_access_key)
    settings = Settings.load(
        store="s3://claims/prod",
        s3_endpoint=endpoint or server.endpoint,
        s3_region="us-east-1",
        connect_timeout_seconds=1,
    )
    return BucketLifecycle(settings, place)


def set_theirs(server: S3Server, *rules: dict[str, Any]) -> None:
    boto(server).put_bucket_lifecycle_configuration(
        Bucket="claims", LifecycleConfiguration={"Rules": list(rules)}
    )


async def test_our_rule_is_put_beside_the_others_and_replaced(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_theirs(s3, THEIRS)
    bucket = lifecycle(s3, monkeypatch)
    await bucket.set(64)
    await bucket.set(90)
    assert [dict(rule) for rule in await bucket.rules()] == [THEIRS, s3_rule(PLACE, 90)]


async def test_without_days_an_expiry_of_ours_is_taken_back(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_theirs(s3, THEIRS, s3_rule(PLACE, 5))
    after = await lifecycle(s3, monkeypatch).set(None)
    assert [dict(rule) for rule in after] == [THEIRS, s3_rule(PLACE, None)]


async def test_a_bucket_without_rules_has_none(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto(s3).delete_bucket_lifecycle(Bucket="claims")
    assert list(await lifecycle(s3, monkeypatch).rules()) == []


async def test_a_server_without_lifecycle_rules_says_so_and_keeps_its_bucket(
    rclone: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto(rclone).put_object(Bucket="claims", Key="prod/v1/here", Body=b"still")
    bucket = lifecycle(rclone, monkeypatch)
    with pytest.raises(InvalidSettings, match="does not take lifecycle rules"):
        await bucket.rules()
    with pytest.raises(InvalidSettings, match="does not take lifecycle rules"):
        await bucket.set(64)
    found = boto(rclone).get_object(Bucket="claims", Key="prod/v1/here")
    assert found["Body"].read() == b"still"


async def test_r2_is_asked_with_its_own_credentials(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_theirs(s3, THEIRS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of something else")
    monkeypatch.setenv("R2_ENDPOINT", s3.endpoint)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", s3.secret_access_key)
    place = BucketPlace(scheme="r2", bucket="claims")
    after = await BucketLifecycle(Settings.load(store="r2://claims"), place).set(64)
    assert [dict(rule) for rule in after] == [THEIRS, s3_rule(place, 64)]


def test_without_boto_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(MissingExtra, match=r"temporal-claimcheck\[lifecycle\]"):
        BucketLifecycle(Settings.load(store="s3://claims"), PLACE)


def test_an_endpoint_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    settings = Settings.load(store="s3://claims", s3_endpoint="http://not a host")
    with pytest.raises(InvalidSettings, match="CLAIMCHECK_S3_REGION"):
        BucketLifecycle(settings, PLACE)


async def test_wrong_credentials_name_the_permissions(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreDenied, match="s3:GetLifecycleConfiguration"):
        await lifecycle(s3, monkeypatch, secret="wrong").rules()


async def test_a_bucket_that_is_not_there_is_named(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = BucketPlace(scheme="s3", bucket="nowhere")
    with pytest.raises(InvalidSettings, match="no bucket nowhere"):
        await lifecycle(s3, monkeypatch, nowhere).rules()


async def test_a_server_that_is_down_is_unavailable(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    bucket = lifecycle(s3, monkeypatch, endpoint=f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(StoreUnavailable):
        await bucket.rules()
