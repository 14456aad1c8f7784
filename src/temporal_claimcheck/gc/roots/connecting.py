"""Connections to the clusters to be read, configured as every Temporal tool is."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypedDict, Unpack

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConfigProfile
from temporalio.runtime import Runtime

from temporal_claimcheck.errors import CollectionIncomplete, InvalidSettings
from temporal_claimcheck.gc.roots.references import Decrypt
from temporal_claimcheck.gc.roots.temporal_cluster import TemporalCluster

__all__ = [
    "Limits",
    "connect_client",
    "connect_clients",
    "connect_clusters",
    "connect_home",
    "load_profiles",
]

_DEFAULT_ADDRESS: Final = "localhost:7233"


class Limits(TypedDict, total=False):
    """How hard each cluster is asked; see TemporalCluster."""

    max_requests_per_second: float
    max_concurrent_requests: int
    attempts: int


async def connect_clusters(
    profiles: Sequence[str] = (),
    *,
    decrypt: Decrypt,
    config_file: Path | None = None,
    **limits: Unpack[Limits],
) -> list[TemporalCluster]:
    """Connect to the cluster of each profile, in order.

    Profiles come from Temporal's own file (`TEMPORAL_CONFIG_FILE`, or where its tools look for
    it). The variables of the environment (`TEMPORAL_ADDRESS` and others) go before the file where
    at most one profile is named; for several they would all mean the same cluster, and do not
    count. Without any profile it is the one that the environment names, or `default`.

    Raises InvalidSettings for a profile that does not exist or cannot be used, and
    CollectionIncomplete for a cluster that does not answer.
    """
    return [
        TemporalCluster(client.service_client, decrypt=decrypt, name=name, **limits)
        for name, client in await connect_clients(profiles, config_file=config_file)
    ]


async def connect_clients(
    profiles: Sequence[str] = (), *, config_file: Path | None = None
) -> list[tuple[str, Client]]:
    """Connect to the same clusters; return plain clients, with the names of their clusters.

    Raises as `connect_clusters` does.
    """
    loaded = load_profiles(profiles, config_file=config_file)
    return [(name, await connect_client(name, profile)) for name, profile in loaded]


async def connect_home(
    profiles: Sequence[str] = (),
    *,
    address: str | None = None,
    config_file: Path | None = None,
    runtime: Runtime | None = None,
) -> Client:
    """Connect to the namespace of the first profile, where the collector's own workflow runs.

    An `address` goes before the profile's. `runtime` is Temporal's default one if none is given.
    Raises what `connect_clusters` raises.
    """
    name, profile = load_profiles(profiles, config_file=config_file)[0]
    if address is not None:
        name, profile = address, dataclasses.replace(profile, address=address)
    return await connect_client(name, profile, runtime)


def load_profiles(
    profiles: Sequence[str] = (), *, config_file: Path | None = None
) -> list[tuple[str, ClientConfigProfile]]:
    """Return how each cluster is reached, with its name. Raises InvalidSettings."""
    if len(set(profiles)) < len(profiles):
        raise InvalidSettings(
            "A profile of Temporal's is named twice.", remedy="Name each cluster once."
        )
    try:
        if len(profiles) > 1:
            known = ClientConfig.load(config_source=config_file).profiles
            return [(name, known[name]) for name in profiles]
        name = profiles[0] if profiles else None
        profile = ClientConfigProfile.load(name, config_source=config_file)
    except KeyError as error:
        raise InvalidSettings(
            f"Temporal's configuration has no profile {error.args[0]!r}.",
            remedy="Name one that `temporal config list` shows, or add it.",
        ) from error
    except (RuntimeError, OSError) as error:
        raise InvalidSettings(
            f"Temporal's configuration cannot be used: {error}.",
            remedy="Mend the file or the TEMPORAL_* variables; `temporal config list` shows the "
            "profiles.",
        ) from error
    return [(name or profile.address or _DEFAULT_ADDRESS, profile)]


async def connect_client(
    name: str, profile: ClientConfigProfile, runtime: Runtime | None = None
) -> Client:
    """Connect to one cluster. Raises CollectionIncomplete for one that does not answer."""
    profile = dataclasses.replace(profile, address=profile.address or _DEFAULT_ADDRESS)
    # A plain client: the collector looks at what Temporal carries, and resolves nothing.
    try:
        return await Client.connect(**profile.to_client_connect_config(), runtime=runtime)
    except (RuntimeError, OSError, ValueError) as error:
        raise CollectionIncomplete(
            f"The cluster of {name!r} cannot be reached: {error}.",
            remedy="Check its address and credentials in Temporal's configuration, and whether "
            "it is up.",
        ) from error
