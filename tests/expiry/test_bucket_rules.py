"""Lifecycle rules as data: ours, and what others' do to us."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from temporal_claimcheck.gc.lifecycle.bucket_rules import (
    BucketPlace,
    azure_policy,
    gcs_configuration,
    harms,
    merged,
    removes_unfinished_uploads,
    s3_rule,
    s3_xml,
)
from temporal_claimcheck.keyspace import namespace_prefix
from temporal_claimcheck.ledger import LEDGER_PREFIX

PROD = BucketPlace(scheme="s3", bucket="claims", prefix="team/prod")
BARE = BucketPlace(scheme="s3", bucket="claims")


def rule(**more: Any) -> dict[str, Any]:
    return {"ID": "theirs", "Status": "Enabled", "Expiration": {"Days": 30}} | more


@pytest.mark.parametrize("place", [PROD, BARE])
def test_our_rule_reaches_payloads_and_no_record(place: BucketPlace) -> None:
    prefix = s3_rule(place, 90)["Filter"]["Prefix"]
    below = f"{place.prefix}/" if place.prefix else ""
    assert (below + namespace_prefix("default")).startswith(prefix)
    assert not (below + LEDGER_PREFIX).startswith(prefix)
    assert [harm.does for harm in harms([s3_rule(place, 90)], place)] == ["expires payloads"]


def test_without_days_our_rule_clears_unfinished_uploads_alone() -> None:
    ours = s3_rule(PROD, None)
    assert "Expiration" not in ours
    assert harms([ours], PROD) == []
    assert removes_unfinished_uploads([ours], PROD)


def test_the_xml_says_what_the_json_says() -> None:
    root = ET.fromstring(s3_xml(s3_rule(PROD, 90)))  # noqa: S314  # our own
    names = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
    assert root.findtext("s3:Rule/s3:Filter/s3:Prefix", None, names) == "team/prod/v1/"
    assert root.findtext("s3:Rule/s3:Expiration/s3:Days", None, names) == "90"


def test_merging_replaces_our_rule_and_keeps_the_others_in_their_order() -> None:
    first, last = rule(ID="first"), rule(ID="last")
    old = s3_rule(PROD, 10)
    assert merged([first, old, last], PROD, 90) == [first, last, s3_rule(PROD, 90)]


def test_two_stores_in_a_bucket_have_a_rule_each() -> None:
    rules = merged(merged([], PROD, 90), BARE, 10)
    assert [each["Filter"]["Prefix"] for each in rules] == ["team/prod/v1/", "v1/"]


@pytest.mark.parametrize(
    "scope",
    [
        {"Filter": {"Prefix": ""}},
        {"Filter": {}},
        {"Prefix": ""},
        {"Prefix": "team/"},
        {"Filter": {"And": {"Prefix": "team/prod/", "ObjectSizeGreaterThan": 5}}},
    ],
    ids=str,
)
def test_a_rule_for_all_takes_payloads_and_records(scope: dict[str, Any]) -> None:
    found = harms([rule(**scope)], PROD)
    assert [(harm.does.split()[0], harm.days) for harm in found] == [
        ("expires", 30),
        ("expires", None),
    ]
    assert "records" in found[1].does


@pytest.mark.parametrize("prefix", ["team/prod/v1/", "team/prod/v1/default/", "team/prod/v"])
def test_a_rule_for_a_part_of_the_payloads_counts(prefix: str) -> None:
    assert [harm.days for harm in harms([rule(Filter={"Prefix": prefix})], PROD)] == [30]


@pytest.mark.parametrize(
    "other",
    [
        rule(Filter={"Prefix": "logs/"}),
        rule(Filter={"Prefix": "team/production/"}),
        rule(Filter={"Tag": {"Key": "temporary", "Value": "yes"}}),
        rule(Filter={"And": {"Prefix": "", "Tags": [{"Key": "a", "Value": "b"}]}}),
        rule(Status="Disabled", Filter={}),
        rule(Filter={}, Expiration={"ExpiredObjectDeleteMarker": True}),
        rule(Filter={}, Expiration={}, Transitions=[{"Days": 1, "StorageClass": "STANDARD_IA"}]),
    ],
    ids=str,
)
def test_a_rule_that_takes_nothing_of_ours_is_no_harm(other: dict[str, Any]) -> None:
    assert harms([other], PROD) == []


def test_an_archive_is_as_bad_as_an_expiry_and_a_date_takes_all() -> None:
    archive = rule(
        Filter={"Prefix": "team/prod/v1/"},
        Expiration={},
        Transitions=[{"Days": 60, "StorageClass": "GLACIER"}],
    )
    date = rule(Filter={"Prefix": "team/prod/v1/"}, Expiration={"Date": "2026-12-01"})
    assert [harm.days for harm in harms([archive, date], PROD)] == [60, 0]


def test_what_goes_to_google_and_azure_names_payloads_alone() -> None:
    delete, abort = gcs_configuration(PROD, 90)["rule"]
    assert delete == {
        "action": {"type": "Delete"},
        "condition": {"age": 90, "matchesPrefix": ["team/prod/v1/"]},
    }
    assert abort["condition"]["matchesPrefix"] == ["team/prod/v1/"]
    assert gcs_configuration(PROD, None)["rule"] == [abort]
    [policy] = azure_policy(PROD, 90)["rules"]
    assert policy["definition"]["filters"]["prefixMatch"] == ["claims/team/prod/v1/"]
