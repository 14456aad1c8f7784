"""What a release wrote, as a folder of its own: `tests/golden/{version}`.

set.json            the values, what stands in Temporal for each, the key, the records' meaning
clear, encrypted    two folder stores, just as the release left them
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from temporal_claimcheck import ClaimCheckCodec, ClaimCheckDriver, ClaimCheckManager, KeyRing

GOLDEN: Final = Path(__file__).parent
STORES: Final = ("clear", "encrypted")
DOORS: Final = ("driver", "codec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A value, and what stood for it in Temporal."""

    store: str
    door: str
    namespace: str
    compression: str | None
    """None for a value that was too small for the store."""
    value: Any
    payload: bytes
    """Temporal's Payload, serialized."""

    def __str__(self) -> str:
        return f"{self.store}-{self.door}-{self.compression or 'inline'}-{self.namespace}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenSet:
    """What one release wrote."""

    folder: Path
    keys: str
    carried: tuple[Carried, ...]
    records: Mapping[str, Mapping[str, Any]]
    """By store: what the records there mean."""

    def __str__(self) -> str:
        return self.folder.name

    def ring(self, store: str) -> KeyRing | None:
        return KeyRing.parse(self.keys) if store == "encrypted" else None

    def save(self) -> None:
        text = {
            "keys": self.keys,
            "carried": [
                {
                    "store": each.store,
                    "door": each.door,
                    "namespace": each.namespace,
                    "compression": each.compression,
                    "value": each.value,
                    "payload": base64.b64encode(each.payload).decode(),
                }
                for each in self.carried
            ],
            "records": self.records,
        }
        (self.folder / "set.json").write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "GoldenSet":
        text = json.loads((folder / "set.json").read_text())
        return cls(
            folder=folder,
            keys=text["keys"],
            carried=tuple(
                Carried(**each | {"payload": base64.b64decode(each["payload"])})
                for each in text["carried"]
            ),
            records=text["records"],
        )


def all_sets() -> list[GoldenSet]:
    return [GoldenSet.load(file.parent) for file in sorted(GOLDEN.glob("*/set.json"))]


def converter(manager: ClaimCheckManager, door: str) -> DataConverter:
    """Return what a process with this door converts with, as the plugin sets it up."""
    if door == "codec":
        return DataConverter(payload_codec=ClaimCheckCodec(manager))
    return DataConverter(
        external_storage=ClaimCheckDriver(manager).external_storage(),
        payload_codec=ClaimCheckCodec(manager, writes=False),
    )


async def to_temporal(manager: ClaimCheckManager, door: str, value: object) -> bytes:
    [payload] = await converter(manager, door).encode([value])
    return payload.SerializeToString(deterministic=True)


async def from_temporal(manager: ClaimCheckManager, door: str, payload: bytes) -> object:
    [value] = await converter(manager, door).decode([Payload.FromString(payload)])
    return value
