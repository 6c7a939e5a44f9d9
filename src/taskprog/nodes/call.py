"""Blocking calls of actions and services, for code that runs beside a spinning executor.

The node must be spun in another thread (``spin.run`` does). Waiting is done on events that the futures' done
callbacks set: spinning inside a callback would fight the executor, and rclpy's ``spin_until_future_complete``
keeps a core busy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.client import Client
from rclpy.task import Future

from taskprog.machine import CancelToken

STOP_TIMEOUT = 5.0  # seconds of wall time that a server has to end a goal after it was cancelled
GRACE = 1.0  # seconds of wall time before ``alive`` counts: heartbeats are discovered apart from servers
CHECK_PERIOD = 0.1  # seconds of wall time between looks at ``alive``


class ActionError(RuntimeError):
    """An action did not come to a result that tells its own story."""


class ActionRejected(ActionError):
    """The server did not take the goal."""


class ActionTimeout(ActionError):
    """Nothing came in time; the goal was cancelled."""


class ServerGone(ActionError):
    """The server died or left while its answer was awaited."""


class ActionEnded(ActionError):
    """The goal ended badly and the result has no error code that says so; ``result`` holds it."""

    def __init__(self, message: str, result: Any):
        super().__init__(message)
        self.result = result


class ActionAborted(ActionEnded):
    """The server gave up."""


class ActionCancelled(ActionEnded):
    """The goal was cancelled, by us or by somebody else."""


class ServiceError(ActionError):
    """A service was not there, or did not answer in time."""


class _Wait:
    """One thread waits here for whichever comes first: a future, a cancellation, the end of time, a death."""

    def __init__(self, name: str, gone: Callable[[], str | None]):
        self.name = name
        self._gone = gone
        self._start = time.monotonic()
        self._wake = threading.Event()

    def wake(self) -> None:
        self._wake.set()

    def until(self, future: Future, seconds: float, cancel: CancelToken | None = None) -> Any:
        """The future's result; None when ``cancel`` was set first.

        Raises:
            ActionTimeout: after ``seconds``.
            ServerGone: as ``gone`` says.
        """
        end = time.monotonic() + seconds
        future.add_done_callback(lambda _: self._wake.set())
        while not future.done():
            if cancel is not None and cancel.cancelled:
                return None
            now = time.monotonic()
            reason = self._gone() if now - self._start > GRACE else None
            if reason is not None and not future.done():
                raise ServerGone(f"{self.name}: {reason}")
            if now > end:
                raise ActionTimeout(f"{self.name}: nothing came within {seconds:g} s")
            self._wake.wait(min(CHECK_PERIOD, end - now + 1e-3))
            self._wake.clear()
        return future.result()


def call_action(
    client: ActionClient,
    goal: Any,
    cancel: CancelToken,
    timeout: float,
    feedback: Callable[[Any], None] | None = None,
    alive: Callable[[], bool] = lambda: True,
) -> Any:
    """Send a goal and block until its result.

    Args:
        cancel: when set, the goal is cancelled and its result still awaited, for up to ``STOP_TIMEOUT``.
        timeout: seconds of wall time for acceptance and result together.
        feedback: gets each feedback message, in the thread that spins. rclpy drops those that come after the
            result.
        alive: whether the server's node lives, for example ``HeartbeatMonitor.alive``.

    Returns:
        The result message, of a goal that failed too if its ``error_code`` says so.

    Raises:
        ActionRejected: the goal was not taken.
        ActionTimeout: no result in ``timeout`` seconds (the goal was then cancelled), or none after
            cancelling.
        ServerGone: the server's node is no longer alive, or the server has left.
        ActionCancelled, ActionAborted: that is how it ended, and the result has no error code.
        ActionCancelled: ``cancel`` was already set; nothing was sent.
    """
    name = f"action {_name(client)}"
    if cancel.cancelled:
        raise ActionCancelled(f"{name}: {cancel.reason} before it was sent", None)

    def gone() -> str | None:
        if not alive():
            return "its node died: no heartbeat"
        if not client.server_is_ready():
            return "its server is not there"
        return None

    wait = _Wait(name, gone)
    remove = cancel.on_cancel(wait.wake)
    try:
        end = time.monotonic() + timeout
        accepted = client.send_goal_async(
            goal, None if feedback is None else lambda message: feedback(message.feedback)
        )
        handle = wait.until(accepted, timeout)
        if not handle.accepted:
            raise ActionRejected(f"{name}: the goal was rejected; the server's log says why")
        answer = handle.get_result_async()
        try:
            response = wait.until(answer, end - time.monotonic(), cancel)
        except ActionTimeout:
            handle.cancel_goal_async()
            wait.until(answer, STOP_TIMEOUT)
            raise ActionTimeout(f"{name}: no result within {timeout:g} s, cancelled") from None
        if response is None:
            handle.cancel_goal_async()
            response = wait.until(answer, STOP_TIMEOUT)
    finally:
        remove()
    return _result(name, response)


def _result(name: str, response: Any) -> Any:
    status, result = response.status, response.result
    if status == GoalStatus.STATUS_SUCCEEDED or getattr(result, "error_code", 0) != 0:
        return result
    if status == GoalStatus.STATUS_CANCELED:
        raise ActionCancelled(f"{name}: cancelled", result)
    if status == GoalStatus.STATUS_ABORTED:
        raise ActionAborted(f"{name}: aborted", result)
    raise ServerGone(f"{name}: the server does not know the goal (restarted?)")


def _name(client: ActionClient) -> str:
    return str(client._action_name)  # rclpy has no public way to ask


def _nothing() -> None:
    return None


def wait_for_server(client: ActionClient, timeout: float, check: Callable[[], None] = _nothing) -> None:
    """Block until an action's server is there.

    Args:
        check: called a few times a second; raises when waiting makes no sense any more.

    Raises:
        ActionTimeout: no server within ``timeout`` seconds of wall time.
    """
    end = time.monotonic() + timeout
    while not client.wait_for_server(timeout_sec=min(0.25, max(0.0, end - time.monotonic()))):
        check()
        if time.monotonic() >= end:
            raise ActionTimeout(
                f"action {_name(client)}: no server within {timeout:g} s; is its node running?"
            )


def call_service(client: Client, request: Any, timeout: float) -> Any:
    """Call a service and block until its response.

    Raises:
        ServiceError: no server, or no answer, within ``timeout`` seconds of wall time.
    """
    name = f"service {client.srv_name}"
    end = time.monotonic() + timeout
    if not client.wait_for_service(timeout_sec=timeout):
        raise ServiceError(f"{name}: no server within {timeout:g} s; is its node running?")

    def gone() -> str | None:
        return None if client.service_is_ready() else "its server has left"

    future = client.call_async(request)
    try:
        return _Wait(name, gone).until(future, max(0.0, end - time.monotonic()))
    except ActionError as error:
        client.remove_pending_request(future)
        raise ServiceError(str(error)) from error
