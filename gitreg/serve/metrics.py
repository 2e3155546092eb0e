"""What the server tells Prometheus.

With several workers each writes into files of a common folder, named by PROMETHEUS_MULTIPROC_DIR before
prometheus_client is imported, and whichever is asked adds them all up.
"""

from __future__ import annotations

import os
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from gitreg.serve._base import Served, Slot

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds: a small model takes a millisecond, a large one seconds.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of the lines, which nobody looks at


class Metrics:
    """The metrics of this process, or of all workers together."""

    def __init__(self) -> None:
        self._own = CollectorRegistry()
        self._requests = Counter(
            "gitreg_invocations", "Requests to /invocations, by the status of the answer.", ["status"],
            registry=self._own,
        )  # fmt: skip
        self._seconds = Histogram(
            "gitreg_invocation_seconds", "From the first byte of a request to /invocations to its answer.",
            buckets=_BUCKETS, registry=self._own,
        )  # fmt: skip
        self._running = Gauge(
            "gitreg_invocations_in_progress", "Requests to /invocations that are not answered yet.",
            registry=self._own, multiprocess_mode="livesum",
        )  # fmt: skip
        self._model = Gauge(
            "gitreg_model_info", "Workers that serve this version.", ["model", "version", "number", "digest"],
            registry=self._own, multiprocess_mode="livesum",
        )  # fmt: skip
        self._swaps = Counter("gitreg_swaps", "Versions that replaced another one, in each worker.", registry=self._own)
        self._stale = Gauge(
            "gitreg_stale", "1 where the origin did not answer when it was last asked.", registry=self._own,
            multiprocess_mode="livemax",
        )  # fmt: skip
        self._failed = Gauge(
            "gitreg_update_failed", "1 where a newer version could not be served.", registry=self._own,
            multiprocess_mode="livemax",
        )  # fmt: skip
        self._checked = Gauge(
            "gitreg_checked_timestamp_seconds", "When the origin last told what is to be served.",
            registry=self._own, multiprocess_mode="livemin",
        )  # fmt: skip
        self._by_status = {status: self._requests.labels(str(status)) for status in (200, 400)}
        self._shown: tuple[str, str, str, str] | None = None
        self._counted = 0

    def begin(self) -> None:
        """A request came in."""
        self._running.inc()

    def end(self, status: int, seconds: float) -> None:
        """It was answered."""
        self._running.dec()
        self._seconds.observe(seconds)
        counter = self._by_status.get(status)
        if counter is None:
            counter = self._by_status[status] = self._requests.labels(str(status))
        counter.inc()

    def see(self, slot: Slot) -> None:
        """Take over how the slot stands now."""
        with slot.use() as predictor:
            shown = _labels(predictor.served)
        if shown != self._shown:
            if self._shown:
                self._model.labels(*self._shown).set(0)
            self._model.labels(*shown).set(1)
            self._shown = shown
        state = slot.state()
        self._swaps.inc(state.swaps - self._counted)
        self._counted = state.swaps
        self._stale.set(state.status in ("stale", "too-stale"))
        self._failed.set(state.failed is not None)
        if state.checked:
            self._checked.set(datetime.fromisoformat(state.checked).timestamp())

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        if not os.environ.get(FOLDER):
            return generate_latest(self._own)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def forget_worker(pid: int) -> None:
    """A worker is gone: what it told of its present no longer counts."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _labels(served: Served) -> tuple[str, str, str, str]:
    version = served.version
    if version is None:
        model, _, called = served.name.partition("@")
        return model, called, "", served.digest
    return version.model, version.version, str(version.number), served.digest
