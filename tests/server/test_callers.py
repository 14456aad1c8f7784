"""Who gets in, and to what: static tokens, signed tokens, and nobody else."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncGenerator, Generator
from typing import Any

import jwt
import pytest

from tests.server.identity_provider import (
    AUDIENCE,
    ISSUER,
    IdentityProvider,
    identity_provider,
    new_ec_key,
)
from tests.server.serving import Served, body_of, json_payload, serving

PAYLOAD = json_payload('"hello"')
ORDERS, EVERYTHING = "orders-token-0123456789", "everything-token-0123456789"
TOKENS = {"tokens": f"orders+billing={ORDERS}, *={EVERYTHING}"}


@pytest.fixture(scope="module")
def provider() -> Generator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
async def served(provider: IdentityProvider) -> AsyncGenerator[Served]:
    async with serving(settings=trusting(provider)) as running:
        yield running


def trusting(provider: IdentityProvider, **more: Any) -> dict[str, Any]:
    return {
        "jwks_url": provider.url,
        "jwt_issuer": ISSUER,
        "jwt_audience": AUDIENCE,
        "jwt_algorithms": "RS256,ES256",
        **more,
    }


async def ask(served: Served, token: str | None, path: str = "/decode", **headers: str) -> int:
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    answer = await served.post(path, body_of([PAYLOAD]), **headers)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
    if answer.status_code != 200:
        assert set(answer.json()) == {"code", "message", "remedy"}
        assert not token or token not in answer.text
    return answer.status_code


# Static tokens.


@pytest.mark.parametrize(
    ("token", "namespace", "status"),
    [
        (ORDERS, "orders", 200),
        (ORDERS, "billing", 200),
        (ORDERS, "payroll", 403),
        (ORDERS, "default", 403),
        (EVERYTHING, "payroll", 200),
        (None, "orders", 401),
        (ORDERS[:-1], "orders", 401),
        (ORDERS + "0", "orders", 401),
        (ORDERS.upper(), "orders", 401),
        ("\u00e9" * 20, "orders", 401),
    ],
)
@pytest.mark.parametrize("path", ["/decode", "/encode", "/download", "/preview/decode"])
async def test_a_static_token_opens_its_namespaces(
    path: str, token: str | None, namespace: str, status: int
) -> None:
    async with serving(settings=TOKENS) as served:
        headers = [(b"X-Namespace", namespace.encode())]
        if token is not None:
            headers.append((b"Authorization", f"Bearer {token}".encode()))
        answer = await served.http.post(path, json={"payloads": []}, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(
    "header", [ORDERS, f"Basic {ORDERS}", f"Token {ORDERS}", f"Bearer{ORDERS}", "Bearer"]
)
async def test_only_a_bearer_token_is_one(header: str) -> None:
    async with serving(settings=TOKENS) as served:
        answer = await served.post(
            "/decode", {}, **{"Authorization": header, "X-Namespace": "orders"}
        )
        assert answer.status_code == 401


async def test_two_authorization_headers_are_none() -> None:
    async with serving(settings=TOKENS) as served:
        answer = await served.http.post(
            "/decode",
            json={},
            headers=[
                ("Authorization", f"Bearer {ORDERS}"),
                ("Authorization", f"Bearer {EVERYTHING}"),
                ("X-Namespace", "payroll"),
            ],
        )
        assert answer.status_code == 401


async def test_two_namespaces_are_none() -> None:
    async with serving(settings=TOKENS) as served:
        answer = await served.http.post(
            "/payroll/decode",
            json={},
            headers={"Authorization": f"Bearer {ORDERS}", "X-Namespace": "orders"},
        )
        assert answer.status_code == 400


async def test_another_namespaces_payload_stays_there() -> None:
    async with serving(settings=TOKENS) as served:
        everything = {"Authorization": f"Bearer {EVERYTHING}", "X-Namespace": "payroll"}
        large = json_payload(json.dumps("salary " * 20_000))
        encoded = await served.convert("/encode", [large], **everything)
        for path in ("/decode", "/download", "/preview/decode"):
            answer = await served.post(
                path,
                body_of(encoded),
                **{"Authorization": f"Bearer {ORDERS}", "X-Namespace": "orders"},
            )
            assert answer.status_code == 403
            assert answer.json()["code"] == "foreign-namespace"


async def test_health_needs_no_token_and_metrics_neither() -> None:
    async with serving(settings=TOKENS) as served:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await served.http.get(path)).status_code == 200


# Signed tokens.


async def test_a_good_token_reads_what_its_permissions_say(
    served: Served, provider: IdentityProvider
) -> None:
    token = provider.token(permissions=["default:read", "orders:write", "billing:worker"])
    assert await ask(served, token) == 200
    assert await ask(served, token, "/encode") == 403
    assert await ask(served, token, "/encode", **{"X-Namespace": "orders"}) == 200
    assert await ask(served, token, "/encode", **{"X-Namespace": "billing"}) == 200
    assert await ask(served, token, **{"X-Namespace": "payroll"}) == 403


@pytest.mark.parametrize(
    ("permissions", "reads", "writes"),
    [
        (["system:read"], 200, 403),
        (["system:admin"], 200, 200),
        (["default:admin"], 200, 200),
        (["default:Read"], 200, 403),
        (["default:"], 403, 403),
        (["default"], 403, 403),
        ([":read"], 403, 403),
        (["*:read"], 403, 403),
        (["default:owner"], 403, 403),
        ([7, None, {}], 403, 403),
        ("default:read", 403, 403),
        (None, 403, 403),
    ],
)
async def test_a_permission_is_a_namespace_and_a_role(
    permissions: object, reads: int, writes: int, served: Served, provider: IdentityProvider
) -> None:
    token = provider.token(permissions=permissions)
    assert await ask(served, token) == reads
    assert await ask(served, token, "/encode") == writes


async def test_whoever_signed_in_may_read_what_is_set_so(provider: IdentityProvider) -> None:
    async with serving(settings=trusting(provider, jwt_namespaces="default")) as served:
        token = provider.token(permissions=None)
        assert await ask(served, token) == 200
        assert await ask(served, token, "/encode") == 403
        assert await ask(served, token, **{"X-Namespace": "orders"}) == 403


@pytest.mark.parametrize(
    ("user", "status"),
    [
        ("ada@example.com", 200),
        ("Ada@Example.COM", 200),
        ("bob@example.org", 200),
        ("carol@example.org.evil.example", 403),
        ("carol@evilexample.org", 403),
        ("carol@sub.example.org", 403),
        ("example.org", 403),
        ("mallory@example.com", 403),
        ("", 403),
        (7, 403),
        (["ada@example.com"], 403),
        (None, 403),
    ],
    ids=str,
)
async def test_with_a_list_of_users_nobody_else_gets_in(
    user: object, status: int, provider: IdentityProvider
) -> None:
    listed = {"jwt_users": "ada@example.com, @example.org", "jwt_user_claim": "https://x/email"}
    async with serving(settings=trusting(provider, **listed)) as served:
        # What else the token says of its holder does not count.
        claims: dict[str, Any] = {"https://x/email": user}
        token = provider.token(sub="ada@example.com", **claims)
        assert await ask(served, token) == status


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.example/"}, "another issuer"),
        ({"iss": None}, "not valid"),
        ({"aud": "somebody-else"}, "another audience"),
        ({"aud": None}, "not valid"),
        ({"exp": -3600}, "expired"),
        ({"exp": None}, "not valid"),
        ({"nbf": 3600}, "not valid yet"),
        ({"iat": 3600}, "not valid yet"),
    ],
    ids=str,
)
async def test_a_token_that_is_not_meant_for_here_or_now_is_refused(
    claims: dict[str, Any], why: str, served: Served, provider: IdentityProvider
) -> None:
    now = int(time.time())
    given: dict[str, Any] = {
        name: now + value if isinstance(value, int) else value for name, value in claims.items()
    }
    answer = await served.post("/decode", {}, Authorization=f"Bearer {provider.token(**given)}")
    assert answer.status_code == 401
    assert why in answer.json()["message"]


async def test_a_token_without_a_signature_is_refused(
    served: Served, provider: IdentityProvider
) -> None:
    good = provider.token()
    _, claims, signature = good.split(".")
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        header = _encoded({"alg": algorithm, "typ": "JWT", "kid": "first"})
        assert await ask(served, f"{header}.{claims}.") == 401
        assert await ask(served, f"{header}.{claims}.{signature}") == 401


async def test_a_public_key_is_no_shared_secret(served: Served, provider: IdentityProvider) -> None:
    _, claims, _ = provider.token().split(".")
    for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
        header = _encoded({"alg": algorithm, "typ": "JWT", "kid": "first"})
        signed = f"{header}.{claims}".encode()
        signature = hmac.new(provider.public_pem(), signed, digest).digest()
        forged = f"{header}.{claims}.{_text(signature)}"
        assert await ask(served, forged) == 401


async def test_another_key_of_the_same_name_is_refused(
    served: Served, provider: IdentityProvider
) -> None:
    with identity_provider() as evil:
        assert await ask(served, provider.token(key=evil.keys["first"])) == 401


async def test_a_key_that_the_token_brings_along_is_not_used(
    served: Served, provider: IdentityProvider
) -> None:
    with identity_provider() as evil:
        brought = json.loads(evil.jwks())["keys"][0]
        _, claims, _ = provider.token().split(".")
        for header in (
            {"jwk": brought},
            {"jku": evil.url},
            {"x5u": evil.url},
            {"kid": "../../dev/null"},
            {"kid": 7},
            {"kid": None},
        ):
            forged = jwt.encode(
                json.loads(base64.urlsafe_b64decode(claims + "==")),
                evil.keys["first"],
                algorithm="RS256",
                headers={"kid": "strange"},
            )
            given = json.loads(base64.urlsafe_b64decode(forged.split(".")[0] + "==")) | header
            token = ".".join((_encoded(given), *forged.split(".")[1:]))
            assert await ask(served, token) == 401
        assert evil.fetches == 1


async def test_a_changed_token_is_refused(served: Served, provider: IdentityProvider) -> None:
    header, claims, signature = provider.token().split(".")
    more = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"permissions": ["system:admin"]}
    assert await ask(served, f"{header}.{_encoded(more)}.{signature}") == 401
    assert await ask(served, f"{header}.{claims}.{signature[:-4]}AAAA") == 401
    assert await ask(served, f"{header}.{claims}") == 401


async def test_tokens_of_unknown_keys_do_not_make_the_server_ask_again_and_again(
    provider: IdentityProvider,
) -> None:
    async with serving(settings=trusting(provider)) as served:
        assert await ask(served, provider.token()) == 200
        before = provider.fetches
        with identity_provider() as evil:
            for number in range(20):
                key = evil.keys["first"]
                evil.keys[f"key-{number}"] = key
                assert await ask(served, evil.token(key_id=f"key-{number}")) == 401
        assert provider.fetches - before <= 1


async def test_an_elliptic_key_signs_as_well(provider: IdentityProvider) -> None:
    provider.keys["curve"] = new_ec_key()
    token = jwt.encode(
        jwt.decode(provider.token(), options={"verify_signature": False}),
        provider.keys["curve"],
        algorithm="ES256",
        headers={"kid": "curve"},
    )
    async with serving(settings=trusting(provider)) as served:
        assert await ask(served, token) == 200
    async with serving(settings=trusting(provider, jwt_algorithms="RS256")) as served:
        assert await ask(served, token) == 401


async def test_a_provider_that_is_down_is_to_be_tried_again() -> None:
    with identity_provider() as provider:
        token = provider.token()
        settings = trusting(provider)
    async with serving(settings=settings) as served:
        assert await ask(served, token) == 503


async def test_both_kinds_of_tokens_work_beside_each_other(provider: IdentityProvider) -> None:
    async with serving(settings=trusting(provider) | TOKENS) as served:
        assert await ask(served, provider.token()) == 200
        assert await ask(served, EVERYTHING) == 200
        assert await ask(served, "neither-of-the-two-kinds") == 401


def _encoded(document: object) -> str:
    return _text(json.dumps(document).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
