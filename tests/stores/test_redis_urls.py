"""What a Redis URL names, and what it does not show."""

import pytest

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.stores.redis_urls import RedisPlace

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "hosts", "database", "master"),
    [
        ("redis://h", [("h", 6379)], 0, None),
        ("redis://h:7/12", [("h", 7)], 12, None),
        ("rediss://h/", [("h", 6379)], 0, None),
        ("redis://[::1]:7/1", [("::1", 7)], 1, None),
        ("redis+cluster://a,b:7", [("a", 6379), ("b", 7)], 0, None),
        ("rediss+cluster://a:1/0", [("a", 1)], 0, None),
        ("redis+sentinel://a,b:7,[::1]:8/m", [("a", 26379), ("b", 7), ("::1", 8)], 0, "m"),
        ("rediss+sentinel://a/my%20m/3", [("a", 26379)], 3, "my m"),
    ],
)
def test_a_url_names_hosts_database_and_master(
    url: str, hosts: list[tuple[str, int]], database: int, master: str | None
) -> None:
    place = RedisPlace.parse(url)
    assert list(place.hosts) == hosts
    assert (place.database, place.master) == (database, master)
    assert place.tls == url.startswith("rediss")


@pytest.mark.parametrize(
    ("credentials", "username", "password"),
    [
        ("", None, None),
        ("user@", "user", None),
        (":p%40ss%2F@", None, "p@ss/"),
        ("us%3Aer:pa:ss@", "us:er", "pa:ss"),
        ("user:p@ss@", "user", "p@ss"),
    ],
)
@pytest.mark.parametrize("rest", ["h:1/2", "redis.example"])
def test_user_and_password_stand_in_the_url(
    credentials: str, username: str | None, password: str | None, rest: str
) -> None:
    place = RedisPlace.parse(f"redis://{credentials}{rest}")
    assert (place.username, place.password) == (username, password)
    assert place.hosts[0][0] in rest


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"redis://u:{SECRET}@h", "redis://h:6379/0"),
        (f"rediss://u:{SECRET}@[::1]/3", "rediss://[::1]:6379/3"),
        (f"redis+cluster://u:{SECRET}@a,b:7/0", "redis+cluster://a:6379,b:7"),
        (f"redis+sentinel://:{SECRET}@a/m/1", "redis+sentinel://a:26379/m/1"),
    ],
)
def test_the_name_is_the_url_without_credentials(url: str, name: str) -> None:
    place = RedisPlace.parse(url)
    assert place.name == name
    assert SECRET not in repr(place)


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis:///0",
        f"redis://:{SECRET}@/0",
        f"redis://:{SECRET}@h/name",
        f"redis://:{SECRET}@h/0/1",
        f"redis://:{SECRET}@h:none/0",
        f"redis://:{SECRET}@h:99999/0",
        f"redis://:{SECRET}@a,b/0",
        f"redis://:{SECRET}@h/0?socket_timeout=1",
        f"redis://:{SECRET}@h/0#a",
        f"redis+cluster://:{SECRET}@a,b/1",
        f"redis+cluster://:{SECRET}@a,,b",
        f"redis+sentinel://:{SECRET}@a,b",
        f"redis+sentinel://:{SECRET}@a,b/",
        f"redis+sentinel://:{SECRET}@a/m/name",
        f"redis+sentinel://:{SECRET}@a/m/0/1",
    ],
)
def test_a_url_of_another_form_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InvalidSettings, match="redis") as caught:
        RedisPlace.parse(url)
    assert SECRET not in str(caught.value)
