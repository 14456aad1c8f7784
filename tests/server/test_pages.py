"""What all pages have in common: the way to their files, and words for people."""

import re

import pytest
from starlette.requests import Request

from temporal_claimcheck.server.pages import root_of, wants_page
from tests.server.view_server import ServerSettings, as_json, serving


def request(
    path: str, *, root_path: str = "", method: str = "GET", accept: str = "text/html"
) -> Request:
    scope = {
        "type": "http",
        "method": method,
        "path": f"{root_path}{path}",
        "raw_path": f"{root_path}{path}".encode(),
        "root_path": root_path,
        "headers": [(b"accept", accept.encode())],
    }
    return Request(scope)


@pytest.mark.parametrize("root_path", ["", "/codec", "/a/b"])
@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/", "./"),
        ("/view", "./"),
        ("/view/x", "../"),
        ("/view/v1/default/2026-11-22/3f", "../../../../"),
        ("/view/v1%2fdefault", "../"),
        ("/view/x/", "../../"),
    ],
)
def test_the_way_to_the_root_holds_under_any_path(path: str, root: str, root_path: str) -> None:
    assert root_of(request(path, root_path=root_path)) == root


def test_behind_a_proxy_every_link_of_a_page_leads_somewhere() -> None:
    with serving(settings=ServerSettings(root_path="/codec")) as server:
        page = server.get(f"/view/{server.store(as_json('[1]'))}")
    assert page.status == 200
    targets = re.findall(r'(?:href|src)="([^"]*)"', page.text)
    assert targets
    # All are relative, so that none leaves the path under which the proxy serves.
    assert not [target for target in targets if target.startswith(("/", "http"))]


@pytest.mark.parametrize(
    ("method", "accept", "wanted"),
    [
        ("GET", "text/html,application/xhtml+xml,*/*;q=0.8", True),
        ("HEAD", "text/html", True),
        ("GET", "application/json", False),
        ("GET", "*/*", False),
        ("GET", "", False),
        ("POST", "text/html", False),
    ],
)
def test_only_a_browser_gets_a_page(method: str, accept: str, *, wanted: bool) -> None:
    assert wants_page(request("/", method=method, accept=accept)) is wanted
