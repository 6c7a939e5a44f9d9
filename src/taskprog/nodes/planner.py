"""Node ``planner``: does what a task video shows (action ``execute_task``), and publishes the trace."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from rclpy.node import Node
from sawyer_ntp.action import ExecuteTask
from sawyer_ntp.msg import TraceDescription, TraceEvent
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from taskprog.machine import (
    Budget,
    CancelToken,
    Decision,
    Demonstration,
    Event,
    EventKind,
    Frame,
    Machine,
    Observation,
    ObservationError,
    Planner,
    RunCode,
    RunResult,
    TaskSpecification,
    Trace,
)
from taskprog.nodes.convert import to_duration
from taskprog.nodes.heartbeat import Heartbeat, HeartbeatMonitor
from taskprog.nodes.markers import TraceMarkers
from taskprog.nodes.parameters import declare
from taskprog.nodes.qos import EVERY_EVENT, LATCHED
from taskprog.nodes.ros_domain import EXECUTOR, PERCEPTION, RosDomain
from taskprog.nodes.single_goal import PREEMPTED, Feedback, SingleGoalServer
from taskprog.nodes.specification import (
    READ,
    SpecificationError,
    check_eyes,
    check_specification,
    read_specification,
)
from taskprog.nodes.spin import run
from taskprog.nodes.trace_messages import description_message, event_message
from taskprog.planners.ntp.planner import CheckpointError, NTPPlanner
from taskprog.resources import share_dir
from taskprog.tasks.families import FAMILIES
from taskprog.view.step import StackEntry

T = TypeVar("T")

PLANNERS = ("ntp",)
DECISION_TIMEOUT = 30.0  # seconds of wall time; a decision takes milliseconds


class OwnThread:
    """A planner whose every call runs in one thread of its own: torch is never entered from two."""

    def __init__(self, planner: Planner):
        self._planner = planner
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="torch")

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.machine.Planner``."""
        self._wait(self._thread.submit(self._planner.begin, specification))

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.machine.Planner``."""
        return self._wait(self._thread.submit(self._planner.decide, frame, observation))

    def _wait(self, future: Future[T]) -> T:
        return future.result(DECISION_TIMEOUT)

    def close(self) -> None:
        """End the thread once its present call is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class PlannerNode(Node):
    """Serves ``execute_task``; one goal at a time, preempted only by a goal that asks for it."""

    def __init__(self, **options: Any):
        super().__init__("planner", **options)
        self._default = declare(self, "planner", "ntp", "planner of goals that name none", choices=PLANNERS)
        kind = declare(self, "family", "block_stacking", "kind of tasks that goals show", choices=READ)
        checkpoint = declare(
            self,
            "checkpoint",
            "",
            "folder of the NTP policy; empty: the family's shipped one in models/policies",
        )
        self._max_steps = declare(
            self,
            "max_steps",
            400,
            "decisions a goal may take unless it says so itself",
            minimum=1,
            maximum=100_000,
        )
        self._max_seconds = declare(
            self,
            "max_seconds",
            900.0,
            "seconds of robot time a goal may take unless it says so itself",
            minimum=1.0,
            maximum=86_400.0,
        )
        folder = Path(checkpoint) if checkpoint else share_dir() / "models/policies" / kind
        self._family = FAMILIES[kind]
        check_eyes(self._family)
        policy = NTPPlanner.load(folder, self._family)
        self._library = policy.library
        self._planner = OwnThread(policy)
        self._monitor = HeartbeatMonitor(self, (EXECUTOR, PERCEPTION))
        self._domain = RosDomain(self, self._monitor, self._family)
        self._trace_publisher = self.create_publisher(TraceEvent, "trace", EVERY_EVENT)
        self._description_publisher = self.create_publisher(TraceDescription, "trace_description", LATCHED)
        self._marker_publisher = self.create_publisher(MarkerArray, "trace_markers", LATCHED)
        self._rejected_publisher = self.create_publisher(String, "execute_task/rejected", EVERY_EVENT)
        self._server = SingleGoalServer(
            self,
            ExecuteTask,
            "execute_task",
            accept=self._accept,
            execute=self._execute,
            failure=lambda text: ExecuteTask.Result(
                error_code=ExecuteTask.Result.PLANNER_ERROR, message=text
            ),
            preempt=lambda goal: bool(goal.preempt),
            on_rejected=self._on_rejected,
        )
        self._heartbeat = Heartbeat(self)
        self.get_logger().info(f"ready; planner {self._default}, policy {folder}")

    def _accept(self, goal: ExecuteTask.Goal) -> str | None:
        if goal.planner not in ("", *PLANNERS):
            return f"unknown planner {goal.planner!r}; known are {', '.join(PLANNERS)}"
        if not goal.max_seconds >= 0.0:
            return f"max_seconds is {goal.max_seconds}; it should be positive, or 0 for the default"
        return check_specification(goal.specification)

    def _on_rejected(self, goal: ExecuteTask.Goal, reason: str) -> None:
        # A rejection carries no text in ROS; those who want to know why listen here.
        self._rejected_publisher.publish(String(data=reason))

    def _execute(self, goal: ExecuteTask.Goal, cancel: CancelToken, feedback: Feedback) -> ExecuteTask.Result:
        try:
            demonstration = read_specification(goal.specification, self._family)
        except SpecificationError as error:
            return ExecuteTask.Result(
                error_code=ExecuteTask.Result.BAD_SPECIFICATION, message=f"{type(error).__name__}: {error}"
            )
        budget = Budget(
            steps=goal.max_steps or self._max_steps, seconds=goal.max_seconds or self._max_seconds
        )
        machine = Machine(self._library, self._domain, self._planner, budget)
        run_ = _Run(self, machine, goal, demonstration, feedback)
        try:
            self._domain.begin()
            result = machine.run(demonstration, run_.trace, cancel)
        except ObservationError as error:
            result = RunResult(RunCode.NO_OBSERVATION, str(error), 0, 0, 0.0)
        self.get_logger().info(f"{result.code.name}: {result.message}; {result.primitives} primitives")
        return ExecuteTask.Result(
            error_code=_error_code(result.code, cancel),
            message=result.message,
            steps=result.steps,
            primitives=result.primitives,
            duration=to_duration(result.duration),
        )

    @property
    def busy(self) -> bool:
        """Whether a task is running."""
        return self._server.busy

    def destroy_node(self) -> None:
        """Stop a running goal, then the node."""
        self._server.close()
        self._planner.close()
        super().destroy_node()


class _Run:
    """One goal's trace on its way out: events, markers, feedback."""

    def __init__(
        self,
        node: PlannerNode,
        machine: Machine,
        goal: ExecuteTask.Goal,
        demonstration: Demonstration,
        feedback: Feedback,
    ):
        self._node = node
        self._machine = machine
        self._feedback = feedback
        self._markers = TraceMarkers()
        self.trace = Trace(
            planner=goal.planner or node._default,
            task=goal.specification.label or "task video",
            objects=demonstration.names,
            listener=self._publish,
        )
        now = node.get_clock().now().to_msg()
        node._description_publisher.publish(
            description_message(self.trace, feedback.goal_id, now, tuple(node._library), len(demonstration))
        )

    def _publish(self, event: Event) -> None:
        domain = self._node._domain
        # The machine tells of a return before it pops.
        stack = self._machine.stack[: event.depth] if event.kind is EventKind.RETURN else self._machine.stack
        message = event_message(
            event, self._feedback.goal_id, [StackEntry(f.op.name, f.scope) for f in stack], domain.places
        )
        self._node._trace_publisher.publish(message)
        self._node._marker_publisher.publish(self._markers.add(message, domain.objects))
        self._feedback.publish(
            ExecuteTask.Feedback(stack=message.stack, step=message.step, last_event=message)
        )


def _error_code(code: RunCode, cancel: CancelToken) -> int:
    if code is RunCode.CANCELLED and cancel.reason == PREEMPTED:
        return int(ExecuteTask.Result.PREEMPTED)
    return int(code)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point; a policy that cannot be loaded is a clear error at start."""
    return run(PlannerNode, args, expected=(CheckpointError, ValueError, OSError))


if __name__ == "__main__":
    raise SystemExit(main())
