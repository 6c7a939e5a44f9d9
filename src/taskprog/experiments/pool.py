"""Processes for heavy work: Ray, on this machine by default or on a cluster; nothing else knows of it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

STORE_BYTES = 256 * 2**20  # of Ray's shared memory on this machine; policies are all that passes through it
CONNECT_TIMEOUT = 5.0  # seconds
# Read by Ray when it is imported: no report over the network of how it is used; no ports but on loopback
# (the name tells of other systems, where this is the default); devices are none of its business.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
# What a gradient step frees is kept for the next one, which needs as much, in huge pages where there are any:
# given back, it cost a tenth of the time of NTP+'s training in page faults. GNU's C library reads this.
KEEP_MEMORY = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=1073741824:"
    "glibc.malloc.trim_threshold=4294967296:glibc.malloc.top_pad=67108864"
}


class PoolError(Exception):
    """No processes to be had; the message says why."""


@dataclass(frozen=True)
class Done:
    """A call that ended: its value, or the traceback of what it raised."""

    ticket: int
    value: Any = None
    error: str = ""
    cpu: float = 0.0  # seconds
    wall: float = 0.0


@dataclass
class Pool:
    """Calls of functions in other processes, each of which has one thread.

    Attributes:
        slots: calls that run side by side.
    """

    slots: int
    _waiting: dict[Any, int] = field(default_factory=dict)
    _tickets: int = 0

    def submit(self, function: Callable[..., Any], *args: Any) -> int:
        """Start a call of a module's function; returns its ticket."""
        import ray

        remote = ray.remote(num_cpus=1, max_retries=1)(_timed)
        self._tickets += 1
        self._waiting[remote.remote(function, *args)] = self._tickets
        return self._tickets

    @property
    def running(self) -> int:
        """Calls submitted whose end was not told yet."""
        return len(self._waiting)

    def next(self, timeout: float | None = None) -> Done | None:
        """Wait for any call to end; None after ``timeout`` seconds, or if there is nothing to wait for."""
        import ray

        if not self._waiting:
            return None
        ready, _ = ray.wait(list(self._waiting), num_returns=1, timeout=timeout)
        if not ready:
            return None
        ticket = self._waiting.pop(ready[0])
        try:
            value, error, cpu, wall = ray.get(ready[0])
        except ray.exceptions.RayError as failure:  # its process died
            return Done(ticket, error=f"{type(failure).__name__}: {failure}")
        return Done(ticket, value, error, cpu, wall)

    def cancel(self) -> None:
        """Stop all calls at once; their ends will not be told."""
        import ray

        for call in self._waiting:
            ray.cancel(call, force=True)
        self._waiting.clear()


def _timed(function: Callable[..., Any], *args: Any) -> tuple[Any, str, float, float]:
    """Runs in the other process: value, error, seconds of CPU, seconds."""
    cpu, wall = time.process_time(), time.monotonic()
    value, error = None, ""
    try:
        value = function(*args)
    except Exception:  # whatever it is, it is told
        error = traceback.format_exc()
    return value, error, time.process_time() - cpu, time.monotonic() - wall


def _reach(address: str) -> None:
    """Raise unless something listens there: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise PoolError(f"{address!r} is no address of a Ray cluster, such as 192.168.0.2:6379")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT).close()
    except OSError as error:
        raise PoolError(f"no Ray cluster at {address}: {error}") from error


@contextmanager
def pool(jobs: int = 1, address: str | None = None, keep_memory: bool = False) -> Iterator[Pool]:
    """Processes until the block is left: ``jobs`` on this machine, or all that a Ray cluster has.

    Where Ray runs already in this process, that is used, and left running.

    Args:
        keep_memory: the processes, and those that they start, keep what they free: quicker for trainings.

    Raises:
        PoolError: Ray does not start, or there is no cluster at the address, "HOST:PORT".
    """
    if address:
        _reach(address)
    os.environ.update(QUIET | ONE_THREAD | ({} if address else LOOPBACK))
    import ray

    own = not ray.is_initialized()
    terminated = signal.getsignal(signal.SIGTERM)
    if own:
        local: dict[str, Any] = {
            "num_cpus": jobs,
            "num_gpus": 0,
            "include_dashboard": False,
            "object_store_memory": STORE_BYTES,
        }
        try:
            ray.init(
                address or "local",
                logging_level=logging.ERROR,
                log_to_driver=False,
                runtime_env={"env_vars": KEEP_MEMORY} if keep_memory else None,
                **({} if address else local),
            )
        except Exception as error:  # Ray raises bare ones, too, as where it takes too long to start
            where = f"at {address} (if it asks for tokens, set RAY_AUTH_MODE=token)" if address else "here"
            raise PoolError(f"Ray {where}: {error}") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminated)  # Ray's own handler would end us in disorder
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    result = Pool(max(1, int(resources.get("CPU", 1))))
    try:
        yield result
    finally:
        result.cancel()
        if own:
            ray.shutdown()
