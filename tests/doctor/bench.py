"""A set-up that is well, in which tests plant one fault at a time."""

import contextlib
import os
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.doctor.examination import examine
from temporal_claimcheck.doctor.findings import Report
from temporal_claimcheck.doctor.request import Request
from temporal_claimcheck.testing.servers import S3Server, ServerProcess, redis_server

FOREIGN = ("CLAIMCHECK_", "TEMPORAL_", "AWS_", "R2_", "REDIS_")


@dataclass(kw_only=True)
class Bench:
    """Real servers, an environment that names them, and what the doctor is asked."""

    environ: pytest.MonkeyPatch
    folder: Path
    s3: S3Server
    temporal: str
    """Address of the dev server."""
    asked: dict[str, Any] = field(default_factory=lambda: {"seconds": 60.0})
    """What `Request` gets. The time is for machines that have much else to do."""
    prefix: str = field(default_factory=lambda: str(uuid.uuid4()))

    def be_well(self) -> None:
        """Use the bucket below a prefix of its own, and Temporal."""
        for name in os.environ:
            if name.startswith(FOREIGN) and "_TEST_" not in name:
                self.environ.delenv(name)
        self.set(TEMPORAL_ADDRESS=self.temporal)
        self.use_s3(self.s3)

    def set(self, **variables: object) -> None:
        for name, value in variables.items():
            self.environ.setenv(name, str(value))

    def use_s3(self, server: S3Server, *, identity: str | None = None) -> None:
        self.set(
            CLAIMCHECK_STORE=f"s3://{server.bucket}/{self.prefix}",
            CLAIMCHECK_S3_ENDPOINT=server.endpoint,
            CLAIMCHECK_S3_REGION="us-east-1",
            AWS_ACCESS_KEY_ID=identity or server.access_key_id,
            AWS_SECRET_ACCESS_KEY=f"{identity}-secret" if identity else server.secret_access_key,
        )

    def use(self, store: str) -> None:
        self.set(CLAIMCHECK_STORE=store)

    @contextlib.asynccontextmanager
    async def redis(self, *arguments: str) -> AsyncGenerator[ServerProcess]:
        """Use a Redis of its own, which keeps what it is given unless the arguments say else."""
        safe = ("--appendonly", "yes") if "--appendonly" not in arguments else ()
        async with redis_server(self.folder, arguments=(*safe, *arguments)) as server:
            self.use(f"redis://127.0.0.1:{server.port}/0")
            yield server

    async def examine(self) -> Report:
        return await examine(Request(**self.asked))

    def manager(self) -> ClaimCheckManager:
        return ClaimCheckManager.open()


Plant = Callable[[Bench], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault, what it is called, and what has to be said of it."""

    name: str
    code: str
    remedy: str
    """Words of the remedy."""
    plant: Plant


FAULTS: list[Fault] = []


def fault(
    code: str, remedy: str
) -> Callable[[Callable[[Bench], AsyncGenerator[None]]], Callable[[Bench], AsyncGenerator[None]]]:
    """Add what the function plants to the table."""

    def add(
        plant: Callable[[Bench], AsyncGenerator[None]],
    ) -> Callable[[Bench], AsyncGenerator[None]]:
        name = plant.__name__.replace("_", " ")
        planted = contextlib.asynccontextmanager(plant)
        FAULTS.append(Fault(name=name, code=code, remedy=remedy, plant=planted))
        return plant

    return add
