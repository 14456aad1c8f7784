"""Counts what a client's claim check does on the meter of the runtime that the client uses."""

import threading

from temporalio.common import MetricMeter
from temporalio.runtime import Runtime
from temporalio.service import ConnectConfig

from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.metrics.temporal_meter import TemporalMeterObserver

__all__ = ["Meters"]


class Meters:
    """One observer for each runtime, however many clients share it."""

    def __init__(self) -> None:
        self._observers: dict[Runtime | None, TemporalMeterObserver] = {}
        self._lock = threading.Lock()

    def count(self, manager: ClaimCheckManager, config: ConnectConfig) -> ClaimCheckManager:
        """Return a manager whose exchanges are counted on the meter of a connection's runtime.

        One that is counted on a meter already stays as it is: nothing is counted twice.
        """
        if any(isinstance(each, TemporalMeterObserver) for each in manager.observers):
            return manager
        runtime = config.runtime
        if runtime is None and not config.lazy:
            # Connecting has made it. A lazy client has not, and it is not for us to do so: the
            # program may still set another one.
            runtime = Runtime.default()
        with self._lock:
            observer = self._observers.get(runtime)
            if observer is None:
                observer = self._observers[runtime] = TemporalMeterObserver(
                    _default_meter if runtime is None else runtime.metric_meter
                )
        return manager.observed_by(observer)


def _default_meter() -> MetricMeter:
    return Runtime.default().metric_meter
