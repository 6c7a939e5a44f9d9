"""Node ``simulator``: a Sawyer at a table full of things, in PyBullet, behind the interfaces of a real arm.

Publishes the clock, joint states, frames, the robot's description and an RGB-D camera; follows joint
trajectories (control_msgs/FollowJointTrajectory) and gripper commands (control_msgs/GripperCommand, whose
position is the gap between the pads in metres); can be reset, paused and stepped, and says whether a task
holds.

Everything that touches the world happens in the thread of ``taskprog_sim.engine.Engine``. Callbacks here
hand it jobs and wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from control_msgs.action import FollowJointTrajectory, GripperCommand
from geometry_msgs.msg import TransformStamped
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from sawyer_ntp.srv import CheckTask, Disturb, ResetScene, Step
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Header, String
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage

from taskprog.control.arm_goal import ArmLimits
from taskprog.control.frame_tree import FrameTree
from taskprog.control.robot import GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH
from taskprog.machine import CancelToken
from taskprog.nodes.controllers import ControllerServers, arm_feedback, arm_goal, reason_to_reject
from taskprog.nodes.convert import from_stamp, to_stamp
from taskprog.nodes.heartbeat import Heartbeat, HeartbeatMonitor
from taskprog.nodes.parameters import declare
from taskprog.nodes.qos import CAMERA, LATCHED, NEWEST, STATES
from taskprog.nodes.sensor_messages import (
    camera_info_message,
    camera_transform,
    image_message,
    joint_state_message,
    transform_message,
)
from taskprog.nodes.single_goal import Feedback
from taskprog.nodes.spin import run
from taskprog.nodes.transport import roomy_transport
from taskprog.perception.camera import CameraModel
from taskprog.resources import share_dir
from taskprog_sim import jobs
from taskprog_sim.arm_controller import Ending, Motion
from taskprog_sim.camera import Image as Picture
from taskprog_sim.engine import Engine, EngineError, Pace
from taskprog_sim.gripper_controller import GripperController
from taskprog_sim.sawyer import JOINTS, JointReadings
from taskprog_sim.simulation import Simulation
from taskprog_sim.world import World

EXECUTOR = "executor"
OPTICAL_FRAME = "camera_optical_frame"
WATCH_PERIOD = 0.5  # seconds of wall time


class SimulatorNode(Node):
    """The simulated robot and its surroundings."""

    def __init__(self, **options: Any) -> None:
        """Build the world and offer everything.

        Raises:
            ValueError: a parameter is out of its range, or there is no such scene.
            RuntimeError: PyBullet cannot open its window.
        """
        super().__init__("simulator", **options)
        gui = declare(self, "gui", False, "open PyBullet's window")
        scene = declare(self, "scene", "block_stacking", "what stands on the table: a scene's name or file")
        objects = declare(self, "objects", 0, "that can be taken; 0: the scene's own number", minimum=0)
        clutter = declare(self, "clutter", False, "let some objects of order fulfilment touch")
        seed = declare(self, "seed", 0, "of the start layout", minimum=0)
        pace = declare(
            self,
            "pace",
            Pace.REALTIME.value,
            "how simulated time goes on: in step with the wall's, as fast as possible, or only while "
            "something moves or asks for it",
            choices=[pace.value for pace in Pace],
        )
        width = declare(self, "camera_width", 640, "of the camera's pictures, pixels", 64, 1920)
        height = declare(self, "camera_height", 480, "of the camera's pictures, pixels", 48, 1440)
        rate = declare(self, "camera_rate", 10.0, "pictures a second of simulated time", 0.1, 60.0)
        publish_tf = declare(self, "publish_tf", True, "publish the robot's frames; off: another node does")

        description = (share_dir() / "models" / "sawyer" / "sawyer.urdf").read_text(encoding="utf-8")
        self._publisher = Publisher(self, description, publish_tf)
        self._engine = Engine(
            lambda: World(scene, seed, gui, (width, height), objects, clutter),
            self._publisher,
            Pace(pace),
            frame_rate=rate,
        )
        self._engine.start()
        self._publisher.introduce(self._engine.run(_camera_model), description)
        self._limits: ArmLimits = self._engine.run(_arm_limits)
        self._gripper_range = GripperController(GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH, GRIPPER_OPEN_WIDTH)
        self._controllers = ControllerServers(
            self,
            accept_trajectory=self._accept_trajectory,
            follow=self._follow,
            accept_grip=self._accept_grip,
            grip=self._grip,
        )
        self._offer_services()
        Heartbeat(self)
        self._monitor = HeartbeatMonitor(self, (EXECUTOR,), lost=self._controllers.on_lost)
        self.create_timer(WATCH_PERIOD, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"scene {scene!r}, layout of seed {seed}, pace {pace}")

    def _offer_services(self) -> None:
        # A long step must hold up neither a pause nor another step.
        group = ReentrantCallbackGroup()
        for kind, name, callback in (
            (ResetScene, "simulator/reset", self._on_reset),
            (Step, "simulator/step", self._on_step),
            (SetBool, "simulator/pause", self._on_pause),
            (CheckTask, "simulator/check_task", self._on_check),
            (Disturb, "simulator/disturb", self._on_disturb),
        ):
            self.create_service(kind, name, _answering(callback), callback_group=group)

    def destroy_node(self) -> None:
        """Stop the arm, end the simulation, and take the node down."""
        self._controllers.close()
        self._engine.stop()
        super().destroy_node()

    def _watch(self) -> None:
        if not self._engine.alive:
            raise EngineError("the simulation has ended; see above for the reason")

    def _accept_trajectory(self, goal: FollowJointTrajectory.Goal) -> str | None:
        return reason_to_reject(self._limits, goal)

    def _follow(
        self, goal: FollowJointTrajectory.Goal, cancel: CancelToken, feedback: Feedback
    ) -> FollowJointTrajectory.Result:
        job = jobs.follow(
            arm_goal(self._limits, goal),
            cancel,
            lambda sim, motion: feedback.publish(_arm_feedback(sim, motion)),
        )
        result = self._engine.run(job, moves=True)
        message = result.message
        if result.ending is Ending.CANCELLED:
            message = message or "cancelled"
        return FollowJointTrajectory.Result(error_code=int(result.code), error_string=message)

    def _accept_grip(self, goal: GripperCommand.Goal) -> str | None:
        try:
            self._gripper_range.check(goal.command.position, goal.command.max_effort)
        except ValueError as error:
            return str(error)
        return None

    def _grip(
        self, goal: GripperCommand.Goal, cancel: CancelToken, feedback: Feedback
    ) -> GripperCommand.Result:
        job = jobs.move_gripper(goal.command.position, goal.command.max_effort, cancel)
        result, force = self._engine.run(job, moves=True)
        return GripperCommand.Result(
            position=result.width,
            effort=force if result.stalled else 0.0,
            stalled=result.stalled,
            reached_goal=result.reached,
        )

    def _on_reset(self, request: ResetScene.Request, response: ResetScene.Response) -> None:
        job = jobs.reset(request.scene, request.seed, request.objects)
        response.message = self._engine.run(job, moves=True)

    def _on_step(self, request: Step.Request, response: Step.Response) -> None:
        response.stamp = to_stamp(self._engine.run(jobs.step(from_stamp(request.duration))))

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> None:
        self._engine.run(jobs.pause(request.data))
        response.message = "time stands still" if request.data else "time goes on"

    def _on_check(self, request: CheckTask.Request, response: CheckTask.Response) -> None:
        verdict = self._engine.run(jobs.check_task(request.task, from_stamp(request.stable_for)))
        response.failed = list(verdict.failed)
        response.right = list(verdict.right)
        response.wrong = list(verdict.wrong)
        response.outside = list(verdict.outside)
        counts = f"{len(verdict.right)} of {len(verdict.right) + len(verdict.failed)} right"
        if not verdict.done:
            raise jobs.Refused(f"{counts}; not so: {' '.join(verdict.failed)}")
        response.message = f"every relation holds: {counts}"

    def _on_disturb(self, request: Disturb.Request, response: Disturb.Response) -> None:
        job = jobs.disturb(request.kind, request.name, from_stamp(request.duration), request.seed)
        response.message = self._engine.run(job)


class Publisher:
    """Publishes what the engine tells; its methods run in the simulation's thread."""

    def __init__(self, node: Node, description: str, publish_tf: bool):
        self._tree = FrameTree(description)
        self._publish_tf = publish_tf
        self._clock = node.create_publisher(ClockMessage, "/clock", NEWEST)
        self._joints = node.create_publisher(JointState, "joint_states", STATES)
        self._frames = node.create_publisher(TFMessage, "tf", STATES)
        self._static = node.create_publisher(TFMessage, "tf_static", LATCHED)
        self._description = node.create_publisher(String, "robot_description", LATCHED)
        self._images = {
            name: (
                node.create_publisher(Image, f"camera/{name}/image_raw", CAMERA),
                node.create_publisher(CameraInfo, f"camera/{name}/camera_info", CAMERA),
            )
            for name in ("color", "depth")
        }
        self._model: CameraModel | None = None

    def introduce(self, model: CameraModel, description: str) -> None:
        """Publish what never changes, and from now on pictures of this camera."""
        stamp = to_stamp(0.0)
        self._description.publish(String(data=description))
        static = [camera_transform(stamp, OPTICAL_FRAME, model.pose)]
        if self._publish_tf:
            static += [
                transform_message(stamp, pose.parent, pose.child, pose.translation, pose.rotation)
                for pose in self._tree.fixed
            ]
        self._static.publish(TFMessage(transforms=static))
        self._model = model

    def on_state(self, stamp: float, readings: JointReadings) -> None:
        """See ``taskprog_sim.engine.Sink``."""
        time = to_stamp(stamp)
        self._clock.publish(ClockMessage(clock=time))
        self._joints.publish(
            joint_state_message(time, JOINTS, readings.positions, readings.velocities, readings.efforts)
        )
        # Ten times as dear as all the rest, and mostly nobody listens.
        if self._publish_tf and self._frames.get_subscription_count() > 0:
            positions = dict(zip(JOINTS, readings.positions.tolist(), strict=True))
            moving: list[TransformStamped] = [
                transform_message(time, pose.parent, pose.child, pose.translation, pose.rotation)
                for pose in self._tree.moving(positions)
            ]
            self._frames.publish(TFMessage(transforms=moving))

    def wants_frames(self) -> bool:
        """See ``taskprog_sim.engine.Sink``."""
        return self._model is not None and any(
            images.get_subscription_count() > 0 for images, _ in self._images.values()
        )

    def on_frame(self, image: Picture) -> None:
        """See ``taskprog_sim.engine.Sink``."""
        assert self._model is not None
        header = Header(stamp=to_stamp(image.stamp), frame_id=OPTICAL_FRAME)
        info = camera_info_message(header, self._model)
        for name, pixels in (("color", image.rgb), ("depth", image.depth)):
            images, infos = self._images[name]
            infos.publish(info)
            if images.get_subscription_count() > 0:
                images.publish(image_message(header, pixels))


def _camera_model(engine: Engine) -> Any:
    return engine.simulation.world.camera.model
    yield


def _arm_limits(engine: Engine) -> Any:
    return engine.simulation.arm.limits
    yield


def _answering(callback: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
    """A service callback whose response says whether ``callback`` went well, and if not, why."""

    def answer(request: Any, response: Any) -> Any:
        try:
            callback(request, response)
            response.success = True
        except (ValueError, EngineError) as error:
            response.success, response.message = False, str(error)
        return response

    return answer


def _arm_feedback(simulation: Simulation, motion: Motion) -> FollowJointTrajectory.Feedback:
    readings, setpoint = simulation.readings(), simulation.arm.setpoint
    return arm_feedback(
        simulation.time,
        motion.progress * motion.spline.duration,
        (setpoint.positions, setpoint.velocities),
        (readings.arm_positions, readings.arm_velocities),
    )


def main(args: list[str] | None = None) -> int:
    """Entry point; a scene or a window that is not to be had is a clear error at start."""
    with roomy_transport():
        return run(SimulatorNode, args, expected=(ValueError, RuntimeError, OSError))


if __name__ == "__main__":
    raise SystemExit(main())
