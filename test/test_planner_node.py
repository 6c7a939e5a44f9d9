"""The planner node with real executor and loop-back robot: every way that a task can go."""

from __future__ import annotations

import array
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.parameter import Parameter
from ros_world import TIMEOUT, RosWorld, wait_until
from sawyer_ntp.action import ExecuteTask
from sawyer_ntp.msg import Decision as DecisionMessage
from sawyer_ntp.msg import TaskSpecification, TraceDescription, TraceEvent
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header, String
from visualization_msgs.msg import MarkerArray

from taskprog.cli.record import record_video
from taskprog.machine import CancelToken, OutcomeCode, RunCode
from taskprog.nodes.action_client import ActionClient
from taskprog.nodes.call import ActionCancelled, ActionRejected, call_action, wait_for_server
from taskprog.nodes.decision_messages import decision_from_message
from taskprog.nodes.executor import ExecutorNode
from taskprog.nodes.kinematic_cell import KinematicCell
from taskprog.nodes.loopback_robot import LoopbackRobotNode
from taskprog.nodes.perception import PerceptionNode
from taskprog.nodes.planner import PlannerNode
from taskprog.nodes.qos import CAMERA, EVERY_EVENT, LATCHED
from taskprog.nodes.senses import PERCEPTION
from taskprog.nodes.sensor_messages import camera_info_message, image_message
from taskprog.nodes.specification import read_specification
from taskprog.perception.camera import CameraModel
from taskprog.planners.ntp.planner import CheckpointError
from taskprog.tasks.block_stacking import (
    BlockStacking,
    StackingTask,
    generate_tasks,
    holds,
    random_layout,
)
from taskprog.tasks.called import TASK_SEED
from taskprog.tasks.family import TRAIN
from taskprog.tasks.faults import WRONG_ARGUMENT, Fault, first_fault
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT

TASK = next(task for task in generate_tasks(seed=3, n=50, half="test") if len(task.steps) == 2)
# One that the shipped NPI was trained on.
CALLED = min(BlockStacking().tasks(TASK_SEED, 50, TRAIN), key=lambda task: len(task.steps))
RATE = 20.0  # the robot's clock against the wall's
GOAL_TIMEOUT = 60.0  # seconds of wall time for a whole task on a busy machine
Result = ExecuteTask.Result


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video of ``TASK`` by a hand."""
    path = tmp_path_factory.mktemp("video") / "task.mp4"
    record_video(TASK, 1000, "hand", path)
    return path.read_bytes()


def film(data: bytes) -> TaskSpecification:
    return TaskSpecification(video=array.array("B", data), label=str(TASK))


class Task:
    """A goal on its way, in a thread of its own."""

    def __init__(self, execute: Callable[[], Any]):
        self._pool = ThreadPoolExecutor(1)
        self._future = self._pool.submit(execute)

    def result(self) -> Any:
        """Wait for it."""
        result: Any = self._future.result(GOAL_TIMEOUT)
        self._pool.shutdown()
        return result


class Cell:
    """Planner, executor, loop-back robot and a table, and a client."""

    def __init__(self, ros: RosWorld, task: StackingTask = TASK, seed: int = 5, rate: float = RATE):
        self.ros = ros
        self.task = task
        robot = LoopbackRobotNode(
            context=ros.context,
            parameter_overrides=[Parameter("rate", value=rate), Parameter("object_width", value=0.045)],
        )
        self.robot = robot.robot
        ros.add(robot)
        self.table = KinematicCell(random_layout(seed).positions, context=ros.context)
        ros.add(self.table)
        self.executor = ExecutorNode(context=ros.context)
        ros.add(self.executor)
        self.planner = PlannerNode(context=ros.context)
        ros.add(self.planner)
        self.node = ros.node("client")
        self.events: list[TraceEvent] = []
        self.decisions: list[DecisionMessage] = []
        self.descriptions: list[TraceDescription] = []
        self.markers: list[MarkerArray] = []
        self.reasons: list[str] = []
        self._watchers: list[Callable[[TraceEvent], None]] = []
        self.node.create_subscription(TraceEvent, "trace", self._on_event, EVERY_EVENT)
        self.node.create_subscription(DecisionMessage, "decisions", self.decisions.append, EVERY_EVENT)
        self.node.create_subscription(
            TraceDescription, "trace_description", self.descriptions.append, LATCHED
        )
        self.node.create_subscription(MarkerArray, "trace_markers", self.markers.append, LATCHED)
        self.node.create_subscription(
            String, "execute_task/rejected", lambda m: self.reasons.append(m.data), EVERY_EVENT
        )
        self.client = ActionClient(self.node, ExecuteTask, "execute_task")
        wait_for_server(self.client, TIMEOUT)
        topics = ("trace", "trace_markers", "decisions", "execute_task/rejected")
        wait_until(lambda: all(self.node.count_publishers(t) for t in topics), "the planner's topics")

    def _on_event(self, event: TraceEvent) -> None:
        self.events.append(event)
        for watcher in list(self._watchers):
            watcher(event)

    def execute(
        self, specification: TaskSpecification, cancel: CancelToken | None = None, **fields: Any
    ) -> Any:
        goal = ExecuteTask.Goal(specification=specification, **fields)
        result: Any = call_action(self.client, goal, cancel or CancelToken(), GOAL_TIMEOUT)
        return result

    def start(self, data: bytes, **fields: Any) -> tuple[Task, CancelToken]:
        token = CancelToken()
        return Task(lambda: self.execute(film(data), token, **fields)), token

    def when(self, condition: Callable[[TraceEvent], bool]) -> threading.Event:
        """An event that is set by the first trace event that fulfils a condition."""
        happened = threading.Event()
        self._watchers.append(lambda event: happened.set() if condition(event) else None)
        return happened

    def assert_done(self) -> None:
        assert holds(self.task, self.table.positions) == []


def calls(op: str, number: int = 1) -> Callable[[TraceEvent], bool]:
    """True for the ``number``-th call of an operation."""
    seen = 0

    def condition(event: TraceEvent) -> bool:
        nonlocal seen
        seen += event.kind == TraceEvent.CALL and event.op == op
        return bool(seen == number)

    return condition


def test_a_video_goes_in_and_the_task_is_done(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    stacks: list[list[str]] = []
    result = call_action(
        cell.client,
        ExecuteTask.Goal(specification=film(video)),
        CancelToken(),
        GOAL_TIMEOUT,
        lambda feedback: stacks.append([f.op for f in feedback.stack]),
    )
    assert result.error_code == Result.SUCCEEDED, result.message
    assert result.primitives == 4 * len(TASK.steps)
    cell.assert_done()
    assert ["block_stacking", "pick_and_place", "place"] in stacks
    wait_until(lambda: bool(cell.events) and cell.events[-1].kind == TraceEvent.FINISH, "the last event")
    assert [event.index for event in cell.events] == list(range(len(cell.events)))
    assert cell.events[-1].outcome == RunCode.RETURNED.name
    targets = [e for e in cell.events if e.has_target and e.kind == TraceEvent.CALL]
    assert [e.target_object for e in targets] == [a[0] for e in targets for a in [e.args]]
    assert len(targets) == 2 * len(TASK.steps)
    assert cell.descriptions[-1].task == str(TASK)
    assert {e.goal_id for e in cell.events} == {cell.descriptions[-1].goal_id}
    wait_until(lambda: bool(cell.markers), "markers")
    wait_until(lambda: len(cell.decisions) == result.steps, "all decisions")
    assert [decision.index for decision in cell.decisions] == list(range(result.steps))
    assert {d.goal_id for d in cell.decisions} == {cell.descriptions[-1].goal_id}
    assert fault_of(cell.decisions, video) is None
    first_move = next(d for d in cell.decisions if d.op == "move_to")
    first_move.op_args[0] = next(name for name in first_move.objects if name != first_move.op_args[0])
    fault = fault_of(cell.decisions, video)
    assert fault is not None
    assert (fault.cause, fault.detail) == (WRONG_ARGUMENT, "pick: move_to with another object")


def test_what_lies_on_a_cube_is_put_aside_before_it_is_taken(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    below = TASK.steps[-1][0]
    first, second = [k for k in range(8) if k not in {cube for step in TASK.steps for cube in step}][:2]
    for level, cube in enumerate((first, second), start=1):
        cell.table.positions[cube] = cell.table.positions[below] + [0.0, 0.0, level * CUBE_SIZE]
    result = cell.execute(film(video))
    assert result.error_code == Result.SUCCEEDED, result.message
    cell.assert_done()
    assert result.primitives == 4 * len(TASK.steps), "to put aside is no decision of the planner's"
    aside = cell.table.positions[[first, second]]
    np.testing.assert_allclose(aside[:, 2], TABLE_HEIGHT + CUBE_SIZE / 2, atol=0.01)
    for cube in (first, second):
        others = np.delete(cell.table.positions, cube, axis=0)
        assert np.linalg.norm(others[:, :2] - cell.table.positions[cube, :2], axis=1).min() > 0.09


def fault_of(decisions: list[DecisionMessage], video: bytes) -> Fault | None:
    """What the expert of ``TASK`` says of decisions that came over the topic."""
    family = BlockStacking()
    kept = [decision_from_message(decision, family.library) for decision in decisions]
    return first_fault(family.expert(TASK), family.library, read_specification(film(video), family), kept)


@pytest.mark.parametrize(
    ("specification", "fields", "reason"),
    [
        (TaskSpecification(), {}, "empty"),
        (TaskSpecification(video=array.array("B", b"x" * 5000)), {}, "neither an mp4 nor an avi"),
        (
            TaskSpecification(video=array.array("B", b"xxxxftyp"), frames=[CompressedImage()]),
            {},
            "both a video and frames",
        ),
        (TaskSpecification(frames=[CompressedImage()]), {}, "frame_rate"),
        (TaskSpecification(video=array.array("B", bytes(4) + b"ftyp" + bytes(300_000_000))), {}, "at most"),
        (TaskSpecification(video=array.array("B", b"xxxxftyp")), {"planner": "magic"}, "there are ntp, npi"),
        (TaskSpecification(video=array.array("B", b"xxxxftyp")), {"max_seconds": -1.0}, "max_seconds"),
        (TaskSpecification(task="2>6"), {}, "planner ntp follows videos; planner npi takes the task '2>6'"),
        (TaskSpecification(video=array.array("B", b"xxxxftyp")), {"planner": "npi"}, "takes a task in words"),
        (TaskSpecification(task="2>6", frames=[CompressedImage()]), {"planner": "npi"}, "both a task in"),
        (TaskSpecification(task="2>9"), {"planner": "npi"}, "task '2>9': "),
        (TaskSpecification(task="stack all"), {"planner": "npi"}, "task 'stack all': "),
    ],
    ids=[
        "empty",
        "not a video",
        "both",
        "no rate",
        "huge",
        "unknown planner",
        "budget",
        "words for ntp",
        "a video for npi",
        "words and frames",
        "an unknown cube",
        "no steps",
    ],
)
def test_bad_goals_are_rejected_with_a_reason(
    ros: RosWorld, specification: TaskSpecification, fields: dict[str, Any], reason: str
) -> None:
    cell = Cell(ros)
    with pytest.raises(ActionRejected):
        cell.execute(specification, **fields)
    wait_until(lambda: bool(cell.reasons), "the reason")
    assert reason in cell.reasons[0]


def test_a_task_in_words_is_done_by_call(ros: RosWorld, video: bytes) -> None:
    """Told, not shown: the root's arguments are the task, and the trace has them instead of scopes."""
    cell = Cell(ros, CALLED)
    result = cell.execute(TaskSpecification(task=str(CALLED)), planner="npi")
    assert result.error_code == Result.SUCCEEDED, result.message
    assert result.primitives == 4 * len(CALLED.steps)
    cell.assert_done()
    wait_until(lambda: bool(cell.events) and cell.events[-1].kind == TraceEvent.FINISH, "the last event")
    roots = [e for e in cell.events if e.kind == TraceEvent.CALL and e.depth == 0]
    assert [e.args[:2] for e in roots] == [list(CALLED.named[0])]
    assert {(e.scope_start, e.scope_stop) for e in cell.events} == {(0, 0)}
    assert (cell.descriptions[-1].task, cell.descriptions[-1].planner) == (str(CALLED), "npi")


def test_a_broken_video_ends_in_an_error_and_the_next_goal_works(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    result = cell.execute(film(video[: len(video) // 3]))
    assert result.error_code == Result.BAD_SPECIFICATION
    assert "NotAVideo" in result.message
    assert cell.execute(film(video)).error_code == Result.SUCCEEDED
    cell.assert_done()


def test_a_busy_planner_rejects_and_is_preempted_only_on_request(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    grasping = cell.when(calls("close_gripper"))
    first, _ = cell.start(video)
    assert grasping.wait(GOAL_TIMEOUT), "the first grasp did not come"
    with pytest.raises(ActionRejected):
        cell.execute(film(video))
    wait_until(lambda: bool(cell.reasons), "the reason")
    assert "busy" in cell.reasons[0]
    second, _ = cell.start(video, preempt=True)
    assert first.result().error_code == Result.PREEMPTED
    assert second.result().error_code == Result.SUCCEEDED
    cell.assert_done()


@pytest.mark.parametrize(
    "moment",
    [calls("block_stacking"), calls("move_to"), calls("move_to", 2), calls("open_gripper", 2)],
    ids=["at the start", "while moving", "while holding", "in the last step"],
)
def test_cancel_stops_the_robot_and_the_next_goal_works(
    ros: RosWorld, video: bytes, moment: Callable[[TraceEvent], bool]
) -> None:
    cell = Cell(ros)
    now = cell.when(moment)
    task, token = cell.start(video)
    assert now.wait(GOAL_TIMEOUT), "the moment to cancel did not come"
    token.cancel()
    result = task.result()
    assert result.error_code in (Result.CANCELLED, Result.SUCCEEDED)  # the last step may be over already
    assert not cell.robot.state().velocities.any()
    assert cell.execute(film(video)).error_code == Result.SUCCEEDED
    cell.assert_done()


def test_cancel_before_the_start_moves_nothing(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    token = CancelToken()
    task = Task(lambda: cell.execute(film(video), token))
    wait_until(lambda: cell.planner.busy, "acceptance")
    token.cancel()
    assert task.result().error_code == Result.CANCELLED
    assert cell.robot.followed == []


def test_cancelled_before_it_was_sent(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    token = CancelToken()
    token.cancel()
    with pytest.raises(ActionCancelled):
        cell.execute(film(video), token)


def test_an_object_out_of_reach_ends_the_task_with_the_reason(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    cell.table.positions[:, 0] += 1.0
    result = cell.execute(film(video))
    assert result.error_code == Result.PRIMITIVE_FAILED
    assert OutcomeCode.OUTSIDE_WORKSPACE.name in result.message


def test_a_blind_camera_ends_the_task(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    grasping = cell.when(calls("close_gripper"))
    task, _ = cell.start(video)
    assert grasping.wait(GOAL_TIMEOUT), "the first grasp did not come"
    cell.table.silent = True
    result = task.result()
    assert result.error_code == Result.NO_OBSERVATION
    assert "objects" in result.message


def test_why_the_camera_is_of_no_use_is_said_before_anything_moves(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    ros.remove(cell.table)
    ros.add(PerceptionNode(context=ros.context))
    model = CameraModel.table_top(320, 240)
    info = cell.node.create_publisher(CameraInfo, "camera/color/camera_info", CAMERA)
    colour = cell.node.create_publisher(Image, "camera/color/image_raw", CAMERA)
    depth = cell.node.create_publisher(Image, "camera/depth/image_raw", CAMERA)

    def complained() -> bool:
        header = Header(stamp=cell.node.get_clock().now().to_msg())
        info.publish(camera_info_message(header, model))
        colour.publish(image_message(header, np.zeros((240, 320, 3), np.uint8)))
        depth.publish(image_message(header, np.full((240, 320), np.nan, np.float32)))
        return "depth" in cell.planner._monitor.complaint(PERCEPTION)

    wait_until(complained, "the complaint")
    result = cell.execute(film(video))
    assert result.error_code == Result.NO_OBSERVATION
    assert "only 0% of the depth image's pixels have a depth" in result.message
    assert cell.robot.followed == []


def test_a_dead_executor_ends_the_task(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    grasping = cell.when(calls("close_gripper"))
    task, _ = cell.start(video)
    assert grasping.wait(GOAL_TIMEOUT), "the first grasp did not come"
    ros.remove(cell.executor)
    assert task.result().error_code == Result.ROBOT_STOPPED


def test_a_silent_robot_ends_the_task(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    grasping = cell.when(calls("close_gripper"))
    task, _ = cell.start(video)
    assert grasping.wait(GOAL_TIMEOUT), "the first grasp did not come"
    cell.robot.faults.silent = True
    assert task.result().error_code in (Result.ROBOT_STOPPED, Result.NO_OBSERVATION)


def test_budgets_of_a_goal_are_outcomes(ros: RosWorld, video: bytes) -> None:
    cell = Cell(ros)
    assert cell.execute(film(video), max_steps=3).error_code == Result.STEP_BUDGET
    assert cell.execute(film(video), max_seconds=0.5).error_code == Result.TIME_BUDGET


def test_a_missing_policy_is_an_error_at_start(ros: RosWorld, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=str(tmp_path)):
        PlannerNode(
            context=ros.context, parameter_overrides=[Parameter("checkpoint", value=str(tmp_path / "none"))]
        )
