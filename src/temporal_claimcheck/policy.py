"""Which payloads are offloaded. Pure."""

from dataclasses import dataclass
from typing import Final

from temporal_claimcheck.errors import InvalidSettings, PayloadTooLarge

__all__ = ["DEFAULT_MAX_PAYLOAD_BYTES", "DEFAULT_THRESHOLD_BYTES", "OffloadPolicy"]

DEFAULT_THRESHOLD_BYTES: Final = 51_200
DEFAULT_MAX_PAYLOAD_BYTES: Final = 1024**3
_PROTOBUF_LIMIT_BYTES: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadPolicy:
    """Decides by the size of the serialized payload alone, so that a replay decides alike."""

    threshold_bytes: int = DEFAULT_THRESHOLD_BYTES
    """A payload of this size or more is offloaded; 0 offloads every payload."""
    max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES
    """A payload over this size is refused, on the way out and on the way in."""
    enabled: bool = True
    """When False nothing is offloaded; claims are still resolved."""

    def __post_init__(self) -> None:
        if self.threshold_bytes < 0:
            raise InvalidSettings(
                f"threshold_bytes is {self.threshold_bytes}.",
                remedy="Set it to 0 (offload everything) or more.",
            )
        if not 0 < self.max_payload_bytes <= _PROTOBUF_LIMIT_BYTES:
            raise InvalidSettings(
                f"max_payload_bytes is {self.max_payload_bytes}.",
                remedy=f"Set it between 1 and {_PROTOBUF_LIMIT_BYTES}, protobuf's own limit.",
            )

    def should_offload(self, payload_bytes: int) -> bool:
        """Return whether a payload of this size goes to the store."""
        return self.enabled and payload_bytes >= self.threshold_bytes

    def check_size(self, payload_bytes: int) -> None:
        """Raise PayloadTooLarge for a size over the cap."""
        if payload_bytes > self.max_payload_bytes:
            raise PayloadTooLarge(
                f"A payload of {payload_bytes} bytes is over the cap of "
                f"{self.max_payload_bytes} bytes.",
                remedy="Raise CLAIMCHECK_MAX_PAYLOAD_BYTES (max_payload_bytes) on every process "
                "that reads or writes it, or pass a smaller payload.",
            )
