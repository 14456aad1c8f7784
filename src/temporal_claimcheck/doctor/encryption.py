"""The keys, and whether they open what lies in the store."""

import random
import stat
from collections import Counter
from typing import TYPE_CHECKING, Final

from temporal_claimcheck import wiring
from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome
from temporal_claimcheck.doctor.trouble import trouble_with
from temporal_claimcheck.envelope import read_header
from temporal_claimcheck.errors import (
    BlobNotFound,
    ClaimCheckError,
    IntegrityError,
    InvalidSettings,
    MissingExtra,
)
from temporal_claimcheck.gc.shelves import objects_on
from temporal_claimcheck.keychain import Keychain
from temporal_claimcheck.keyspace import KEYSPACE_VERSION
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.base import BlobInfo, BlobStore, CollectableStore

if TYPE_CHECKING:
    from temporal_claimcheck.transforms.encryption import KeyRing

__all__ = ["check_keys", "check_stored_keys"]

_LISTED: Final = 5_000
_SAMPLE: Final = 24
_LARGEST_BYTES: Final = 4 * 1024**2


async def check_keys(settings: Settings) -> Outcome[Keychain]:
    """Load the keys; no value without encryption, or when they cannot be loaded."""
    try:
        load = wiring.build_keys(settings)
        keychain = None if load is None else Keychain.of(load)
    except MissingExtra as error:
        return Outcome(findings=[catalogue.EXTRA_MISSING.found(error.what, error.remedy)])
    except InvalidSettings as error:
        return Outcome(findings=[catalogue.KEYS_INVALID.found(error.what, error.remedy)])
    if keychain is None:
        said = "Payloads are stored as they are: no keys are set (claimcheck keys generate)."
        return Outcome(findings=[catalogue.ENCRYPTION_OFF.found(said)])
    count = len(keychain.ring.keys) - 1
    older = f"; {count} older for reading" if count else ""
    newest = keychain.ring.newest.id
    findings = [catalogue.ENCRYPTION_ON.found(f"The key {newest} encrypts{older}.")]
    path = settings.encryption_keys_file
    if path is not None and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        findings.append(
            catalogue.KEYS_EXPOSED.found(
                f"Others on this machine may use the file of keys, {path}.",
                f"Run: chmod 600 {path}. If others may have read it, rotate the keys.",
            )
        )
    return Outcome(findings=findings, value=keychain)


async def check_stored_keys(store: BlobStore, ring: "KeyRing | None") -> Outcome[None]:
    """Look at a sample of the stored payloads: with which keys are they encrypted?"""
    if not isinstance(store, CollectableStore):
        return Outcome(findings=[])
    known = set(ring.ids) if ring else set[str]()
    used: Counter[str] = Counter()
    clear = damaged = 0
    bad = ""
    try:
        sample = await _sample(store)
        for info in sample:
            try:
                blob = await store.get(info.key, max_bytes=_LARGEST_BYTES)
                header, _ = read_header(blob, key=info.key)
            except BlobNotFound:
                continue  # It was deleted meanwhile.
            except IntegrityError:
                damaged, bad = damaged + 1, bad or info.key
                continue
            if header.encryption is None:
                clear += 1
            else:
                used[header.encryption.key_id] += 1
    except ClaimCheckError as error:
        return Outcome(findings=[trouble_with("The store", error)])
    count = used.total() + clear
    findings: list[Finding] = [
        catalogue.KEY_MISSING.found(
            f"{used[each]:,} of {count:,} stored payloads that were looked at are encrypted with "
            f"the key {each}, which this process does not have.",
            "Put that key behind the newest in CLAIMCHECK_ENCRYPTION_KEYS (or its file). Without "
            "it nobody can read them.",
        )
        for each in sorted(used.keys() - known)
    ]
    if known and clear:
        findings.append(
            catalogue.STORED_IN_CLEAR.found(
                f"{clear:,} of {count:,} stored payloads that were looked at are in the clear: "
                "they are older than the keys, or somebody writes without."
            )
        )
    if damaged:
        findings.append(
            catalogue.OBJECT_DAMAGED.found(
                f"{damaged:,} of {len(sample):,} stored payloads that were looked at are damaged, "
                f"or of a later release, such as {bad}.",
                "Run claimcheck verify, and put them back from a backup or a mirror.",
            )
        )
    if not findings and used:
        findings.append(
            catalogue.KEYS_COMPLETE.found(
                f"The keys open what was looked at: {count:,} stored payload{_s(count)}."
            )
        )
    return Outcome(findings=findings)


async def _sample(store: CollectableStore) -> list[BlobInfo]:
    """Draw some of the first thousands of objects, each as likely as any other."""
    sample: list[BlobInfo] = []
    count = 0
    async for _, info in objects_on(store, f"{KEYSPACE_VERSION}/"):
        if info.size_bytes > _LARGEST_BYTES:
            continue
        count += 1
        if len(sample) < _SAMPLE:
            sample.append(info)
        elif (place := random.randrange(count)) < _SAMPLE:  # noqa: S311  # no secret
            sample[place] = info
        if count >= _LISTED:
            break
    return sample


def _s(count: int) -> str:
    return "" if count == 1 else "s"
