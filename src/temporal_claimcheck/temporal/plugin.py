"""One line on the client serves client, worker and replayer."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, cast

from temporalio.client import ClientConfig
from temporalio.converter import DataConverter, ExternalStorage, StorageDriver
from temporalio.plugin import SimplePlugin
from temporalio.worker import (
    ReplayerConfig,
    UnsandboxedWorkflowRunner,
    WorkerConfig,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import DRIVER_NAME
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.base import BlobStore
from temporal_claimcheck.temporal.codec import ClaimCheckCodec
from temporal_claimcheck.temporal.driver import ClaimCheckDriver
from temporal_claimcheck.temporal.replay import replay_aware

__all__ = ["ClaimCheckPlugin", "Door"]

Door = Literal["driver", "codec"]
"""On which way claims are written; both are always read."""


class ClaimCheckPlugin(SimplePlugin):
    """The claim check for a client, the workers made from it, and replayers.

        client = await Client.connect(address, plugins=[ClaimCheckPlugin("s3://claims/prod")])

    Keeps whatever the data converter has: payload and failure converter, codec (it encodes
    before payloads are stored), and other storage drivers, whose references stay readable.
    Replays store nothing. Works for a process that has only a client: what it opens it opens
    on first use, and releases when its last worker or replayer is done.
    """

    def __init__(
        self,
        store: "str | BlobStore | ClaimCheckManager | None" = None,
        *,
        settings: Settings | None = None,
        door: Door = "driver",
    ) -> None:
        """Build the plugin; no I/O.

        `store` is a URL, a store, or a manager; without it the settings name the store, and
        without settings the environment does. Raises ConfigurationError.
        """
        super().__init__("temporal-claimcheck", run_context=self._running)
        if door not in {"driver", "codec"}:
            raise InvalidSettings(
                f"There is no door {door!r}.", remedy='Use door="driver" or door="codec".'
            )
        self._manager, self._owns_manager = _build_manager(store, settings)
        self._door: Door = door
        self._running_count = 0

    @property
    def manager(self) -> ClaimCheckManager:
        """The manager behind the doors, for use inside activities and outside Temporal.

        It writes to the namespace of the settings; `manager.for_namespace` gives another's.
        """
        return self._manager

    def configure_client(self, config: ClientConfig) -> ClientConfig:
        """Put the claim check into the client's data converter."""
        config = super().configure_client(config)
        manager = self._manager.for_namespace(config["namespace"])
        config["data_converter"] = self._convert(config["data_converter"], manager)
        return config

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """Make the worker's runners know of replays.

        Raises InvalidSettings when the worker's client is without the claim check: the worker
        takes its data converter from there.
        """
        config = super().configure_worker(config)
        client = config.get("client")
        if client is not None and not _is_wired(
            client.config(active_config=True)["data_converter"]
        ):
            raise InvalidSettings(
                "The worker has ClaimCheckPlugin, but its client has not.",
                remedy="Give the plugin to Client.connect(…, plugins=[…]) and not to the worker: "
                "every worker made from that client then has it.",
            )
        config["workflow_runner"] = _runner(config.get("workflow_runner"), sandboxed=True)
        config["unsandboxed_workflow_runner"] = _runner(
            config.get("unsandboxed_workflow_runner"), sandboxed=False
        )
        return config

    def configure_replayer(self, config: ReplayerConfig) -> ReplayerConfig:
        """Make the replayer resolve claims of whatever namespace, and never write."""
        config = super().configure_replayer(config)
        manager = self._manager.for_replay()
        converter = config.get("data_converter") or DataConverter.default
        config["data_converter"] = self._convert(converter, manager)
        config["workflow_runner"] = _runner(config.get("workflow_runner"), sandboxed=True)
        config["unsandboxed_workflow_runner"] = _runner(
            config.get("unsandboxed_workflow_runner"), sandboxed=False
        )
        return config

    def _convert(self, converter: DataConverter, manager: ClaimCheckManager) -> DataConverter:
        existing = converter.external_storage
        others = [] if existing is None else list(existing.drivers)
        if _is_wired(converter):
            raise InvalidSettings(
                "The data converter has the claim check already.",
                remedy="Give ClaimCheckPlugin once, and no driver or codec of it by hand.",
            )
        if any(driver.name() == DRIVER_NAME for driver in others):
            raise InvalidSettings(
                f"Another storage driver is named {DRIVER_NAME!r}.",
                remedy="Give that driver another name.",
            )
        storage = self._storage(manager, others)
        codec = ClaimCheckCodec(
            manager, inner=converter.payload_codec, writes=self._door == "codec"
        )
        return dataclasses.replace(converter, external_storage=storage, payload_codec=codec)

    def _storage(
        self, manager: ClaimCheckManager, others: list[StorageDriver]
    ) -> ExternalStorage:
        # Never both doors on one write path: a payload would be stored twice.
        driver = ClaimCheckDriver(manager)
        return driver.external_storage(others=others, writes=self._door == "driver")

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        self._running_count += 1
        try:
            yield
        finally:
            self._running_count -= 1
            if self._owns_manager and not self._running_count:
                await self._manager.aclose()


def _build_manager(
    store: "str | BlobStore | ClaimCheckManager | None", settings: Settings | None
) -> tuple[ClaimCheckManager, bool]:
    if isinstance(store, ClaimCheckManager):
        if settings is not None:
            raise InvalidSettings(
                "A manager brings its own settings.", remedy="Give the one or the other."
            )
        return store, False
    if isinstance(store, str):
        settings = Settings.load(store=store) if settings is None else _with(settings, store)
        return ClaimCheckManager.from_settings(settings), True
    settings = settings or Settings.load()
    if store is None:
        return ClaimCheckManager.from_settings(settings), True
    return ClaimCheckManager.from_settings(settings, store=store), True


def _with(settings: Settings, store: str) -> Settings:
    return settings.model_copy(update={"store": store})


def _is_wired(converter: DataConverter) -> bool:
    return isinstance(converter.payload_codec, ClaimCheckCodec) or (
        converter.external_storage is not None
        and any(isinstance(driver, ClaimCheckDriver) for driver in converter.external_storage.drivers)
    )


def _runner(runner: WorkflowRunner | None, *, sandboxed: bool) -> WorkflowRunner:
    default = SandboxedWorkflowRunner if sandboxed else UnsandboxedWorkflowRunner
    return replay_aware(runner or cast("WorkflowRunner", default()))
