"""The key ring of a process: loaded when it starts, and again when it lacks a key.

So a key that was added to the file or the secret store is found without a restart: by the first
payload that needs it.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import KeyRing

__all__ = ["Keychain"]

logger = logging.getLogger(__name__)

# A key that is missing for good must not make every read ask the secret store again.
_SECONDS_BETWEEN_RELOADS: Final = 5.0


class Keychain:
    """Where the keys of a process come from. Safe for several threads."""

    def __init__(
        self, load: "Callable[[], KeyRing]", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Load the keys. Raises what `load` raises."""
        self._load = load
        self._clock = clock
        self._ring = load()
        self._reloaded = -math.inf
        self._lock = threading.Lock()

    @classmethod
    def of(cls, keys: "KeyRing | Callable[[], KeyRing]") -> "Keychain":
        """Return the keychain that holds a ring for good, or asks a function for it."""
        return cls(keys if callable(keys) else lambda: keys)

    @property
    def ring(self) -> "KeyRing":
        """The keys as they were last loaded."""
        return self._ring

    def reload(self, seen: "KeyRing") -> bool:
        """Load the keys again, and return whether they are others than those that were `seen`.

        Blocks as long as `load` does, which is called once in five seconds at most. When it
        fails, the keys stay as they are.
        """
        with self._lock:
            if self._ring == seen and self._clock() - self._reloaded >= _SECONDS_BETWEEN_RELOADS:
                try:
                    self._ring = self._load()
                except Exception as error:  # noqa: BLE001  # a user's code; the caller lacks a key and says so
                    logger.warning("The encryption keys could not be loaded again: %s", error)
                self._reloaded = self._clock()
            return self._ring != seen
