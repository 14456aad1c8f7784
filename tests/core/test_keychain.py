"""Keys are loaded again when one is missing, and not for every payload that misses it."""

from concurrent.futures import ThreadPoolExecutor

from temporal_claimcheck.keychain import Keychain
from temporal_claimcheck.transforms.encryption import KeyRing
from tests.core.rings import ring


class Source:
    """Says how often it was asked."""

    def __init__(self) -> None:
        self.ring = ring("old")
        self.loads = 0

    def __call__(self) -> KeyRing:
        self.loads += 1
        return self.ring


def test_what_is_missing_for_good_is_asked_for_once_in_a_while() -> None:
    source, now = Source(), [0.0]
    keychain = Keychain(source, clock=lambda: now[0])
    assert not any(keychain.reload(keychain.ring) for _ in range(50))
    assert source.loads == 2
    now[0] = 5.0
    assert not keychain.reload(keychain.ring)
    assert source.loads == 3


def test_who_comes_second_gets_what_the_first_one_loaded() -> None:
    source = Source()
    keychain = Keychain(source)
    seen = keychain.ring
    source.ring = ring("new", "old")
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(keychain.reload, [seen] * 32))
    assert keychain.ring == ring("new", "old")
    assert source.loads == 2


def test_a_ring_is_its_own_source() -> None:
    keychain = Keychain.of(ring("a"))
    assert keychain.ring == ring("a")
    assert not keychain.reload(ring("a"))
