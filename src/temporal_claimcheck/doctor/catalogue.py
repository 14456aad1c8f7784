"""Every kind of finding. Their codes are an interface: scripts and alerts name them."""

from typing import Final

from temporal_claimcheck.doctor.findings import Area, Kind, Severity

__all__ = ["ALL_KINDS"]

ALL_KINDS: Final[dict[str, Kind]] = {}
"""Every kind by its code."""


def _kind(area: Area | None, severity: Severity, code: str) -> Kind:
    made = Kind(code=code, area=area, severity=severity)
    if ALL_KINDS.setdefault(code, made) is not made:
        raise ValueError(f"two kinds of finding are called {code}")
    return made


_OK: Final = Severity.OK
_NOTE: Final = Severity.NOTE
_WARNING: Final = Severity.WARNING
_ERROR: Final = Severity.ERROR

# In every area.
NOT_CHECKED: Final = _kind(None, _NOTE, "not-checked")
TIMED_OUT: Final = _kind(None, _WARNING, "check-timed-out")
CHECK_FAILED: Final = _kind(None, _ERROR, "check-failed")

_area = Area.SETTINGS
SETTINGS_READ: Final = _kind(_area, _OK, "settings-read")
SETTINGS_INVALID: Final = _kind(_area, _ERROR, "settings-invalid")
STORE_UNCLEAR: Final = _kind(_area, _ERROR, "store-unclear")
SETTING_UNKNOWN: Final = _kind(_area, _WARNING, "setting-unknown")
SETTING_TWICE: Final = _kind(_area, _NOTE, "setting-twice")
OFFLOAD_OFF: Final = _kind(_area, _WARNING, "offload-off")
TTL_WITHOUT_EFFECT: Final = _kind(_area, _WARNING, "ttl-without-effect")
SIZES_FIT: Final = _kind(_area, _OK, "sizes-fit")
THRESHOLD_OVER_LIMIT: Final = _kind(_area, _ERROR, "threshold-over-limit")
THRESHOLD_HIGH: Final = _kind(_area, _WARNING, "threshold-high")
THRESHOLD_LOW: Final = _kind(_area, _WARNING, "threshold-low")
CAP_BELOW_THRESHOLD: Final = _kind(_area, _ERROR, "cap-below-threshold")

_area = Area.VERSIONS
VERSIONS_SUPPORTED: Final = _kind(_area, _OK, "versions-supported")
VERSION_UNTRIED: Final = _kind(_area, _NOTE, "version-untried")
VERSION_UNSUPPORTED: Final = _kind(_area, _ERROR, "version-unsupported")
EXTRA_MISSING: Final = _kind(_area, _ERROR, "extra-missing")

_area = Area.STORE
STORE_USABLE: Final = _kind(_area, _OK, "store-usable")
STORE_READ_ONLY: Final = _kind(_area, _NOTE, "store-read-only")
STORE_IN_MEMORY: Final = _kind(_area, _WARNING, "store-in-memory")
STORE_UNREACHABLE: Final = _kind(_area, _ERROR, "store-unreachable")
STORE_MISSING: Final = _kind(_area, _ERROR, "store-missing")
STORE_TLS: Final = _kind(_area, _ERROR, "store-tls")
STORE_DENIED: Final = _kind(_area, _ERROR, "store-denied")
STORE_FULL: Final = _kind(_area, _ERROR, "store-full")
STORE_FAILED: Final = _kind(_area, _ERROR, "store-failed")
STORE_CHANGES_BYTES: Final = _kind(_area, _ERROR, "store-changes-bytes")
STORE_LIST_DENIED: Final = _kind(_area, _WARNING, "store-list-denied")
STORE_DELETE_DENIED: Final = _kind(_area, _WARNING, "store-delete-denied")
STORE_OVERWRITES: Final = _kind(_area, _NOTE, "store-overwrites")
REDIS_SAFE: Final = _kind(_area, _OK, "redis-safe")
REDIS_UNSAFE: Final = _kind(_area, _ERROR, "redis-unsafe")
REDIS_DOUBTFUL: Final = _kind(_area, _WARNING, "redis-doubtful")
REDIS_LOSS_ACCEPTED: Final = _kind(_area, _WARNING, "redis-loss-accepted")
REDIS_NEARLY_FULL: Final = _kind(_area, _WARNING, "redis-nearly-full")
REDIS_VALUE_LIMIT: Final = _kind(_area, _NOTE, "redis-value-limit")
FOLDER_HAS_ROOM: Final = _kind(_area, _OK, "folder-has-room")
FOLDER_TEMPORARY: Final = _kind(_area, _WARNING, "folder-temporary")
FOLDER_NEARLY_FULL: Final = _kind(_area, _WARNING, "folder-nearly-full")

_area = Area.CLOCK
CLOCK_AGREES: Final = _kind(_area, _OK, "clock-agrees")
CLOCK_OFF: Final = _kind(_area, _WARNING, "clock-off")
CLOCK_WRONG: Final = _kind(_area, _ERROR, "clock-wrong")

_area = Area.ENCRYPTION
ENCRYPTION_ON: Final = _kind(_area, _OK, "encryption-on")
ENCRYPTION_OFF: Final = _kind(_area, _NOTE, "encryption-off")
KEYS_INVALID: Final = _kind(_area, _ERROR, "keys-invalid")
KEYS_EXPOSED: Final = _kind(_area, _WARNING, "keys-exposed")
KEYS_COMPLETE: Final = _kind(_area, _OK, "keys-complete")
KEY_MISSING: Final = _kind(_area, _ERROR, "key-missing")
STORED_IN_CLEAR: Final = _kind(_area, _NOTE, "stored-in-clear")
OBJECT_DAMAGED: Final = _kind(_area, _ERROR, "object-damaged")

_area = Area.TEMPORAL
TEMPORAL_REACHABLE: Final = _kind(_area, _OK, "temporal-reachable")
TEMPORAL_SETTINGS_INVALID: Final = _kind(_area, _ERROR, "temporal-settings-invalid")
TEMPORAL_UNREACHABLE: Final = _kind(_area, _ERROR, "temporal-unreachable")
TEMPORAL_TLS: Final = _kind(_area, _ERROR, "temporal-tls")
TEMPORAL_DENIED: Final = _kind(_area, _ERROR, "temporal-denied")
NAMESPACE_MISSING: Final = _kind(_area, _ERROR, "namespace-missing")
WRITERS_KNOWN: Final = _kind(_area, _OK, "writers-known")
WRITER_UNREGISTERED: Final = _kind(_area, _NOTE, "writer-unregistered")
WRITER_UNKNOWN: Final = _kind(_area, _ERROR, "writer-unknown")
WRITER_ELSEWHERE: Final = _kind(_area, _ERROR, "writer-elsewhere")

_area = Area.EXPIRY
EXPIRY_SAFE: Final = _kind(_area, _OK, "expiry-safe")
EXPIRY_UNREAD: Final = _kind(_area, _NOTE, "expiry-unread")
EXPIRY_UNPROVEN: Final = _kind(_area, _WARNING, "expiry-unproven")
EXPIRY_TOO_SHORT: Final = _kind(_area, _ERROR, "expiry-too-short")

_area = Area.CODEC_SERVER
CODEC_SERVES: Final = _kind(_area, _OK, "codec-serves")
CODEC_UNREACHABLE: Final = _kind(_area, _ERROR, "codec-unreachable")
CODEC_TLS: Final = _kind(_area, _ERROR, "codec-tls")
CODEC_IS_ANOTHER: Final = _kind(_area, _ERROR, "codec-is-another")
CODEC_NOT_READY: Final = _kind(_area, _ERROR, "codec-not-ready")
CODEC_CLOSED: Final = _kind(_area, _OK, "codec-closed")
CODEC_OPEN: Final = _kind(_area, _ERROR, "codec-open")
CORS_RIGHT: Final = _kind(_area, _OK, "cors-right")
CORS_WRONG: Final = _kind(_area, _ERROR, "cors-wrong")
CODEC_BLOCKED: Final = _kind(_area, _ERROR, "codec-blocked")
