"""One tree of errors. Each says what happened, what to do, and whether trying again can help.

A message names keys and settings; it never holds payload content, secrets, or the digest that
was really found (a digest of guessable content would tell the content).
"""

from collections.abc import Sequence
from typing import ClassVar, Self

__all__ = [
    "BlobCorrupt",
    "BlobNotFound",
    "BlobTooLarge",
    "ClaimCheckError",
    "ClaimError",
    "CollectionError",
    "CollectionIncomplete",
    "CollectionRefused",
    "CollectorBusy",
    "ConfigurationError",
    "DecryptionFailed",
    "DigestMismatch",
    "EncryptionDowngraded",
    "EncryptionKeyMissing",
    "ForeignBucket",
    "ForeignNamespace",
    "IntegrityError",
    "InvalidClaim",
    "InvalidKey",
    "InvalidSettings",
    "MissingExtra",
    "NotInTemporal",
    "PayloadTooLarge",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "StoreUnsafe",
    "TemporalUnavailable",
    "UnknownScheme",
    "UnsupportedClaim",
    "UnsupportedEnvelope",
]


class ClaimCheckError(Exception):
    """Something that the claim check could not do. Every error of this package is one.

    None of them is Temporal's `ApplicationError`: a workflow task that meets one fails and is
    tried again, and the workflow itself never fails because of the store.
    """

    code: ClassVar[str] = "claim-check-error"
    """Stable name of this kind of error, for documents, metrics and alerts."""

    retryable: ClassVar[bool] = True
    """Whether the same call can succeed later without a change to program or settings."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(f"[{self.code}] {what} {remedy}")
        self.what = what
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders (pools, test runners), so they pickle."""
        return (_rebuild, (type(self), self.what, self.remedy))


def _rebuild(kind: type[ClaimCheckError], what: str, remedy: str) -> ClaimCheckError:
    return kind(what, remedy=remedy)


class ConfigurationError(ClaimCheckError):
    """The process is set up wrongly; found before any payload is touched."""

    code = "configuration"
    retryable = False


class InvalidSettings(ConfigurationError):
    """A setting is missing, of the wrong form, or out of range."""

    code = "invalid-settings"


class UnknownScheme(ConfigurationError):
    """A store URL begins with a scheme that no backend serves."""

    code = "unknown-scheme"


class MissingExtra(ConfigurationError):
    """A backend or transform needs an optional package that is not installed."""

    code = "missing-extra"


class ClaimError(ClaimCheckError):
    """What was handed in as a claim was refused, before any I/O."""

    code = "claim"
    retryable = False


class InvalidClaim(ClaimError):
    """Not a claim at all, or one that was damaged or forged."""

    code = "invalid-claim"


class UnsupportedClaim(ClaimError):
    """A claim of a version or digest that this release cannot read."""

    code = "unsupported-claim"


class ForeignNamespace(ClaimError):
    """A claim to a namespace that this reader may not read."""

    code = "foreign-namespace"


class ForeignBucket(ClaimError):
    """A claim of the SDK's S3 driver to a bucket that this reader may not read."""

    code = "foreign-bucket"


class InvalidKey(ClaimError):
    """A key that no keyspace ever made, such as one with a path in it."""

    code = "invalid-key"


class PayloadTooLarge(ClaimCheckError):
    """A payload over the configured cap, refused before it is stored or read."""

    code = "payload-too-large"
    retryable = False


class StoreError(ClaimCheckError):
    """The store did not do what it was asked. Nothing was lost."""

    code = "store"


class StoreUnavailable(StoreError):
    """The store is down, slow, or gone. Temporal tries the task again."""

    code = "store-unavailable"


class StoreFull(StoreError):
    """The store has no room. Goes on by itself when there is room again."""

    code = "store-full"


class StoreDenied(StoreError):
    """The store refused this process: permissions or credentials."""

    code = "store-denied"


class StoreUnsafe(StoreError):
    """The store may lose what it is given, so nothing was written to it.

    Retryable, because a server that an operator configures anew heals the workflow.
    """

    code = "store-unsafe"


class BlobNotFound(StoreError):
    """The store has no object under this key. A restored object heals the workflow."""

    code = "blob-not-found"


class IntegrityError(ClaimCheckError):
    """An object is not what its claim promises. Its bytes are never handed out.

    Retryable, because an object that an operator restores heals the workflow.
    """

    code = "integrity"


class BlobCorrupt(IntegrityError):
    """An object that was cut, changed, or is no envelope at all."""

    code = "blob-corrupt"


class DigestMismatch(IntegrityError):
    """A whole and readable object, but of another payload than the key names."""

    code = "digest-mismatch"


class BlobTooLarge(IntegrityError):
    """An object that is, or unpacks to, more than its claim allows; it was not unpacked."""

    code = "blob-too-large"


class UnsupportedEnvelope(IntegrityError):
    """A whole object written by a later release, in a form that this one cannot read."""

    code = "unsupported-envelope"


class EncryptionKeyMissing(IntegrityError):
    """A payload is encrypted with a key that this process does not have.

    Give the key back, and the workflow goes on. Without it nobody can read the payload.
    """

    code = "encryption-key-missing"

    @classmethod
    def among(cls, known_ids: Sequence[str], *, what: str, key_id: str) -> Self:
        """Return the error for something that is encrypted with a key that is not among these."""
        here = f"here are {', '.join(known_ids)}" if known_ids else "there are no keys here"
        return cls(
            f"{what} is encrypted with the key {key_id}; {here}.",
            remedy="Give this process that key too (CLAIMCHECK_ENCRYPTION_KEYS); the workflow "
            "then goes on by itself.",
        )


class DecryptionFailed(IntegrityError):
    """Whole bytes that the right key does not open: they were forged, or moved from elsewhere."""

    code = "decryption-failed"


class EncryptionDowngraded(IntegrityError):
    """An object lies in the clear where its claim promises an encrypted one."""

    code = "encryption-downgraded"


class CollectionError(ClaimCheckError):
    """A collection of garbage ended early. Nothing was deleted that something refers to."""

    code = "collection"


class CollectionIncomplete(CollectionError):
    """A pass could not see all that Temporal refers to, so it condemned nothing."""

    code = "collection-incomplete"


class CollectionRefused(CollectionError):
    """A rule forbids the pass or the deletion: a namespace that is not covered, a brake, a clock.

    Not retryable: somebody has to look first.
    """

    code = "collection-refused"
    retryable = False


class CollectorBusy(CollectionError):
    """Another collector is at work on the same keyspace."""

    code = "collector-busy"


class NotInTemporal(ClaimCheckError):
    """Temporal has no such namespace, workflow, run, event, or payload in an event."""

    code = "not-in-temporal"
    retryable = False


class TemporalUnavailable(ClaimCheckError):
    """Temporal could not be asked: it is away, refuses, or answers what cannot be read."""

    code = "temporal-unavailable"
