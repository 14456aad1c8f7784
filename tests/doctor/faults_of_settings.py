"""What people set wrongly."""

import base64
import sys
from collections.abc import AsyncGenerator

from temporal_claimcheck.doctor.request import installed_version
from temporal_claimcheck.testing.servers import temporal_server
from tests.doctor.bench import Bench, fault


@fault("setting-unknown", "Did you mean CLAIMCHECK_THRESHOLD_BYTES?")
async def a_misspelled_variable(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_TRESHOLD_BYTES=100_000)
    yield


@fault("setting-unknown", "Did you mean CLAIMCHECK_SERVER_CORS_ORIGINS?")
async def a_misspelled_variable_of_the_server(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_SERVER_CORS_ORIGIN="https://ui.example.com")
    yield


@fault("settings-invalid", "Correct them")
async def a_value_out_of_range(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_THRESHOLD_BYTES=-1)
    yield


@fault("settings-invalid", "Did you mean threshold_bytes?")
async def a_misspelled_setting_of_the_file(bench: Bench) -> AsyncGenerator[None]:
    file = bench.folder / "claimcheck.toml"
    file.write_text("treshold_bytes = 100000\n[gc]\nat_once = 4\n")
    bench.set(CLAIMCHECK_CONFIG=file)
    yield


@fault("settings-invalid", "Correct the file")
async def a_file_that_is_no_toml(bench: Bench) -> AsyncGenerator[None]:
    file = bench.folder / "claimcheck.toml"
    file.write_text("threshold_bytes = many")
    bench.set(CLAIMCHECK_CONFIG=file)
    yield


@fault("settings-invalid", "Set CLAIMCHECK_SERVER_TOKENS")
async def a_server_that_would_be_open(bench: Bench) -> AsyncGenerator[None]:
    file = bench.folder / "claimcheck.toml"
    file.write_text('[server]\nhost = "192.0.2.1"\n')
    bench.set(CLAIMCHECK_CONFIG=file)
    yield


@fault("store-unclear", "Set CLAIMCHECK_STORE to a URL")
async def no_store_at_all(bench: Bench) -> AsyncGenerator[None]:
    bench.environ.delenv("CLAIMCHECK_STORE")
    yield


@fault("store-unclear", "Set CLAIMCHECK_STORE to the one to use")
async def two_stores_at_once(bench: Bench) -> AsyncGenerator[None]:
    bench.environ.delenv("CLAIMCHECK_STORE")
    bench.set(R2_BUCKET="claims", REDIS_HOST="localhost")
    yield


@fault("store-unclear", "Use one of file://")
async def a_scheme_that_is_none(bench: Bench) -> AsyncGenerator[None]:
    bench.use("s4://claims/prod")
    yield


@fault("threshold-over-limit", "Lower CLAIMCHECK_THRESHOLD_BYTES")
async def a_threshold_above_what_temporal_takes(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_THRESHOLD_BYTES=3 * 1024**2)
    yield


@fault("threshold-high", "Lower CLAIMCHECK_THRESHOLD_BYTES")
async def a_threshold_where_temporal_warns(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_THRESHOLD_BYTES=1024**2)
    yield


@fault("threshold-low", "Raise CLAIMCHECK_THRESHOLD_BYTES")
async def a_threshold_of_nothing(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_THRESHOLD_BYTES=0)
    yield


@fault("cap-below-threshold", "Raise CLAIMCHECK_MAX_PAYLOAD_BYTES")
async def a_cap_below_the_threshold(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_MAX_PAYLOAD_BYTES=10_000)
    yield


@fault("offload-off", "Unset CLAIMCHECK_ENABLED")
async def a_claim_check_that_is_off(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_ENABLED="false")
    yield


@fault("ttl-without-effect", "claimcheck lifecycle apply")
async def an_expiry_that_a_bucket_does_not_know(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_TTL_DAYS=90)
    yield


@fault("version-unsupported", "pip install 'temporalio>=1.32,<2'")
async def an_sdk_that_is_too_old(bench: Bench) -> AsyncGenerator[None]:
    bench.asked["version_of"] = lambda name: (  # pyright: ignore[reportUnknownLambdaType]
        "1.18.2" if name == "temporalio" else installed_version(name)  # pyright: ignore[reportUnknownArgumentType]
    )
    yield


@fault("extra-missing", "pip install 'temporal-claimcheck[s3]'")
async def a_package_that_the_store_needs(bench: Bench) -> AsyncGenerator[None]:
    for name in [*sys.modules]:
        if name.startswith(("obstore", "temporal_claimcheck.stores.object_")):
            bench.environ.delitem(sys.modules, name)
    bench.environ.setitem(sys.modules, "obstore", None)
    yield


@fault("threshold-over-limit", "Lower CLAIMCHECK_THRESHOLD_BYTES")
async def a_temporal_that_takes_less_than_others(bench: Bench) -> AsyncGenerator[None]:
    less = ("--dynamic-config-value", "limit.blobSize.error=40000")
    async with temporal_server(arguments=less) as environment:
        bench.set(TEMPORAL_ADDRESS=environment.client.service_client.config.target_host)
        yield


@fault("keys-invalid", "claimcheck keys generate")
async def a_key_that_is_not_random(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_ENCRYPTION_KEYS=base64.b64encode(bytes(32)).decode())
    yield


@fault("keys-invalid", "the right to read the file")
async def a_file_of_keys_that_is_not_there(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_ENCRYPTION_KEYS_FILE=bench.folder / "no-keys")
    yield


@fault("keys-invalid", "claimcheck keys generate")
async def a_key_that_is_none(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_ENCRYPTION_KEYS="c2VjcmV0")
    yield
