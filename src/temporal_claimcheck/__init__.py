"""The claim check for Temporal: large payloads go to a store, Temporal carries a small claim.

Safe and cheap to import in workflow code: every name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporal_claimcheck.claim import Claim
    from temporal_claimcheck.errors import ClaimCheckError
    from temporal_claimcheck.events import Event, Observer
    from temporal_claimcheck.manager import ClaimCheckManager, Health
    from temporal_claimcheck.policy import OffloadPolicy
    from temporal_claimcheck.settings import Settings
    from temporal_claimcheck.stores.base import BlobStore
    from temporal_claimcheck.temporal.codec import ClaimCheckCodec
    from temporal_claimcheck.temporal.driver import ClaimCheckDriver
    from temporal_claimcheck.temporal.plugin import ClaimCheckPlugin
    from temporal_claimcheck.transforms.encryption import EncryptionKey, KeyRing

__all__ = [
    "BlobStore",
    "Claim",
    "ClaimCheckCodec",
    "ClaimCheckDriver",
    "ClaimCheckError",
    "ClaimCheckManager",
    "ClaimCheckPlugin",
    "EncryptionKey",
    "Event",
    "Health",
    "KeyRing",
    "Observer",
    "OffloadPolicy",
    "Settings",
]

_HOMES = {
    "BlobStore": "stores.base",
    "Claim": "claim",
    "ClaimCheckCodec": "temporal.codec",
    "ClaimCheckDriver": "temporal.driver",
    "ClaimCheckError": "errors",
    "ClaimCheckManager": "manager",
    "ClaimCheckPlugin": "temporal.plugin",
    "EncryptionKey": "transforms.encryption",
    "Event": "events",
    "Health": "manager",
    "KeyRing": "transforms.encryption",
    "Observer": "events",
    "OffloadPolicy": "policy",
    "Settings": "settings",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
