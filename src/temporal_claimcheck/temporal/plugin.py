"""One line on the client serves client, worker and replayer."""

import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from temporalio.client import Client, ClientConfig
from temporalio.common import HeaderCodecBehavior
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    ExternalStorage,
    StorageDriver,
)
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ReplayerConfig,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerConfig,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.events import Observer
from temporal_claimcheck.foreign.s3_driver import S3_DRIVER_NAME
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import DRIVER_NAME
from temporal_claimcheck.settings import DEFAULT_ACTIVITY_WAIT_SECONDS, Settings
from temporal_claimcheck.stores.base import BlobStore
from temporal_claimcheck.temporal.codec import ClaimCheckCodec
from temporal_claimcheck.temporal.driver import ClaimCheckDriver
from temporal_claimcheck.temporal.failures import EncryptedFailureConverter
from temporal_claimcheck.temporal.identity import namespace_id
from temporal_claimcheck.temporal.metering import Meters
from temporal_claimcheck.temporal.replay import replay_aware
from temporal_claimcheck.temporal.s3_driver import S3DriverDoor, S3DriverReader
from temporal_claimcheck.temporal.tasks import OwnCode, watch_tasks

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import KeyRing

__all__ = ["ClaimCheckPlugin", "Door"]

Door = Literal["driver", "codec", "s3-driver"]
"""On which way claims are written; both are always read."""


class ClaimCheckPlugin(SimplePlugin):
    """The claim check for a client, the workers made from it, and replayers.

        client = await Client.connect(address, plugins=[ClaimCheckPlugin("s3://claims/prod")])

    Keeps whatever the data converter has: payload and failure converter, codec (it encodes
    before payloads are stored), and other storage drivers, whose references stay readable.
    Replays store nothing. With keys, nothing that passes a data converter leaves in the clear:
    failure messages, stack traces and headers are encoded too, unless the client has a failure
    converter or a codec of its own.

    Where the client's runtime exports metrics, the claim check's are among them.

    Works for a process that has only a client: what it opens it opens on first use, and releases
    when its last worker or replayer is done.
    """

    def __init__(
        self,
        store: str | BlobStore | ClaimCheckManager | None = None,
        *,
        settings: Settings | None = None,
        keys: "KeyRing | Callable[[], KeyRing] | None" = None,
        door: Door = "driver",
        activity_wait_seconds: float | None = None,
        observers: Iterable[Observer] = (),
        metrics: bool = True,
    ) -> None:
        """Build the plugin; no I/O but for the keys.

        `store` is a URL, a store, or a manager; without it the settings name the store, and
        without settings the environment does. `keys`, or those that the settings name, encrypt
        all that leaves; a function is called for them now, and again when a key is missing.
        `activity_wait_seconds` goes before the setting of that name. `observers` are told what
        happens, and with `metrics` the meter of the client's runtime counts it. Raises
        ConfigurationError.
        """
        super().__init__(  # pyright: ignore[reportUnknownMemberType]  # bare Callable of the SDK
            "temporal-claimcheck", run_context=self._running
        )
        if door not in get_args(Door):
            raise InvalidSettings(
                f"There is no door {door!r}.",
                remedy='Use door="driver", door="codec" or door="s3-driver".',
            )
        settings = _settings_for(store, settings, keys)
        self._manager, self._owns_manager = _build_manager(store, settings, keys, tuple(observers))
        self._meters = Meters() if metrics else None
        if door == "s3-driver":
            # Built for what it refuses, before there is a client.
            S3DriverDoor(self._manager)
        self._wait_seconds = _wait_seconds(activity_wait_seconds, settings)
        self._door: Door = door
        self._running_count = 0

    def configure_client(self, config: ClientConfig) -> ClientConfig:
        """Put the claim check into the client's data converter.

        Raises InvalidSettings when another claim check is there already.
        """
        config = super().configure_client(config)
        existing = _claim_check_of(config["data_converter"])
        if existing is not None and existing.store is not self._manager.store:
            raise InvalidSettings(
                "The client's data converter has another claim check already.",
                remedy="Give ClaimCheckPlugin once, and no driver or codec of it by hand.",
            )
        manager = self._manager.for_namespace(config["namespace"])
        service = config["service_client"]
        manager.registry.identify_by(
            manager.namespace,
            service.config.target_host,
            partial(namespace_id, service, manager.namespace),
        )
        if self._meters is not None:
            manager = self._meters.count(manager, service.config)
        self._encode_headers(cast("dict[str, Any]", config), config["data_converter"])
        config["data_converter"] = self._wire(config["data_converter"], manager)
        return config

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Make the worker's runners know of replays.

        Raises InvalidSettings when the worker's client is without the claim check: the worker
        takes its data converter from there.
        """
        config = super().configure_worker(config)
        known = cast("dict[str, Any]", config)
        client: Client | None = known.get("client")
        if client is not None and _claim_check_of(client.data_converter) is None:
            raise InvalidSettings(
                "The worker has ClaimCheckPlugin, but its client has not.",
                remedy="Give the plugin to Client.connect(…, plugins=[…]) and not to the worker: "
                "every worker made from that client then has it.",
            )
        _make_replay_aware(known)
        known["interceptors"] = [OwnCode(), *known.get("interceptors", ())]
        return config

    async def run_worker(self, worker: Worker, next: Callable[[Worker], Awaitable[None]]) -> None:  # noqa: A002
        """Let activities wait for a store that is down."""
        watch_tasks(worker, wait_seconds=self._wait_seconds)
        await super().run_worker(worker, next)

    def configure_replayer(self, config: ReplayerConfig) -> ReplayerConfig:
        """Make the replayer resolve claims of whatever namespace, and never write."""
        config = super().configure_replayer(config)
        known = cast("dict[str, Any]", config)
        converter: DataConverter = known.get("data_converter") or DataConverter.default
        self._encode_headers(known, converter)
        known["data_converter"] = self._wire(converter, self._manager.for_replay())
        _make_replay_aware(known)
        return config

    def _wire(self, converter: DataConverter, manager: ClaimCheckManager) -> DataConverter:
        """Return the converter with this claim check, in the place of one it may have."""
        codec, storage = converter.payload_codec, converter.external_storage
        others = [
            driver
            for driver in (storage.drivers if storage else ())
            if not isinstance(driver, ClaimCheckDriver | S3DriverReader)
        ]
        if any(driver.name() == DRIVER_NAME for driver in others):
            raise InvalidSettings(
                f"Another storage driver is named {DRIVER_NAME!r}.",
                remedy="Give that driver another name.",
            )
        # The user's own driver of that name goes on reading what it wrote.
        if manager.foreign.reads_s3_driver and S3_DRIVER_NAME not in {
            driver.name() for driver in others
        }:
            others.append(S3DriverReader(manager))
        failure_converter = converter.failure_converter_class
        if manager.encrypts and failure_converter is DefaultFailureConverter:
            failure_converter = EncryptedFailureConverter
        # Never both doors on one write path: a payload would be stored twice.
        return dataclasses.replace(
            converter,
            failure_converter_class=failure_converter,
            external_storage=self._external_storage(manager, others),
            payload_codec=ClaimCheckCodec(
                manager,
                inner=codec.inner if isinstance(codec, ClaimCheckCodec) else codec,
                writes=self._door == "codec",
            ),
        )

    def _external_storage(
        self, manager: ClaimCheckManager, others: list[StorageDriver]
    ) -> ExternalStorage:
        ours = ClaimCheckDriver(manager)
        if self._door != "s3-driver":
            return ours.external_storage(others=others, writes=self._door == "driver")
        kept = [driver for driver in others if not isinstance(driver, S3DriverReader)]
        if any(driver.name() == S3_DRIVER_NAME for driver in kept):
            raise InvalidSettings(
                f"Another storage driver is named {S3_DRIVER_NAME!r}.",
                remedy="Take it out: this door writes in its place, and reads the buckets that "
                "CLAIMCHECK_READ_S3_DRIVER_BUCKETS names.",
            )
        return S3DriverDoor(manager).external_storage(others=[ours, *kept])

    def _encode_headers(self, config: dict[str, Any], converter: DataConverter) -> None:
        """Let headers pass the codec when there are keys; what came in the clear stays readable.

        A codec of the user's own may not bear headers that it did not encode, so there the
        client's setting stays as it is.
        """
        codec = converter.payload_codec
        if isinstance(codec, ClaimCheckCodec):
            codec = codec.inner
        behavior = config.get("header_codec_behavior", HeaderCodecBehavior.NO_CODEC)
        if self._manager.encrypts and codec is None and behavior is HeaderCodecBehavior.NO_CODEC:
            config["header_codec_behavior"] = HeaderCodecBehavior.CODEC

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[None]:
        self._running_count += 1
        try:
            yield
        finally:
            self._running_count -= 1
            if self._owns_manager and not self._running_count:
                await self._manager.aclose()


def _settings_for(
    store: str | BlobStore | ClaimCheckManager | None,
    settings: Settings | None,
    keys: "KeyRing | Callable[[], KeyRing] | None",
) -> Settings | None:
    """Return the settings that hold; None for a manager, which brings its own."""
    if isinstance(store, ClaimCheckManager):
        if settings is not None or keys is not None:
            raise InvalidSettings(
                "A manager brings its own settings and keys.", remedy="Give the one or the other."
            )
        return None
    if isinstance(store, str):
        return Settings.load(store=store) if settings is None else _with(settings, store)
    return settings or Settings.load()


def _build_manager(
    store: str | BlobStore | ClaimCheckManager | None,
    settings: Settings | None,
    keys: "KeyRing | Callable[[], KeyRing] | None",
    observers: Sequence[Observer],
) -> tuple[ClaimCheckManager, bool]:
    if isinstance(store, ClaimCheckManager):
        for observer in observers:
            store = store.observed_by(observer)
        return store, False
    settings = settings or Settings.load()
    given = None if isinstance(store, str) else store
    return ClaimCheckManager.from_settings(
        settings, store=given, keys=keys, observers=observers
    ), True


def _wait_seconds(given: float | None, settings: Settings | None) -> float:
    if given is None:
        return settings.activity_wait_seconds if settings else DEFAULT_ACTIVITY_WAIT_SECONDS
    if not given >= 0:
        raise InvalidSettings(f"activity_wait_seconds is {given}.", remedy="Set it to 0 or more.")
    return given


def _with(settings: Settings, store: str) -> Settings:
    return settings.model_copy(update={"store": store})


def _claim_check_of(converter: DataConverter) -> ClaimCheckManager | None:
    codec, storage = converter.payload_codec, converter.external_storage
    for door in (codec, *(storage.drivers if storage else ())):
        if isinstance(door, ClaimCheckCodec | ClaimCheckDriver):
            return door.manager
    return None


def _make_replay_aware(config: dict[str, Any]) -> None:
    for name, default in _RUNNERS.items():
        config[name] = replay_aware(config.get(name) or default())


_RUNNERS: Final[dict[str, Callable[[], WorkflowRunner]]] = {
    "workflow_runner": SandboxedWorkflowRunner,
    "unsandboxed_workflow_runner": UnsandboxedWorkflowRunner,
}
