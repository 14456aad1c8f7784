"""Encryption: XAES-256-GCM under a ring of keys, and digests that only key holders can compute.

XAES-256-GCM (C2SP, https://c2sp.org/XAES-256-GCM) is AES-256-GCM with a nonce of 192 bits: half
of it derives a key for this one message, so random nonces never run out, however many objects
one key encrypts. Plain AES-256-GCM asks for another key after 2^32 of them.
"""

import base64
import binascii
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from blake3 import blake3

from temporal_claimcheck.errors import InvalidSettings, MissingExtra
from temporal_claimcheck.transforms.base import UndoFailed

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ModuleNotFoundError as error:
    raise MissingExtra(
        "Encryption needs the package cryptography.",
        remedy="Run: pip install 'temporal-claimcheck[encryption]'",
    ) from error

__all__ = ["EncryptionKey", "KeyRing", "Xaes256Gcm"]

_KEY_BYTES: Final = 32
_ID_BYTES: Final = 8
_BLOCK_BYTES: Final = 16
_DERIVING_BYTES: Final = 12
# Each purpose has a key of its own, so that what one reveals tells nothing of the others.
_ID_CONTEXT: Final = "temporal-claimcheck 2026-11-22 id of an encryption key"
_DIGEST_CONTEXT: Final = "temporal-claimcheck 2026-11-22 keyed digest"
_CIPHER_CONTEXT: Final = "temporal-claimcheck 2026-11-22 xaes-256-gcm"
# Not one in 10^36 keys of random bytes has fewer different ones.
_FEWEST_VALUES: Final = 8


class Xaes256Gcm:
    """The cipher as C2SP specifies it. Safe for concurrent threads."""

    def __init__(self, key: bytes) -> None:
        """Use a key of 32 bytes."""
        self._key = key
        self._subkey = _cmac_subkey(key)

    def encrypt(self, data: bytes, *, nonce: bytes, associated: bytes) -> bytes:
        """Return the data encrypted, 16 bytes longer. The nonce has 24 bytes."""
        return self._for_message(nonce).encrypt(nonce[_DERIVING_BYTES:], data, associated)

    def decrypt(self, data: bytes | memoryview, *, nonce: bytes, associated: bytes) -> bytes:
        """Return what was encrypted. Raises UndoFailed if anything differs in the least."""
        try:
            return self._for_message(nonce).decrypt(nonce[_DERIVING_BYTES:], data, associated)
        except InvalidTag as error:
            raise UndoFailed("it does not open with the key that it names") from error

    def _for_message(self, nonce: bytes) -> AESGCM:
        """Return AES-256-GCM under the key of one message, a CMAC of half its nonce."""
        blocks = b"".join(
            _xor(b"\0" + counter + b"X\0" + nonce[:_DERIVING_BYTES], self._subkey)
            for counter in (b"\1", b"\2")
        )
        return AESGCM(_encrypt_blocks(self._key, blocks))


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """One secret of 32 random bytes, and what is derived from it. Shows nothing but its `id`."""

    material: bytes = field(repr=False)
    """The secret."""
    id: str = field(init=False)
    """16 hexadecimal digits, derived from the secret: public, and it cannot name another key."""
    cipher: Xaes256Gcm = field(init=False, repr=False, compare=False)
    """What encrypts and decrypts under this key."""
    _digest_key: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.material) != _KEY_BYTES:
            raise InvalidSettings(
                f"An encryption key has {len(self.material)} bytes instead of {_KEY_BYTES}.",
                remedy=_HOW_TO_MAKE,
            )
        if len(set(self.material)) < _FEWEST_VALUES:
            raise InvalidSettings("An encryption key is not random.", remedy=_HOW_TO_MAKE)
        object.__setattr__(self, "id", _derive(self.material, _ID_CONTEXT)[:_ID_BYTES].hex())
        object.__setattr__(self, "_digest_key", _derive(self.material, _DIGEST_CONTEXT))
        object.__setattr__(self, "cipher", Xaes256Gcm(_derive(self.material, _CIPHER_CONTEXT)))

    @classmethod
    def generate(cls) -> "EncryptionKey":
        """Return a new key from the system's source of randomness."""
        return cls(secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "EncryptionKey":
        """Read the Base64 of a key, as `claimcheck keys generate` prints it.

        Raises InvalidSettings, which never repeats the text.
        """
        try:
            material = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            # `from None`: the cause could show a part of the key.
            raise InvalidSettings("An encryption key is no Base64.", remedy=_HOW_TO_MAKE) from None
        return cls(material)

    def dump(self) -> str:
        """Return the Base64 of the secret, for a secret store."""
        return base64.b64encode(self.material).decode("ascii")

    def digest_of(self, data: bytes) -> str:
        """Return the keyed BLAKE3 of data, 64 hexadecimal digits.

        Equal data has equal digests under one key, and who lacks the key cannot tell of what.
        """
        return blake3(data, key=self._digest_key).hexdigest()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of a process: the first encrypts, every one decrypts."""

    keys: tuple[EncryptionKey, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise InvalidSettings(
                "The key ring holds no key.",
                remedy="Give at least one; to turn encryption off, unset the setting.",
            )
        if len({key.id for key in self.keys}) < len(self.keys):
            raise InvalidSettings(
                "The key ring holds a key twice.", remedy="Give each once, the newest first."
            )

    @classmethod
    def parse(cls, texts: str | Iterable[str]) -> "KeyRing":
        """Read keys in Base64, the newest first: in one string separated by commas, or several.

        Raises InvalidSettings, which never repeats a key.
        """
        parts = texts.split(",") if isinstance(texts, str) else texts
        return cls(tuple(EncryptionKey.parse(part.strip()) for part in parts if part.strip()))

    @property
    def newest(self) -> EncryptionKey:
        """The key that encrypts."""
        return self.keys[0]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the newest first."""
        return tuple(key.id for key in self.keys)

    def find(self, key_id: str) -> EncryptionKey | None:
        """Return the key of that id, or None."""
        return next((key for key in self.keys if key.id == key_id), None)


_HOW_TO_MAKE: Final = (
    "A key is the Base64 of 32 random bytes; `claimcheck keys generate` makes one."
)


def _derive(material: bytes, context: str) -> bytes:
    return blake3(material, derive_key_context=context).digest()


def _cmac_subkey(key: bytes) -> bytes:
    """Return the subkey K1 of AES-CMAC (NIST SP 800-38B, section 6.1)."""
    doubled = int.from_bytes(_encrypt_blocks(key, bytes(_BLOCK_BYTES))) << 1
    if doubled >> 128:
        doubled = (doubled & (2**128 - 1)) ^ 0x87
    return doubled.to_bytes(_BLOCK_BYTES)


def _encrypt_blocks(key: bytes, blocks: bytes) -> bytes:
    # Single blocks under a secret key, as CMAC is made of; no data is encrypted like this.
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    return encryptor.update(blocks) + encryptor.finalize()


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
