"""What text shrinks to in the store: the example's records, as Temporal's converter writes them."""

from pathlib import Path

import pytest
from temporalio.converter import DataConverter

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.transforms.compression import ZstdCompression
from tests.examples.test_pipeline_records import load


@pytest.mark.parametrize(
    ("size", "level"), [("10MB", None), ("10MB", 3), ("1MB", 3), ("100KB", 3)], ids=str
)
async def test_records_shrink_by_over_70_percent(
    tmp_path: Path, size: str, level: int | None
) -> None:
    records = load(tmp_path, "--size", size)
    payload = DataConverter.default.payload_converter.to_payload(records)
    store = MemoryStore()
    compression = None if level is None else ZstdCompression(level)
    async with ClaimCheckManager(store, compression=compression) as manager:
        claim = await manager.offload(payload)
    (stored,) = [blob async for blob in store.scan("v1/")]
    assert stored.size_bytes < 0.3 * claim.payload_bytes
