"""The whole examination: which checks there are, and which need what others found."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from temporal_claimcheck import wiring
from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.codec_server import check_codec_server, check_cors
from temporal_claimcheck.doctor.encryption import check_keys, check_stored_keys
from temporal_claimcheck.doctor.environment import check_environment
from temporal_claimcheck.doctor.expiry import check_expiry
from temporal_claimcheck.doctor.findings import Area, Report
from temporal_claimcheck.doctor.folder import check_folder
from temporal_claimcheck.doctor.redis_server import check_redis
from temporal_claimcheck.doctor.request import Request
from temporal_claimcheck.doctor.running import Outcome, Runner
from temporal_claimcheck.doctor.sizes import judge_sizes
from temporal_claimcheck.doctor.store_probe import Probed, probe, probe_read_only
from temporal_claimcheck.doctor.temporal import (
    Reached,
    check_temporal,
    check_temporal_clock,
    clusters_of,
)
from temporal_claimcheck.doctor.trouble import trouble_with
from temporal_claimcheck.doctor.versions import check_versions
from temporal_claimcheck.doctor.writers import check_writers
from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.gc.lifecycle.comparing import is_redis
from temporal_claimcheck.gc.lifecycle.expiry import Forecast
from temporal_claimcheck.gc.settings import CollectorSettings
from temporal_claimcheck.keychain import Keychain
from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.registry import Registry
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.base import BlobStore

if TYPE_CHECKING:
    from temporal_claimcheck.stores.redis import RedisStore

__all__ = ["examine"]

_PARTS: Final = 3
"""A check makes a few requests one after the other, and has time for each to fail."""


async def examine(request: Request, *, progress: Callable[[str], None] = lambda _: None) -> Report:
    """Look at everything, and return what was found. `progress` is told what is looked at."""
    runner = Runner(seconds=request.seconds, progress=progress)
    async with AsyncExitStack() as stack:
        await _Examination(request, runner, stack).run()
    return runner.report


class _Examination:
    def __init__(self, request: Request, runner: Runner, stack: AsyncExitStack) -> None:
        self._request = request
        self._runner = runner
        self._stack = stack

    async def run(self) -> None:
        runner, request = self._runner, self._request
        settings = await runner.run("the settings", Area.SETTINGS, check_environment)
        await runner.run("the versions", Area.VERSIONS, partial(check_versions, request.version_of))
        keychain: Keychain | None = None
        if settings is not None:
            keychain = await runner.run("the keys", Area.ENCRYPTION, partial(check_keys, settings))
        # What is far away is asked at once: together it takes as long as the slowest.
        async with asyncio.TaskGroup() as group:
            stores = group.create_task(self._stores(runner.branch(), settings, keychain))
            clusters = group.create_task(self._clusters(runner.branch()))
            group.create_task(self._codec_server(runner.branch(), settings))
        if settings is not None:
            await self._sizes(settings, clusters.result())
            await self._together(settings, keychain, stores.result(), clusters.result())

    async def _stores(
        self, runner: Runner, settings: Settings | None, keychain: Keychain | None
    ) -> BlobStore | None:
        """Look at each store; return the first if it can be listed."""
        if settings is None:
            runner.skip("the store", Area.STORE, "the settings do not say which it is")
            return None
        first = None
        urls = [settings.store_url, *settings.store_mirrors]
        for url in urls:
            store = await self._store(runner, settings, url, keychain, is_cache=False)
            first = store if url == urls[0] else first
        if settings.store_cache:
            await self._store(runner, settings, settings.store_cache, keychain, is_cache=True)
        return first

    async def _store(
        self,
        runner: Runner,
        settings: Settings,
        url: str,
        keychain: Keychain | None,
        *,
        is_cache: bool,
    ) -> BlobStore | None:
        request = self._request
        build = partial(self._open, settings, url)
        title = f"the {'cache' if is_cache else 'store'} ({_place(url)})"
        store = await runner.run(title, Area.STORE, build)
        if store is None:
            return None
        ledger = Ledger(store, keychain)
        self._stack.callback(ledger.release)
        self._stack.push_async_callback(store.aclose)
        tells_time = not is_redis(url)
        check = (
            partial(probe_read_only, store, ledger)
            if settings.store_read_only
            else partial(probe, store, ledger, request.clock, tells_time=tells_time)
        )
        probed: Probed | None = await runner.run(
            title,
            Area.STORE,
            check,
            late=catalogue.STORE_UNREACHABLE,
            late_remedy="Check host and port, whether it runs, and the network from this machine "
            "to it; --timeout gives it more time.",
        )
        if probed is not None and is_redis(url) and not is_cache:
            await runner.run(
                f"the safety of {_place(url)}",
                Area.STORE,
                partial(
                    check_redis,
                    cast("RedisStore", store),
                    settings,
                    request.clock,
                    least_free_share=request.least_free_share,
                ),
            )
        elif urlsplit(url).scheme == "file" and not is_cache:
            await runner.run(
                f"the disk of {_place(url)}",
                Area.STORE,
                partial(check_folder, url, least_free_share=request.least_free_share),
            )
        return store if probed is not None and probed.lists else None

    async def _open(self, settings: Settings, url: str) -> Outcome[BlobStore]:
        """Build one store alone, which gives up in time and is judged apart from being used."""
        most = self._request.seconds / _PARTS
        alone = settings.model_copy(
            update={
                "store": url,
                "store_mirrors": (),
                "store_cache": None,
                "redis_may_lose_payloads": True,
                "connect_timeout_seconds": min(settings.connect_timeout_seconds, most),
                "request_timeout_seconds": min(settings.request_timeout_seconds, most),
                "retry_seconds": 0.0,
            }
        )
        try:
            store = wiring.build_store(alone)
        except ClaimCheckError as error:
            return Outcome(findings=[trouble_with(_place(url), error)])
        if urlsplit(url).scheme == "memory":
            said = "memory:// is gone with the process, and no other process can read it."
            finding = catalogue.STORE_IN_MEMORY.found(said, "Use it for tests alone.")
            return Outcome(findings=[finding], value=store)
        return Outcome(findings=[], value=store)

    async def _clusters(self, runner: Runner) -> list[Reached] | None:
        """Connect to each cluster; None unless all can be reached."""
        request = self._request
        profiles = request.profiles or _profiles()
        clusters = await runner.run(
            "Temporal's configuration", Area.TEMPORAL, partial(clusters_of, profiles)
        )
        found: list[Reached] = []
        for name, profile in clusters or ():
            reached = await runner.run(
                f"Temporal ({name})",
                Area.TEMPORAL,
                partial(check_temporal, name, profile),
                late=catalogue.TEMPORAL_UNREACHABLE,
                late_remedy="Set TEMPORAL_ADDRESS (or the profile's address) to host:port of its "
                "frontend; --timeout gives it more time.",
            )
            if reached is not None:
                found.append(reached)
                await runner.run(
                    f"the clock of {name}",
                    Area.CLOCK,
                    partial(check_temporal_clock, reached, request.clock),
                )
        return found if clusters and len(found) == len(clusters) else None

    async def _codec_server(self, runner: Runner, settings: Settings | None) -> None:
        request = self._request
        if request.codec_endpoint is None:
            runner.skip(
                "the codec server", Area.CODEC_SERVER, "no --codec-endpoint says where it is"
            )
            return
        seconds = request.seconds / _PARTS
        base = await runner.run(
            "the codec server",
            Area.CODEC_SERVER,
            partial(
                check_codec_server,
                request.codec_endpoint,
                namespace=settings.namespace if settings else "default",
                seconds=seconds,
            ),
            late=catalogue.CODEC_UNREACHABLE,
            late_remedy="Start it (claimcheck serve), or correct --codec-endpoint.",
        )
        if request.web_ui_origin is None:
            runner.skip(
                "whether the Web UI may call it",
                Area.CODEC_SERVER,
                "no --web-ui-origin says where that is",
            )
        elif base is not None:
            await runner.run(
                "the codec server's CORS",
                Area.CODEC_SERVER,
                partial(check_cors, base, request.web_ui_origin, seconds=seconds),
            )

    async def _sizes(self, settings: Settings, clusters: list[Reached] | None) -> None:
        limits = [each.blob_limit_bytes for each in clusters or () if each.blob_limit_bytes]

        async def check() -> Outcome[None]:
            return Outcome(findings=judge_sizes(settings, min(limits, default=None)))

        await self._runner.run("the sizes", Area.SETTINGS, check)

    async def _together(
        self,
        settings: Settings,
        keychain: Keychain | None,
        store: BlobStore | None,
        clusters: list[Reached] | None,
    ) -> None:
        """Compare the store with the keys, and with Temporal."""
        runner, request = self._runner, self._request
        if store is None:
            because = "the store cannot be listed"
            runner.skip("the keys of stored payloads", Area.ENCRYPTION, because)
        else:
            ring = None if keychain is None else keychain.ring
            await runner.run(
                "the keys of stored payloads",
                Area.ENCRYPTION,
                partial(check_stored_keys, store, ring),
            )
        if store is None or clusters is None:
            because = "the store cannot be listed" if store is None else "Temporal is missing"
            runner.skip("who writes to the store", Area.TEMPORAL, because)
            runner.skip("what expires", Area.EXPIRY, because)
            return
        registry = Registry(Ledger(store, keychain), request.clock)
        registered = await runner.run(
            "who writes to the store", Area.TEMPORAL, partial(check_writers, registry, clusters)
        )
        forecast = Forecast(runs_end_within=request.runs_end_within)
        for url in (settings.store_url, *settings.store_mirrors):
            await runner.run(
                f"what expires in {_place(url)}",
                Area.EXPIRY,
                partial(check_expiry, settings, url, clusters, registered or (), forecast),
            )


def _profiles() -> tuple[str, ...]:
    try:
        return CollectorSettings.read({}).profiles
    except ClaimCheckError:
        return ()  # Reading the settings said so.


def _place(url: str) -> str:
    """Return a store's URL for people: no credentials, no query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that is none"
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
