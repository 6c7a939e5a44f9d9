"""The policy of all our action servers, written once: one goal at a time, cancel at any moment."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from taskprog.machine import CancelToken

STOP_TIMEOUT = 10.0  # seconds of wall time that a cancelled goal has to end before its successor gives up
ANSWER_TIME = 0.1  # seconds of wall time for an interrupted goal's result to get out; rclpy does not tell
RESULT_KEPT = 60.0  # seconds that a result can be asked for after the goal's end

CANCELLED = "cancelled"
PREEMPTED = "preempted by a newer goal"
SHUTDOWN = "the node is shutting down"


_SERVERS: WeakKeyDictionary[Node, list[SingleGoalServer]] = WeakKeyDictionary()


def close_servers(node: Node) -> None:
    """Close all single-goal servers of a node; see ``SingleGoalServer.close``."""
    interrupted = [server.close() for server in _SERVERS.get(node, [])]
    if any(interrupted):
        time.sleep(ANSWER_TIME)


class Feedback:
    """Where an execute callback sends its feedback."""

    def __init__(self, handle: ServerGoalHandle):
        self._handle = handle
        self.goal_id = bytes(handle.goal_id.uuid).hex()

    def publish(self, message: Any) -> None:
        """Send a feedback message of the action's type."""
        self._handle.publish_feedback(message)


class _Run:
    """One accepted goal.

    Attributes:
        previous: the goal that this one replaces, and waits for.
        cancel_requested: a client asked, so the goal may end as canceled.
        ending: the result is known; a cancel comes too late.
    """

    def __init__(self, handle: ServerGoalHandle, previous: _Run | None):
        self.handle = handle
        self.previous = previous
        self.token = CancelToken()
        self.feedback = Feedback(handle)
        self.cancel_requested = False
        self.ending = False
        self.done = threading.Event()


class SingleGoalServer:
    """An action server that runs one goal at a time.

    A goal is rejected if ``accept`` names a reason, or if another one runs and ``preempt`` does not let this
    one take its place. A preempting goal first cancels the running one, waits until that has ended, and then
    starts.

    How a goal ends follows from its result: succeeded if ``succeeded(result)``, else canceled if a client
    asked for that, else aborted (preempted goals, too).

    Args:
        accept: goal -> reason to reject it, or None. Quick: cancel requests wait behind it.
        execute: (goal, cancel, feedback) -> result; blocks, in a thread of the executor. When ``cancel`` is
            set it stops and returns a result that says so; it may be set from the start, then nothing must be
            done at all. ``cancel.reason`` is ``CANCELLED``, ``PREEMPTED`` or ``SHUTDOWN``.
        failure: text -> result of a goal whose execution raised that.
        preempt: whether a goal may replace the running one: always, never, or as a function of it says.
        succeeded: of a result; by default, whether its ``error_code`` is 0.
        on_rejected: called with each rejected goal and the reason, which is logged as well.
    """

    def __init__(
        self,
        node: Node,
        action_type: Any,
        name: str,
        *,
        accept: Callable[[Any], str | None],
        execute: Callable[[Any, CancelToken, Feedback], Any],
        failure: Callable[[str], Any],
        preempt: bool | Callable[[Any], bool] = False,
        succeeded: Callable[[Any], bool] = lambda result: bool(result.error_code == 0),
        on_rejected: Callable[[Any, str], None] = lambda goal, reason: None,
    ):
        self._name = name
        self._logger = node.get_logger()
        self._accept = accept
        self._execute = execute
        self._failure = failure
        self._preempt: Callable[[Any], bool] = preempt if callable(preempt) else lambda goal: preempt
        self._succeeded = succeeded
        self._on_rejected = on_rejected
        self._lock = threading.Lock()
        self._current: _Run | None = None
        self._closed = False
        # One callback at a time: a goal is judged and noted before the next one or a cancel is looked at.
        self._server = ActionServer(
            node,
            action_type,
            name,
            execute_callback=lambda handle: None,  # replaced for each goal
            goal_callback=self._on_goal,
            handle_accepted_callback=self._on_accepted,
            cancel_callback=self._on_cancel,
            callback_group=MutuallyExclusiveCallbackGroup(),
            result_timeout=RESULT_KEPT,
        )
        _SERVERS.setdefault(node, []).append(self)

    @property
    def busy(self) -> bool:
        """Whether a goal is running or about to."""
        with self._lock:
            return self._current is not None

    def cancel(self, reason: str) -> None:
        """Stop the running goal, if any, from inside the node; it ends as aborted."""
        with self._lock:
            run = self._current
        if run is not None:
            run.token.cancel(reason)

    def close(self) -> bool:
        """Take no more goals, stop the running one and wait for its end; needs the executor to spin still.

        The server stays, so that the last result gets out: it goes with the node's context.

        Returns:
            Whether a goal was interrupted.
        """
        with self._lock:
            self._closed = True
            run = self._current
        if run is not None:
            run.token.cancel(SHUTDOWN)
            if not run.done.wait(STOP_TIMEOUT):
                self._logger.error(f"{self._name}: the running goal did not stop in {STOP_TIMEOUT:g} s")
        return run is not None

    def _on_goal(self, goal: Any) -> GoalResponse:
        reason = self._reason_to_reject(goal)
        if reason is None:
            return GoalResponse.ACCEPT
        self._logger.warning(f"{self._name}: goal rejected: {reason}")
        self._on_rejected(goal, reason)
        return GoalResponse.REJECT

    def _reason_to_reject(self, goal: Any) -> str | None:
        if self._closed:
            return SHUTDOWN
        try:
            reason = self._accept(goal)
            if reason is None and self.busy and not self._preempt(goal):
                return "busy with another goal"
        except Exception as error:  # a goal that cannot be judged must not take the node down
            self._logger.error(traceback.format_exc())
            return f"{type(error).__name__}: {error}"
        return reason

    def _on_accepted(self, handle: ServerGoalHandle) -> None:
        with self._lock:
            run = self._current = _Run(handle, self._current)
        if run.previous is not None:
            run.previous.token.cancel(PREEMPTED)
        handle.execute(lambda _: self._run(run))

    def _on_cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        with self._lock:
            run = self._current
            while run is not None and run.handle.goal_id != handle.goal_id:
                run = run.previous
            if run is None or run.ending:
                return CancelResponse.REJECT
            run.cancel_requested = True
        run.token.cancel(CANCELLED)
        return CancelResponse.ACCEPT

    def _run(self, run: _Run) -> Any:
        try:
            result = self._result(run)
            with self._lock:
                run.ending = True
            self._end(run, result)
            return result
        finally:
            with self._lock:
                if self._current is run:
                    self._current = (
                        None if run.previous is None or run.previous.done.is_set() else run.previous
                    )
                run.previous = None
            run.done.set()

    def _result(self, run: _Run) -> Any:
        # Cancelled or not, wait: the next in line counts on it that nobody runs once this one is done.
        if run.previous is not None and not run.previous.done.wait(STOP_TIMEOUT):
            return self._failure(f"the goal before this one did not stop in {STOP_TIMEOUT:g} s")
        try:
            return self._execute(run.handle.request, run.token, run.feedback)
        except Exception as error:  # the client gets an answer whatever went wrong
            self._logger.error(f"{self._name}: {traceback.format_exc()}")
            return self._failure(f"{type(error).__name__}: {error}")

    def _end(self, run: _Run, result: Any) -> None:
        canceling = run.cancel_requested and _await_canceling(run.handle)
        if self._succeeded(result):
            run.handle.succeed()
        elif canceling:
            run.handle.canceled()
        else:
            run.handle.abort()


def _await_canceling(handle: ServerGoalHandle) -> bool:
    """Wait for rclpy to note an accepted cancel request: it does so just after the callback that told us."""
    end = time.monotonic() + 1.0
    while not handle.is_cancel_requested:
        if time.monotonic() > end:
            return False
        time.sleep(0.0005)
    return True
