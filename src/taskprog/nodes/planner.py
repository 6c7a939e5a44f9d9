"""Node ``planner``: does what a task video shows, or words say (action ``execute_task``), and publishes the
trace and its decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rclpy.node import Node
from sawyer_ntp.action import ExecuteTask
from sawyer_ntp.msg import Decision as DecisionMessage
from sawyer_ntp.msg import TraceDescription, TraceEvent
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from taskprog.machine import (
    Budget,
    Call,
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
    PlannerError,
    RunCode,
    RunResult,
    TaskSpecification,
    Trace,
)
from taskprog.nodes.convert import to_duration
from taskprog.nodes.decision_messages import Made, decision_message
from taskprog.nodes.heartbeat import Heartbeat, HeartbeatMonitor
from taskprog.nodes.markers import TraceMarkers
from taskprog.nodes.parameters import declare
from taskprog.nodes.policies import Policies
from taskprog.nodes.qos import EVERY_EVENT, LATCHED
from taskprog.nodes.ros_domain import RosDomain
from taskprog.nodes.senses import EXECUTOR, PERCEPTION
from taskprog.nodes.single_goal import PREEMPTED, Feedback, SingleGoalServer
from taskprog.nodes.specification import NTP, PLANNERS, READ, SpecificationError
from taskprog.nodes.spin import run
from taskprog.nodes.trace_messages import description_message, event_message
from taskprog.planners.checkpoint import CheckpointError
from taskprog.tasks.families import FAMILIES
from taskprog.view.step import StackEntry

# Programs given up in a row: what one was called for may be out of reach, or a thing that never was there.
RETRIES = 3


class PlannerNode(Node):
    """Serves ``execute_task``; one goal at a time, preempted only by a goal that asks for it."""

    def __init__(self, **options: Any):
        super().__init__("planner", **options)
        self._default = declare(self, "planner", NTP, "planner of goals that name none", choices=PLANNERS)
        kind = declare(self, "family", "block_stacking", "kind of tasks that goals show", choices=READ)
        checkpoint = declare(
            self,
            "checkpoint",
            "",
            "folder of that planner's policy; empty: the family's shipped one in models/policies",
        )
        self._max_steps = declare(
            self,
            "max_steps",
            1000,
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
        family = FAMILIES[kind]
        self._policies = Policies(family, self._default, Path(checkpoint) if checkpoint else None)
        self._monitor = HeartbeatMonitor(self, (EXECUTOR, PERCEPTION))
        self._domain = RosDomain(self, self._monitor, family)
        self._trace_publisher = self.create_publisher(TraceEvent, "trace", EVERY_EVENT)
        self._decision_publisher = self.create_publisher(DecisionMessage, "decisions", EVERY_EVENT)
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
        folder = self._policies[""].folder
        self.get_logger().info(f"ready; planner {self._default}, policy {folder}")

    def _accept(self, goal: ExecuteTask.Goal) -> str | None:
        if not goal.max_seconds >= 0.0:
            return f"max_seconds is {goal.max_seconds}; it should be positive, or 0 for the default"
        return self._policies.check(goal.planner, goal.specification)

    def _on_rejected(self, goal: ExecuteTask.Goal, reason: str) -> None:
        # A rejection carries no text in ROS; those who want to know why listen here.
        self._rejected_publisher.publish(String(data=reason))

    def _execute(self, goal: ExecuteTask.Goal, cancel: CancelToken, feedback: Feedback) -> ExecuteTask.Result:
        try:
            specification = self._policies.read(goal.planner, goal.specification)
        except SpecificationError as error:
            return ExecuteTask.Result(
                error_code=ExecuteTask.Result.BAD_SPECIFICATION, message=f"{type(error).__name__}: {error}"
            )
        budget = Budget(
            steps=goal.max_steps or self._max_steps,
            seconds=goal.max_seconds or self._max_seconds,
            retries=RETRIES,
        )
        policy = self._policies[goal.planner]
        planner = _Told(policy.planner, self._decision_publisher.publish, feedback.goal_id)
        machine = Machine(policy.library, self._domain, planner, budget)
        run_ = _Run(self, machine, goal, specification, feedback)
        try:
            self._domain.begin()
            result = machine.run(specification, run_.trace, cancel)
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
        self._policies.close()
        super().destroy_node()


class _Told:
    """A planner that passes on another's decisions and tells of each."""

    def __init__(self, planner: Planner, tell: Callable[[DecisionMessage], None], goal_id: str) -> None:
        self._planner = planner
        self._tell = tell
        self._goal_id = goal_id
        self._decisions = 0

    def begin(self, specification: TaskSpecification) -> None:
        """See ``taskprog.machine.machine.Planner``."""
        self._planner.begin(specification)

    def decide(self, frame: Frame, observation: Observation) -> Decision:
        """See ``taskprog.machine.machine.Planner``."""
        try:
            decision = self._planner.decide(frame, observation)
        except PlannerError as error:
            self._made((frame, observation, error))
            raise
        self._made((frame, observation, decision))
        return decision

    def _made(self, made: Made) -> None:
        self._tell(decision_message(made, self._goal_id, self._decisions))
        self._decisions += 1


class _Run:
    """One goal's trace on its way out: events, markers, feedback."""

    def __init__(
        self,
        node: PlannerNode,
        machine: Machine,
        goal: ExecuteTask.Goal,
        specification: Demonstration | Call,
        feedback: Feedback,
    ):
        self._node = node
        self._machine = machine
        self._feedback = feedback
        self._markers = TraceMarkers()
        self.trace = Trace(
            planner=goal.planner or node._default,
            task=goal.specification.label or goal.specification.task or "task video",
            objects=tuple(node._policies.objects),
            listener=self._publish,
        )
        now = node.get_clock().now().to_msg()
        frames = len(specification) if isinstance(specification, Demonstration) else 0
        programs = tuple(machine.library)
        node._description_publisher.publish(
            description_message(self.trace, feedback.goal_id, now, programs, frames)
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
