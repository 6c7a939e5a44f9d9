"""A client of the running stack: send a video, follow the trace, and (simulated only) reset and score."""

from __future__ import annotations

import array
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.context import Context
from rclpy.node import Node
from sawyer_ntp.action import ExecuteTask
from sawyer_ntp.msg import Decision, TaskSpecification, TraceEvent
from sawyer_ntp.srv import CheckTask, Disturb, ResetScene, Step
from std_msgs.msg import String
from std_srvs.srv import Trigger

from taskprog.machine import CancelToken, Event
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import ActionRejected, call_action, call_service, wait_for_server
from taskprog.nodes.convert import to_duration
from taskprog.nodes.heartbeat import HeartbeatMonitor
from taskprog.nodes.qos import EVERY_EVENT
from taskprog.nodes.spin import SpinThread
from taskprog.nodes.trace_messages import event_from_message
from taskprog.nodes.transport import roomy_transport

SERVICE_TIMEOUT = 120.0  # seconds of wall time
PLANNER = "planner"


class StackClient:
    """Talks to the stack in a namespace; a context manager with its own ROS context and thread.

    Args:
        on_event, on_decision: called with what the planner tells of a run, in threads of the client's own.
    """

    def __init__(
        self,
        namespace: str = "",
        on_event: Callable[[Event], None] | None = None,
        on_decision: Callable[[Decision], None] | None = None,
    ):
        self._context = Context()
        rclpy.init(context=self._context)
        with roomy_transport():
            self.node: Node = rclpy.create_node("taskprog_client", context=self._context, namespace=namespace)
        group = ReentrantCallbackGroup()
        self._on_event = on_event
        self._rejection = ""
        self._execute = ActionClient(self.node, ExecuteTask, "execute_task", callback_group=group)
        self._reset = self.node.create_client(ResetScene, "simulator/reset", callback_group=group)
        self._disturb = self.node.create_client(Disturb, "simulator/disturb", callback_group=group)
        self._step = self.node.create_client(Step, "simulator/step", callback_group=group)
        self._forget = self.node.create_client(Trigger, "perception/forget", callback_group=group)
        self._check = self.node.create_client(CheckTask, "simulator/check_task", callback_group=group)
        self.node.create_subscription(TraceEvent, "trace", self._on_trace, EVERY_EVENT)
        if on_decision is not None:
            self.node.create_subscription(Decision, "decisions", on_decision, EVERY_EVENT)
        self.node.create_subscription(
            String, "execute_task/rejected", self._on_rejected, EVERY_EVENT, callback_group=group
        )
        self._rejected = threading.Event()
        self.monitor = HeartbeatMonitor(self.node, (PLANNER,))
        self._spin = SpinThread(self._context)

    def __enter__(self) -> StackClient:
        self._spin.serve(self.node)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spin.stop()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _on_trace(self, message: TraceEvent) -> None:
        if self._on_event is not None:
            self._on_event(event_from_message(message))

    def _on_rejected(self, message: String) -> None:
        self._rejection = message.data
        self._rejected.set()

    def wait_ready(self, timeout: float, check: Callable[[], None] = lambda: None) -> None:
        """Wait until the planner takes goals.

        Args:
            check: called a few times a second; raises if waiting makes no sense any more.

        Raises:
            taskprog.nodes.call.ActionTimeout: nothing answered within ``timeout`` seconds.
        """
        wait_for_server(self._execute, timeout, check)

    def execute(
        self,
        specification: TaskSpecification,
        cancel: CancelToken,
        timeout: float,
        *,
        planner: str = "",
        max_seconds: float = 0.0,
        max_steps: int = 0,
        preempt: bool = False,
    ) -> ExecuteTask.Result:
        """Send a goal and wait for its result; ``cancel`` cancels it.

        Raises:
            ActionRejected: with the planner's reason.
            taskprog.nodes.call.ActionError: the planner died, or nothing came within ``timeout`` seconds.
        """
        goal = ExecuteTask.Goal(
            specification=specification,
            planner=planner,
            max_seconds=max_seconds,
            max_steps=max_steps,
            preempt=preempt,
        )
        self._rejected.clear()
        try:
            return call_action(
                self._execute, goal, cancel, timeout, alive=lambda: self.monitor.alive(PLANNER)
            )
        except ActionRejected as error:
            self._rejected.wait(1.0)
            raise ActionRejected(self._rejection or str(error)) from error

    def reset(self, scene: str, seed: int, objects: int = 0) -> None:
        """Put the simulated world back to a start layout, and have perception forget the old one.

        ``objects`` 0 leaves their number to the scene.

        Raises:
            ValueError: the simulator refused.
        """
        self._service(self._reset, ResetScene.Request(scene=scene, seed=seed, objects=objects))
        self._service(self._forget, Trigger.Request())

    def step(self, seconds: float) -> None:
        """Let simulated time go on."""
        self._service(self._step, Step.Request(duration=to_duration(seconds)))

    def disturb(self, kind: str, seconds: float = 0.0, seed: int = 0) -> str:
        """Let something go wrong in the simulated world; what it was, once it is over.

        Raises:
            ValueError: it is not possible now; says why.
        """
        request = Disturb.Request(kind=kind, duration=to_duration(seconds), seed=seed)
        return str(self._service(self._disturb, request).message)

    def check_task(self, task: str, stable_for: float) -> CheckTask.Response:
        """The simulator's own judgement of a task."""
        return call_service(
            self._check,
            CheckTask.Request(task=task, stable_for=to_duration(stable_for)),
            SERVICE_TIMEOUT,
        )

    def _service(self, client: Any, request: Any) -> Any:
        response = call_service(client, request, SERVICE_TIMEOUT)
        if not response.success:
            raise ValueError(response.message)
        return response


def words_specification(task: str) -> TaskSpecification:
    """A specification in words, such as "2>6 7>1"."""
    return TaskSpecification(task=task, label=task)


def video_specification(video: bytes, label: str) -> TaskSpecification:
    """A specification from a video file's bytes, filmed by the stack's own camera."""
    return TaskSpecification(video=array.array("B", video), label=label)
