"""Opening and closing a gripper, with and without something between the pads."""

from __future__ import annotations

import pytest

from taskprog_sim.gripper_controller import MAX_FORCE, SPEED, GripperController, GripperMotion

CLOSED, OPENED, PERIOD = 0.0155, 0.0572, 0.005


class Fingers:
    """Fingers that go where they are driven, but not closer together than ``obstacle``."""

    def __init__(self, obstacle: float = 0.0):
        self.controller = GripperController(CLOSED, OPENED, OPENED)
        self.width, self.obstacle, self.now = OPENED, obstacle, 3.0

    def run(self, motion: GripperMotion | None = None, seconds: float = 5.0) -> None:
        for _ in range(round(seconds / PERIOD)):
            if motion is not None and motion.result is not None:
                return
            self.width = max(self.controller.update(self.now, PERIOD, self.width), self.obstacle)
            self.now += PERIOD

    def start(self, width: float) -> GripperMotion:
        return self.controller.start(width, 10.0, self.now, self.width)


def test_closes_all_the_way_on_nothing() -> None:
    fingers = Fingers()
    began = fingers.now
    motion = fingers.start(CLOSED)
    fingers.run(motion)
    assert motion.result is not None
    assert motion.result.reached
    assert not motion.result.stalled
    assert motion.result.width == pytest.approx(CLOSED, abs=1e-3)
    assert fingers.now - began == pytest.approx((OPENED - CLOSED) / SPEED, abs=0.05)


def test_stalls_on_a_cube_and_keeps_pressing() -> None:
    fingers = Fingers(obstacle=0.045)
    motion = fingers.start(CLOSED)
    fingers.run(motion)
    assert motion.result is not None
    assert motion.result.stalled
    assert not motion.result.reached
    assert motion.result.width == pytest.approx(0.045)
    assert fingers.controller.setpoint == CLOSED


def test_lets_go_of_what_it_holds() -> None:
    fingers = Fingers(obstacle=0.045)
    fingers.run(fingers.start(CLOSED))
    began = fingers.now
    motion = fingers.start(OPENED)
    fingers.run(motion)
    assert motion.result is not None
    assert motion.result.reached
    assert fingers.now - began == pytest.approx((OPENED - 0.045) / SPEED, abs=0.05)


def test_a_command_to_where_it_is_ends_at_once() -> None:
    fingers = Fingers()
    motion = fingers.start(OPENED)
    fingers.run(motion)
    assert motion.result is not None
    assert motion.result.reached


def test_cancelled_it_stops_on_the_way_and_opens_again_when_asked() -> None:
    fingers = Fingers()
    motion = fingers.start(CLOSED)
    fingers.run(seconds=0.2)
    fingers.controller.cancel(fingers.width)
    assert motion.result is not None
    assert motion.result.cancelled
    held = fingers.width
    fingers.run(seconds=0.5)
    assert fingers.width == held
    again = fingers.start(OPENED)
    fingers.run(again)
    assert again.result is not None
    assert again.result.reached


def test_a_new_command_ends_the_old_one() -> None:
    fingers = Fingers()
    old = fingers.start(CLOSED)
    fingers.run(seconds=0.1)
    fingers.start(OPENED)
    assert old.result is not None
    assert old.result.cancelled


@pytest.mark.parametrize(
    ("width", "force", "message"),
    [
        (0.10, 0.0, "not 0.1000 m"),
        (-0.01, 0.0, "not -0.0100 m"),
        (float("nan"), 0.0, "not nan m"),
        (0.03, -1.0, "not -1 N"),
        (0.03, MAX_FORCE + 1, "not 21 N"),
        (0.03, float("nan"), "not nan N"),
    ],
)
def test_what_it_cannot_do_is_refused(width: float, force: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fingers().controller.start(width, force, 0.0, OPENED)
