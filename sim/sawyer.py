"""The Sawyer's body in the physics: joint motors, and what its sensors read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taskprog.control.robot import (
    ARM_JOINTS,
    GRIPPER_CLOSED_WIDTH,
    GRIPPER_JOINTS,
    GRIPPER_OPEN_WIDTH,
    NEUTRAL,
)
from taskprog_sim.bullet import Bullet, pybullet, silenced

HEAD_JOINT = "head_pan"
JOINTS = (*ARM_JOINTS, HEAD_JOINT, *GRIPPER_JOINTS)

# Rubber pads: 1 holds a carried cube without sticking to it; spinning friction stops it pivoting.
FINGER_FRICTION = 1.0
FINGER_SPINNING_FRICTION = 0.02
# Share of a position error that a motor removes in one step.
ARM_POSITION_GAINS = [0.3] * 7
ARM_VELOCITY_GAINS = [1.0] * 7
FINGER_POSITION_GAIN = 0.2
# The two fingers share one motor; this force keeps them mirrored, newtons.
GEAR_FORCE = 100.0


@dataclass(frozen=True)
class JointLimits:
    """(7,) float64 each: radians, radians per second, newton metres, in the order of ``ARM_JOINTS``."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    velocity: NDArray[np.float64]
    effort: NDArray[np.float64]


@dataclass(frozen=True)
class JointReadings:
    """What the joint sensors read, in the order of ``JOINTS``.

    Attributes:
        positions, velocities, efforts: (10,) float64; radians or metres, per second, and Nm or N.
    """

    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    efforts: NDArray[np.float64]

    @property
    def arm_positions(self) -> NDArray[np.float64]:
        """(7,) radians."""
        return self.positions[:7]

    @property
    def arm_velocities(self) -> NDArray[np.float64]:
        """(7,) radians per second."""
        return self.velocities[:7]

    @property
    def gripper_width(self) -> float:
        """Metres between the pads."""
        return GRIPPER_CLOSED_WIDTH + float(self.positions[8] - self.positions[9])


class Sawyer:
    """One arm with its gripper in a physics client, its base fixed at the origin of frame ``base``."""

    def __init__(self, bullet: Bullet, urdf: Path):
        """Load the arm in its neutral pose, gripper open.

        Raises:
            FileNotFoundError: there is no such URDF.
            ValueError: it lacks one of the Sawyer's joints.
        """
        if not urdf.is_file():
            raise FileNotFoundError(f"the robot's description is missing: {urdf}")
        self._client = bullet.client
        with silenced():
            self.body: int = pybullet.loadURDF(
                str(urdf),
                useFixedBase=True,
                flags=pybullet.URDF_USE_INERTIA_FROM_FILE | pybullet.URDF_MERGE_FIXED_LINKS,
                physicsClientId=self._client,
            )
        infos = [
            pybullet.getJointInfo(self.body, index, physicsClientId=self._client)
            for index in range(pybullet.getNumJoints(self.body, physicsClientId=self._client))
        ]
        by_name = {info[1].decode(): info for info in infos}
        missing = [name for name in JOINTS if name not in by_name]
        if missing:
            raise ValueError(f"{urdf} has no joint {', '.join(missing)}")
        self._indices = [by_name[name][0] for name in JOINTS]
        self._arm = self._indices[:7]
        arm = [by_name[name] for name in ARM_JOINTS]
        lower, upper, effort, velocity = (
            np.array([info[field] for info in arm], np.float64) for field in (8, 9, 10, 11)
        )
        self.limits = JointLimits(lower, upper, velocity, effort)
        self._efforts = list(effort)
        self._finger_travel = (GRIPPER_OPEN_WIDTH - GRIPPER_CLOSED_WIDTH) / 2
        self.finger_links = tuple(by_name[name][0] for name in GRIPPER_JOINTS)
        self._set_up()

    def _set_up(self) -> None:
        client, travel = self._client, self._finger_travel
        rest = [*NEUTRAL, 0.0, travel, -travel]
        for index, position in zip(self._indices, rest, strict=True):
            pybullet.resetJointState(self.body, index, position, physicsClientId=client)
        pybullet.setJointMotorControl2(
            self.body, self._indices[7], pybullet.POSITION_CONTROL, 0.0, force=8.0, physicsClientId=client
        )
        for link in self.finger_links:
            pybullet.changeDynamics(
                self.body,
                link,
                lateralFriction=FINGER_FRICTION,
                spinningFriction=FINGER_SPINNING_FRICTION,
                physicsClientId=client,
            )
        left, right = self.finger_links
        gear = pybullet.createConstraint(
            self.body,
            left,
            self.body,
            right,
            pybullet.JOINT_GEAR,
            [0, 1, 0],
            [0, 0, 0],
            [0, 0, 0],
            physicsClientId=client,
        )
        pybullet.changeConstraint(gear, gearRatio=1, erp=0.2, maxForce=GEAR_FORCE, physicsClientId=client)
        self.command_arm(NEUTRAL.tolist(), [0.0] * 7)
        self.command_gripper(GRIPPER_OPEN_WIDTH, 10.0)

    def command_arm(self, positions: Sequence[float], velocities: Sequence[float]) -> None:
        """Set the motors' targets, 7 radians and radians per second; they hold until the next command."""
        # Called at every step: PyBullet takes longer to sort out arguments that have names.
        pybullet.setJointMotorControlArray(
            self.body,
            self._arm,
            pybullet.POSITION_CONTROL,
            positions,
            velocities,
            self._efforts,
            ARM_POSITION_GAINS,
            ARM_VELOCITY_GAINS,
            self._client,
        )

    def command_gripper(self, width: float, force: float) -> None:
        """Drive the pads to ``width`` metres apart, each finger with at most ``force`` newtons."""
        travel = min(max((width - GRIPPER_CLOSED_WIDTH) / 2, 0.0), self._finger_travel)
        pybullet.setJointMotorControlArray(
            self.body,
            self.finger_links,
            pybullet.POSITION_CONTROL,
            targetPositions=[travel, -travel],
            forces=[force, force],
            positionGains=[FINGER_POSITION_GAIN] * 2,
            physicsClientId=self._client,
        )

    def finger_positions(self) -> NDArray[np.float64]:
        """(2, 3) where the two fingers are, metres."""
        states = pybullet.getLinkStates(self.body, self.finger_links, physicsClientId=self._client)
        return np.array([state[0] for state in states])

    def read(self) -> JointReadings:
        """The joints' present state."""
        states = pybullet.getJointStates(self.body, self._indices, physicsClientId=self._client)
        positions, velocities, _, efforts = zip(*states, strict=True)
        return JointReadings(np.array(positions), np.array(velocities), np.array(efforts))
