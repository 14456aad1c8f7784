"""Lifecycle rules of buckets: ours, and what the rules of others do to our objects. Pure.

Ours touches payloads alone, below `v1/`. The claim check's records below `ledger/` never expire:
in them stands who writes and what is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree as ET

from temporal_claimcheck.keyspace import KEYSPACE_VERSION
from temporal_claimcheck.ledger import LEDGER_PREFIX

__all__ = [
    "ABORT_DAYS",
    "BucketPlace",
    "Harm",
    "azure_policy",
    "gcs_configuration",
    "harms",
    "merged",
    "removes_unfinished_uploads",
    "s3_rule",
    "s3_xml",
]

Rule = Mapping[str, Any]
"""A rule as the S3 API has it, in JSON."""

ABORT_DAYS: Final = 1
"""An upload in parts takes an hour at most; what is left of it after a day is nobody's."""

_ID: Final = "temporal-claimcheck"
# What lies there is not handed out before it was restored, which takes hours.
_ARCHIVES: Final = frozenset(("GLACIER", "DEEP_ARCHIVE"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlace:
    """Where a store lies."""

    scheme: str
    """s3, r2, gs or az."""
    bucket: str
    prefix: str = ""
    """What goes before every key, without a slash at either end."""

    @property
    def payloads(self) -> str:
        """What the names of all payloads begin with."""
        return self._below(f"{KEYSPACE_VERSION}/")

    @property
    def records(self) -> str:
        """What the names of the claim check's own records begin with."""
        return self._below(LEDGER_PREFIX)

    @property
    def rule_id(self) -> str:
        """The name of our rule; stores in one bucket have a rule each."""
        # Not every server takes a slash in a name.
        return f"{_ID} {self.prefix.replace('/', '.')}".strip()

    def _below(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What a configured rule does to our objects."""

    rule: str
    """Its id."""
    does: str
    """What, in words."""
    days: int | None
    """From which age on; None for what is never right."""


def s3_rule(place: BucketPlace, days: int | None) -> dict[str, Any]:
    """Return our rule; without days nothing expires but unfinished uploads."""
    rule: dict[str, Any] = {
        "ID": place.rule_id,
        "Status": "Enabled",
        "Filter": {"Prefix": place.payloads},
    }
    if days is not None:
        rule["Expiration"] = {"Days": days}
    rule["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": ABORT_DAYS}
    return rule


def s3_xml(rule: Rule) -> str:
    """Return a configuration of one rule as XML."""
    root = ET.Element("LifecycleConfiguration", xmlns="http://s3.amazonaws.com/doc/2006-03-01/")
    _add(ET.SubElement(root, "Rule"), rule)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def _add(element: ET.Element, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        child = ET.SubElement(element, name)
        if isinstance(value, Mapping):
            _add(child, value)  # pyright: ignore[reportUnknownArgumentType]
        else:
            child.text = str(value)


def gcs_configuration(place: BucketPlace, days: int | None) -> dict[str, Any]:
    """Return a lifecycle configuration for `gcloud storage buckets update --lifecycle-file`."""
    below = {"matchesPrefix": [place.payloads]}
    abort = {
        "action": {"type": "AbortIncompleteMultipartUpload"},
        "condition": {"age": ABORT_DAYS, **below},
    }
    if days is None:
        return {"rule": [abort]}
    return {"rule": [{"action": {"type": "Delete"}, "condition": {"age": days, **below}}, abort]}


def azure_policy(place: BucketPlace, days: int) -> dict[str, Any]:
    """Return a policy for `az storage account management-policy create`.

    Azure forgets unfinished uploads by itself after a week.
    """
    prefix = f"{place.bucket}/{place.payloads}"
    return {
        "rules": [
            {
                "enabled": True,
                "name": _ID,
                "type": "Lifecycle",
                "definition": {
                    "actions": {
                        # Objects never change, so their creation is their last change.
                        "baseBlob": {"delete": {"daysAfterModificationGreaterThan": days}}
                    },
                    "filters": {"blobTypes": ["blockBlob"], "prefixMatch": [prefix]},
                },
            }
        ]
    }


def merged(rules: Sequence[Rule], place: BucketPlace, days: int | None) -> list[Rule]:
    """Return the bucket's rules with ours as it should be, and all others as they are."""
    others = [rule for rule in rules if rule.get("ID") != place.rule_id]
    return [*others, s3_rule(place, days)]


def harms(rules: Sequence[Rule], place: BucketPlace) -> list[Harm]:
    """Return what the rules that are switched on take from us, and from which age on."""
    found: list[Harm] = []
    for rule in rules:
        prefix = _reach(rule)
        if prefix is None:
            continue
        name = str(rule.get("ID") or "without a name")
        for does, days in _takes(rule):
            if _touches(prefix, place.payloads):
                found.append(Harm(rule=name, does=f"{does} payloads", days=days))
            if _touches(prefix, place.records):
                what = f"{does} the claim check's records below {place.records}"
                found.append(Harm(rule=name, does=what, days=None))
    return found


def removes_unfinished_uploads(rules: Sequence[Rule], place: BucketPlace) -> bool:
    """Return whether what is left of uploads in parts is cleared away."""
    return any(
        "AbortIncompleteMultipartUpload" in rule
        and (prefix := _reach(rule)) is not None
        and place.payloads.startswith(prefix)
        for rule in rules
    )


def _reach(rule: Rule) -> str | None:
    """Return the prefix that a rule is for; None for one that cannot touch our objects."""
    if rule.get("Status") != "Enabled":
        return None
    scope: Mapping[str, Any] = rule.get("Filter") or {}
    both: Mapping[str, Any] = scope.get("And") or {}
    if "Tag" in scope or both.get("Tags"):
        return None  # our objects have no tags
    return scope.get("Prefix") or both.get("Prefix") or rule.get("Prefix") or ""


def _takes(rule: Rule) -> list[tuple[str, int]]:
    """Return what a rule does to objects of which age. A date is the age 0: it takes them all."""
    taken: list[tuple[str, int]] = []
    expiration: Mapping[str, Any] = rule.get("Expiration") or {}
    if "Days" in expiration or "Date" in expiration:
        taken.append(("expires", int(expiration.get("Days", 0))))
    taken += [
        ("archives", int(transition.get("Days", 0)))
        for transition in rule.get("Transitions") or ()
        if transition.get("StorageClass") in _ARCHIVES
    ]
    return taken


def _touches(prefix: str, ours: str) -> bool:
    return ours.startswith(prefix) or prefix.startswith(ours)
