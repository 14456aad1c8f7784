"""A runtime of Temporal's that serves metrics to Prometheus."""

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.metrics import HISTOGRAM_BUCKETS

__all__ = ["metered_runtime"]


def metered_runtime(address: str) -> Runtime:
    """Serve metrics at `host:port`. Raises InvalidSettings if that cannot be listened on."""
    config = PrometheusConfig(bind_address=address, histogram_bucket_overrides=HISTOGRAM_BUCKETS)
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=config))
    except (RuntimeError, ValueError) as error:
        raise InvalidSettings(
            f"Metrics cannot be served at {address!r}: {error}.",
            remedy="Give an IP address of this machine and a free port, as in 127.0.0.1:9464.",
        ) from error
