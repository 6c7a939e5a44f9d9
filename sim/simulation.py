"""A world with its two controllers: what a tick of simulated time does."""

from __future__ import annotations

from taskprog.control.arm_goal import ArmGoal, ArmLimits
from taskprog.control.robot import ARM_JOINTS, GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH
from taskprog_sim.arm_controller import ArmController, Motion, Row
from taskprog_sim.bullet import TIME_STEP
from taskprog_sim.gripper_controller import GripperController, GripperMotion
from taskprog_sim.sawyer import JointReadings
from taskprog_sim.world import World

LOOK_STEPS = 12  # of time between two looks at the joints on the way: 50 ms


class Simulation:
    """Steps a ``World`` and its arm and gripper controllers together. For one thread only.

    Attributes:
        world: the physics.
        arm, gripper: the controllers, made anew at every reset.
        endings: how often a motion has come to its end so far.
    """

    def __init__(self, world: World):
        self.world = world
        self.endings = 0
        self._read: tuple[int, JointReadings] | None = None  # at which step, and what
        self._make_controllers()

    def _make_controllers(self) -> None:
        limits = self.world.sawyer.limits
        readings = self.world.sawyer.read()
        arm_limits = ArmLimits(ARM_JOINTS, limits.lower, limits.upper, limits.velocity)
        self.arm = ArmController(arm_limits, readings.arm_positions)
        self.gripper = GripperController(GRIPPER_CLOSED_WIDTH, GRIPPER_OPEN_WIDTH, GRIPPER_OPEN_WIDTH)

    @property
    def time(self) -> float:
        """Simulated seconds, the world's."""
        return self.world.time

    @property
    def moving(self) -> bool:
        """Whether an arm or gripper motion runs."""
        return self.arm.active or self.gripper.active

    def readings(self) -> JointReadings:
        """What the joints measure now; whoever asks at the same step gets the same."""
        if self._read is None or self._read[0] != self.world.steps:
            self._read = (self.world.steps, self.world.sawyer.read())
        return self._read[1]

    def follow(self, goal: ArmGoal) -> Motion:
        """Start a trajectory; it goes on with every tick."""
        return self.arm.start(goal, self.time)

    def move_gripper(self, width: float, force: float) -> GripperMotion:
        """Start a gripper motion to ``width`` metres with at most ``force`` newtons (0: default).

        Raises:
            ValueError: out of the gripper's range.
        """
        return self.gripper.start(width, force, self.time, self.readings().gripper_width)

    def cancel_gripper(self) -> None:
        """Stop the gripper where it is."""
        self.gripper.cancel(self.readings().gripper_width)
        self.world.sawyer.command_gripper(self.gripper.setpoint, self.gripper.force)

    def advance(self, steps: int) -> int:
        """Let ``steps`` of time go on, with the motors driven as the controllers say.

        Motors get new setpoints at every step, the joints are looked at every ``LOOK_STEPS`` only, and at
        every step where a motion begins or ends.

        Returns:
            How many steps passed: fewer where a motion ended before.
        """
        done = 0
        while done < steps:
            if not self.moving:
                self.world.step(steps - done)
                return steps
            rows = self._rows(min(steps - done, LOOK_STEPS - self.world.steps % LOOK_STEPS))
            self.world.drive(rows)
            done += len(rows)
            if not rows:
                active = self.arm.active, self.gripper.active
                self._control()
                self.world.step()
                done += 1
                if active != (self.arm.active, self.gripper.active):
                    self.endings += 1
                    break
        return done

    def _rows(self, most: int) -> list[Row]:
        """Setpoints for the next steps, at most ``most``; none where the controllers must see each step."""
        if self.gripper.active:
            return []
        looks = self.world.steps % LOOK_STEPS == 0
        if looks and not self.arm.keeps_path(self.readings().arm_positions.tolist()):
            self.endings += 1
            return [(self.arm.setpoint.positions.tolist(), self.arm.setpoint.velocities.tolist())]
        return self.arm.ahead(self.time, TIME_STEP, most)

    def tick(self) -> None:
        """One step of time."""
        self.advance(1)

    def _control(self) -> None:
        """Let the controllers see the joints, and command the motors."""
        readings = self.readings()
        if self.arm.active:
            setpoint = self.arm.update(self.time, TIME_STEP, readings.arm_positions, readings.arm_velocities)
            self.world.sawyer.command_arm(setpoint.positions.tolist(), setpoint.velocities.tolist())
        if self.gripper.active:
            width = self.gripper.update(self.time, TIME_STEP, readings.gripper_width)
            self.world.sawyer.command_gripper(width, self.gripper.force)

    def reset(self, scene: str, seed: int, objects: int = 0) -> None:
        """Put the world back to a start layout, arm and gripper at rest; motions are cancelled.

        Raises:
            ValueError: no such scene, see ``World.reset``; everything stays as it was.
        """
        self.world.reset(scene, seed, objects)
        self._read = None
        self.arm.abandon("the world was reset")
        self.gripper.cancel(self.readings().gripper_width)
        self._make_controllers()
