"""The cipher against its specification, and keys that are what they should be."""

import base64
import secrets
import subprocess
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.transforms.base import UndoFailed
from temporal_claimcheck.transforms.encryption import EncryptionKey, KeyRing, Xaes256Gcm
from tests.core.rings import key, ring

NONCE = b"ABCDEFGHIJKLMNOPQRSTUVWX"


# The two vectors of https://c2sp.org/XAES-256-GCM: one for each value of the CMAC's first bit.
@pytest.mark.parametrize(
    ("secret", "associated", "sealed"),
    [
        (b"\1" * 32, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (
            b"\3" * 32,
            b"c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ],
)
def test_the_cipher_is_the_specified_one(secret: bytes, associated: bytes, sealed: str) -> None:
    cipher = Xaes256Gcm(secret)
    found = cipher.encrypt(b"XAES-256-GCM", nonce=NONCE, associated=associated)
    assert found.hex() == sealed
    assert cipher.decrypt(found, nonce=NONCE, associated=associated) == b"XAES-256-GCM"


@given(data=st.binary(max_size=300), associated=st.binary(max_size=50))
def test_whatever_is_encrypted_comes_back(data: bytes, associated: bytes) -> None:
    nonce = secrets.token_bytes(24)
    sealed = key("a").cipher.encrypt(data, nonce=nonce, associated=associated)
    assert len(sealed) == len(data) + 16
    opened = key("a").cipher.decrypt(memoryview(sealed), nonce=nonce, associated=associated)
    assert opened == data


def test_nothing_opens_with_another_key_nonce_or_associated_data() -> None:
    sealed = key("a").cipher.encrypt(b"data", nonce=NONCE, associated=b"here")
    others = [
        (key("b"), NONCE, b"here"),
        (key("a"), NONCE[:-1] + b"x", b"here"),
        (key("a"), b"x" + NONCE[1:], b"here"),
        (key("a"), NONCE, b"there"),
    ]
    for other, nonce, associated in others:
        with pytest.raises(UndoFailed):
            other.cipher.decrypt(sealed, nonce=nonce, associated=associated)


def test_every_flipped_bit_is_found() -> None:
    sealed = key("a").cipher.encrypt(b"to be or not to be", nonce=NONCE, associated=b"")
    for bit in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UndoFailed):
            key("a").cipher.decrypt(bytes(damaged), nonce=NONCE, associated=b"")


def test_a_keyed_digest_depends_on_data_and_key() -> None:
    digest = key("a").digest_of(b"data")
    assert len(digest) == 64
    assert digest == key("a").digest_of(b"data")
    assert len({digest, key("b").digest_of(b"data"), key("a").digest_of(b"date")}) == 3


def test_the_id_tells_keys_apart_and_nothing_of_them() -> None:
    generated = [EncryptionKey.generate() for _ in range(100)]
    assert len({key.id for key in generated}) == 100
    for each in generated:
        assert each.id not in each.material.hex()
        assert EncryptionKey(each.material).id == each.id


def test_what_is_derived_from_a_key_is_as_ever() -> None:
    # Written bytes are for ever: with another derivation nothing stored before would open.
    assert key("golden").id == "83184d553d697a24"
    digest = "93278418e3407bf02c158011f8cbbc0ed26775f624498e9340875c54c0a5fdd8"
    assert key("golden").digest_of(b"data") == digest
    sealed = key("golden").cipher.encrypt(b"data", nonce=NONCE, associated=b"")
    assert sealed.hex() == "14581536d225f8976dece003766402883de8a4e8"


def test_a_key_survives_its_text() -> None:
    generated = EncryptionKey.generate()
    assert EncryptionKey.parse(generated.dump()) == generated
    assert len(generated.dump()) == 44


def test_a_key_shows_its_id_alone() -> None:
    shown = repr(KeyRing((key("a"),)))
    assert key("a").id in shown
    assert key("a").dump() not in shown
    assert str(key("a").material) not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "not base64!",
        base64.b64encode(bytes(range(16))).decode(),
        base64.b64encode(bytes(range(33))).decode(),
        base64.b64encode(bytes(32)).decode(),
        base64.b64encode(b"ab" * 16).decode(),
        bytes(range(32)).hex(),
        key("a").dump()[:-1],
        key("a").dump() + "=",
        "é" * 44,
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidSettings, match="claimcheck keys generate") as caught:
        EncryptionKey.parse(text)
    shown = "".join(traceback.format_exception(caught.value))
    assert not text or text not in shown


def test_a_ring_writes_with_its_first_key_and_finds_each() -> None:
    keys = KeyRing.parse(f" {key('new').dump()} , {key('old').dump()},")
    assert keys == ring("new", "old")
    assert keys.newest == key("new")
    assert keys.ids == (key("new").id, key("old").id)
    assert keys.find(key("old").id) == key("old")
    assert keys.find(key("lost").id) is None


@pytest.mark.parametrize("text", ["", " , ", f"{key('a').dump()},{key('a').dump()}"])
def test_a_ring_of_no_key_or_of_one_twice_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings):
        KeyRing.parse(text)


def test_without_the_package_the_error_names_the_extra() -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from temporal_claimcheck import ClaimCheckManager\n"
        "ClaimCheckManager.open('memory://')\n"
        "from temporal_claimcheck.errors import MissingExtra\n"
        "try: ClaimCheckManager.open('memory://', encryption_keys='x')\n"
        "except MissingExtra as error: print(error)\n"
    )
    run = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'temporal-claimcheck[encryption]'" in run.stdout
