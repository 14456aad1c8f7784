"""Contract suites for stores and compressions: what the promises mean, as tests.

Everything that stores payloads for the claim check passes these, the backends of this package
and your own. Needs pytest and pytest-asyncio.
"""

import pytest

# Before the suites are imported, so that a broken promise shows the values that broke it.
pytest.register_assert_rewrite(
    f"{__name__}.abilities",
    f"{__name__}.heads",
    f"{__name__}.stores",
    f"{__name__}.transforms",
)

from temporal_claimcheck.testing.abilities import (  # noqa: E402
    CollectableBlobStore,
    CollectableStoreContract,
    ProbingBlobStore,
    ProbingStoreContract,
    UnreachableStoreContract,
    ViewingBlobStore,
    ViewingStoreContract,
)
from temporal_claimcheck.testing.heads import (  # noqa: E402
    PeekingBlobStore,
    PeekingStoreContract,
)
from temporal_claimcheck.testing.keys import (  # noqa: E402
    FRIENDLY_KEYS,
    HOSTILE_KEYS,
    key_of,
)
from temporal_claimcheck.testing.stores import (  # noqa: E402
    MakeStore,
    RawAccess,
    StoreContract,
)
from temporal_claimcheck.testing.transforms import CompressionContract  # noqa: E402

__all__ = [
    "FRIENDLY_KEYS",
    "HOSTILE_KEYS",
    "CollectableBlobStore",
    "CollectableStoreContract",
    "CompressionContract",
    "MakeStore",
    "PeekingBlobStore",
    "PeekingStoreContract",
    "ProbingBlobStore",
    "ProbingStoreContract",
    "RawAccess",
    "StoreContract",
    "UnreachableStoreContract",
    "ViewingBlobStore",
    "ViewingStoreContract",
    "key_of",
]
