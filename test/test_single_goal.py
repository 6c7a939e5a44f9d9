"""The single-goal policy and blocking calls, as clients see them: every way that a goal can go."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from ros_world import TIMEOUT, Background, RosWorld, wait, wait_until
from sawyer_ntp.action import MoveTo

from taskprog.machine import CancelToken
from taskprog.nodes import call
from taskprog.nodes.single_goal import CANCELLED, PREEMPTED, SHUTDOWN, Feedback, SingleGoalServer

FAIL, RAISE, BAD, WAIT, PREEMPT, STUBBORN = 0.1, 0.2, 0.3, 0.4, 0.5, 0.6  # goals, told by their `speed`
FEEDBACKS = 5


class Server:
    """A server whose goals do as their ``speed`` says."""

    def __init__(self, ros: RosWorld) -> None:
        self.node = ros.node("server")
        self.started = threading.Semaphore(0)
        self.log: list[str] = []
        self.rejections: list[str] = []
        self.release = threading.Event()
        self.on_cancel: Callable[[], None] = lambda: None
        self.server = SingleGoalServer(
            self.node,
            MoveTo,
            "move_to",
            accept=lambda goal: "bad speed" if goal.speed == pytest.approx(BAD) else None,
            execute=self.execute,
            failure=lambda text: MoveTo.Result(error_code=MoveTo.Result.ROBOT_STOPPED, message=text),
            preempt=lambda goal: bool(goal.speed == pytest.approx(PREEMPT)),
            on_rejected=lambda goal, reason: self.rejections.append(reason),
        )

    def execute(self, goal: MoveTo.Goal, cancel: CancelToken, feedback: Feedback) -> MoveTo.Result:
        speed = round(goal.speed, 3)
        if cancel.cancelled:
            self.log.append(f"never started {speed}")
            return MoveTo.Result(error_code=MoveTo.Result.CANCELLED, message=cancel.reason)
        self.log.append(f"start {speed}")
        self.started.release()
        for index in range(FEEDBACKS):
            feedback.publish(MoveTo.Feedback(progress=index / 4))
        if speed == RAISE:
            raise ZeroDivisionError("arm fell off")
        if speed == FAIL:
            return MoveTo.Result(error_code=MoveTo.Result.UNREACHABLE, message="too far")
        if speed == STUBBORN:
            self.release.wait(TIMEOUT)
        if speed in (WAIT, PREEMPT):
            cancel.on_cancel(self.on_cancel)
            cancel.wait(TIMEOUT)
        self.log.append(f"end {speed}")
        if cancel.cancelled:
            return MoveTo.Result(error_code=MoveTo.Result.CANCELLED, message=cancel.reason)
        return MoveTo.Result(message="done")

    def wait_started(self) -> None:
        assert self.started.acquire(timeout=TIMEOUT), "the goal did not start"


@pytest.fixture
def server(ros: RosWorld) -> Iterator[Server]:
    made = Server(ros)
    yield made
    made.release.set()
    made.server.close()


@pytest.fixture
def client(ros: RosWorld, server: Server) -> ActionClient:
    made = ActionClient(ros.node("client"), MoveTo, "move_to")
    call.wait_for_server(made, TIMEOUT)
    return made


def send(client: ActionClient, speed: float, cancel: CancelToken | None = None, **options: Any) -> Any:
    return call.call_action(client, MoveTo.Goal(speed=speed), cancel or CancelToken(), TIMEOUT, **options)


def send_in_background(client: ActionClient, speed: float, cancel: CancelToken | None = None) -> Background:
    return Background(lambda: send(client, speed, cancel))


def status_of(client: ActionClient, speed: float, server: Server, cancel: bool = False) -> int:
    """The goal status in which a goal ends."""
    sent = threading.Event()
    future = client.send_goal_async(MoveTo.Goal(speed=speed))
    future.add_done_callback(lambda _: sent.set())
    wait(sent, "acceptance")
    handle = future.result()
    answered = threading.Event()
    answer = handle.get_result_async()
    answer.add_done_callback(lambda _: answered.set())
    if cancel:
        server.wait_started()
        handle.cancel_goal_async()
    wait(answered, "the result")
    return int(answer.result().status)


def test_accept_and_succeed(client: ActionClient, server: Server) -> None:
    result = send(client, 1.0)
    assert (result.error_code, result.message) == (MoveTo.Result.SUCCEEDED, "done")
    assert status_of(client, 1.0, server) == GoalStatus.STATUS_SUCCEEDED
    assert not server.server.busy


def test_reject_says_why_and_runs_nothing(client: ActionClient, server: Server) -> None:
    with pytest.raises(call.ActionRejected, match="move_to"):
        send(client, BAD)
    assert server.rejections == ["bad speed"]
    assert server.log == []
    assert send(client, 1.0).message == "done"


def test_accept_that_raises_rejects_and_the_server_lives(client: ActionClient, server: Server) -> None:
    server.server._accept = lambda goal: f"{1 // 0}"
    with pytest.raises(call.ActionRejected):
        send(client, 1.0)
    assert server.rejections == ["ZeroDivisionError: integer division or modulo by zero"]
    server.server._accept = lambda goal: None
    assert send(client, 1.0).message == "done"


def test_feedback_arrives_in_order(client: ActionClient, server: Server) -> None:
    received: list[float] = []
    cancel = CancelToken()
    running = Background(
        lambda: send(client, WAIT, cancel, feedback=lambda message: received.append(message.progress))
    )
    # rclpy drops what comes after the result, so the goal lasts until all have come.
    wait_until(lambda: len(received) == FEEDBACKS, "the last feedback")
    cancel.cancel()
    running.result()
    assert received == [index / 4 for index in range(FEEDBACKS)]


def test_failure_is_aborted_with_its_code(client: ActionClient, server: Server) -> None:
    result = send(client, FAIL)
    assert (result.error_code, result.message) == (MoveTo.Result.UNREACHABLE, "too far")
    assert status_of(client, FAIL, server) == GoalStatus.STATUS_ABORTED


def test_exception_is_aborted_with_its_text(client: ActionClient, server: Server) -> None:
    result = send(client, RAISE)
    assert result.error_code == MoveTo.Result.ROBOT_STOPPED
    assert result.message == "ZeroDivisionError: arm fell off"
    assert status_of(client, RAISE, server) == GoalStatus.STATUS_ABORTED
    assert send(client, 1.0).message == "done"


def test_cancel_stops_and_the_next_goal_works(client: ActionClient, server: Server) -> None:
    cancel = CancelToken()
    running = send_in_background(client, WAIT, cancel)
    server.wait_started()
    cancel.cancel()
    result = running.result()
    assert (result.error_code, result.message) == (MoveTo.Result.CANCELLED, CANCELLED)
    assert status_of(client, WAIT, server, cancel=True) == GoalStatus.STATUS_CANCELED
    assert send(client, 1.0).message == "done"


def test_goal_that_stops_before_rclpy_has_noted_the_cancel(client: ActionClient, server: Server) -> None:
    # rclpy notes it only when the cancel callback, in which this runs, is done.
    server.on_cancel = lambda: wait_until(lambda: bool(server.server._current.ending))  # type: ignore[union-attr]
    assert status_of(client, WAIT, server, cancel=True) == GoalStatus.STATUS_CANCELED


@pytest.mark.parametrize("round_", range(5))
def test_cancel_right_after_sending(client: ActionClient, server: Server, round_: int) -> None:
    # The cancel meets the goal before, while or just after it starts; each way it must end, and as cancelled.
    cancel = CancelToken()
    running = send_in_background(client, WAIT, cancel)
    cancel.cancel()
    with contextlib.suppress(call.ActionCancelled):  # raised if it was not even sent
        assert running.result().error_code == MoveTo.Result.CANCELLED
    assert not server.server.busy
    assert send(client, 1.0).message == "done"


def test_cancel_when_done_changes_nothing(client: ActionClient, server: Server) -> None:
    sent, answered, cancelled = threading.Event(), threading.Event(), threading.Event()
    future = client.send_goal_async(MoveTo.Goal(speed=1.0))
    future.add_done_callback(lambda _: sent.set())
    wait(sent)
    answer = future.result().get_result_async()
    answer.add_done_callback(lambda _: answered.set())
    wait(answered)
    response = future.result().cancel_goal_async()
    response.add_done_callback(lambda _: cancelled.set())
    wait(cancelled)
    assert list(response.result().goals_canceling) == []
    assert answer.result().status == GoalStatus.STATUS_SUCCEEDED
    assert send(client, 1.0).message == "done"


def test_success_despite_cancel_stays_success(client: ActionClient, server: Server) -> None:
    server.server._succeeded = lambda result: True
    assert status_of(client, WAIT, server, cancel=True) == GoalStatus.STATUS_SUCCEEDED


def test_busy_server_rejects(client: ActionClient, server: Server) -> None:
    cancel = CancelToken()
    running = send_in_background(client, WAIT, cancel)
    server.wait_started()
    with pytest.raises(call.ActionRejected):
        send(client, 1.0)
    assert server.rejections == ["busy with another goal"]
    cancel.cancel()
    running.result()


def test_preempt_stops_the_old_goal_before_the_new_one_starts(client: ActionClient, server: Server) -> None:
    old = send_in_background(client, WAIT)
    server.wait_started()
    cancel = CancelToken()
    new = send_in_background(client, PREEMPT, cancel)
    result = old.result()
    assert (result.error_code, result.message) == (MoveTo.Result.CANCELLED, PREEMPTED)
    server.wait_started()
    assert server.log == [f"start {WAIT}", f"end {WAIT}", f"start {PREEMPT}"]
    cancel.cancel()
    assert new.result().message == CANCELLED


def test_two_preempting_goals_never_run_together(client: ActionClient, server: Server) -> None:
    stubborn = send_in_background(client, STUBBORN)
    server.wait_started()
    first = send_in_background(client, PREEMPT)
    wait_until(lambda: server.server._current.previous is not None, "the first preemption")  # type: ignore[union-attr]
    waiting = server.server._current
    cancel = CancelToken()
    second = send_in_background(client, PREEMPT, cancel)
    wait_until(lambda: server.server._current is not waiting, "the second preemption")
    assert server.log == [f"start {STUBBORN}"]
    server.release.set()
    assert stubborn.result().message == PREEMPTED
    assert first.result().message == PREEMPTED
    server.wait_started()
    assert server.log[1:] == [f"end {STUBBORN}", f"never started {PREEMPT}", f"start {PREEMPT}"]
    cancel.cancel()
    second.result()


def test_goal_that_does_not_stop_keeps_its_place(
    client: ActionClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskprog.nodes.single_goal.STOP_TIMEOUT", 0.2)
    stubborn = send_in_background(client, STUBBORN)
    server.wait_started()
    result = send(client, PREEMPT)
    assert result.error_code == MoveTo.Result.ROBOT_STOPPED
    assert "did not stop" in result.message
    with pytest.raises(call.ActionRejected):
        send(client, 1.0)
    server.release.set()
    stubborn.result()
    assert send(client, 1.0).message == "done"


def test_close_stops_the_goal_and_takes_no_more(client: ActionClient, server: Server) -> None:
    running = send_in_background(client, WAIT)
    server.wait_started()
    server.server.close()
    assert server.log[-1] == f"end {WAIT}"
    assert not server.server.busy
    assert running.result().message == SHUTDOWN
    with pytest.raises(call.ActionRejected):
        send(client, 1.0)
    assert server.rejections == [SHUTDOWN]


def test_node_can_cancel_from_inside(client: ActionClient, server: Server) -> None:
    running = send_in_background(client, WAIT)
    server.wait_started()
    server.server.cancel("robot lost")
    assert running.result().message == "robot lost"
    assert status_of(client, 1.0, server) == GoalStatus.STATUS_SUCCEEDED


def test_client_death_leaves_the_server_usable(client: ActionClient, server: Server) -> None:
    code = (
        "import rclpy; from rclpy.action import ActionClient; from sawyer_ntp.action import MoveTo\n"
        "rclpy.init(); node = rclpy.create_node('mortal'); client = ActionClient(node, MoveTo, 'move_to')\n"
        f"assert client.wait_for_server({TIMEOUT}); client.send_goal_async(MoveTo.Goal(speed={STUBBORN}))\n"
        "rclpy.spin(node)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as mortal:
        server.wait_started()
        os.kill(mortal.pid, signal.SIGKILL)
    server.release.set()
    wait_until(lambda: not server.server.busy, "the orphaned goal's end")
    assert server.log == [f"start {STUBBORN}", f"end {STUBBORN}"]
    assert send(client, 1.0).message == "done"


def test_timeout_cancels_the_goal(client: ActionClient, server: Server) -> None:
    with pytest.raises(call.ActionTimeout, match=r"no result within 0\.3 s"):
        call.call_action(client, MoveTo.Goal(speed=WAIT), CancelToken(), 0.3)
    assert not server.server.busy
    assert server.log == [f"start {WAIT}", f"end {WAIT}"]


def test_dead_server_is_noticed(client: ActionClient, server: Server) -> None:
    living = threading.Event()
    living.set()
    running = Background(lambda: send(client, STUBBORN, alive=living.is_set))
    server.wait_started()
    living.clear()
    with pytest.raises(call.ServerGone, match="no heartbeat"):
        running.result()


def test_waiting_for_no_server_ends(ros: RosWorld) -> None:
    lonely = ActionClient(ros.node("client"), MoveTo, "nobody")
    with pytest.raises(call.ActionTimeout, match=r"nobody: no server within 0\.2 s"):
        call.wait_for_server(lonely, 0.2)
    with pytest.raises(call.ServerGone, match="not there"):
        call.call_action(lonely, MoveTo.Goal(), CancelToken(), TIMEOUT)
