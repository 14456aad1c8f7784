"""Keys for the tests: the same in every run, and never to be used elsewhere."""

import hashlib

from temporal_claimcheck.transforms.encryption import EncryptionKey, KeyRing


def key(name: str) -> EncryptionKey:
    return EncryptionKey(hashlib.sha256(name.encode()).digest())


def ring(*names: str) -> KeyRing:
    return KeyRing(tuple(key(name) for name in names))
