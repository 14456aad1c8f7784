"""Observers that turn events into metrics."""

from temporal_claimcheck.metrics.catalogue import HISTOGRAM_BUCKETS

__all__ = ["HISTOGRAM_BUCKETS"]
