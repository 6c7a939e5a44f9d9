"""How a driver of a real Sawyer behaves on the robot's stand-in, judged by what that one was asked to do.

``bench_driver.py reactions cancels trajectories reboots`` runs some of the parts; without words, all.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from fake_process import RemoteRobot, Report, fake_process
from numpy.typing import NDArray

from taskprog.control.arm_goal import ArmGoal, ArmLimits, GoalError, Waypoint, make_goal
from taskprog.control.collision import CollisionModel
from taskprog.control.intera.arm import Motion
from taskprog.control.intera.codes import Code, Refused
from taskprog.control.intera.feeds import Timeouts
from taskprog.control.intera.guard import ACCELERATION, Box, Guard
from taskprog.control.intera.robot import SawyerRobot
from taskprog.control.kinematics import Kinematics
from taskprog.control.robot import ARM_JOINTS, NEUTRAL

Floats = NDArray[np.float64]

TRIALS = 20
WAY = np.array([1.2, 0.0, 0.0, 0.2, 0.0, 0.3, 1.0])  # of most motions, radians
TRAJECTORIES = 200
REBOOTS = 10
LIMIT = 30.0  # seconds that anything may take
BOX = Box(np.array([-0.3, -1.0, -0.15]), np.array([1.2, 1.0, 1.4]))
INFINITE = np.full(7, np.inf)
OPEN = ArmLimits(ARM_JOINTS, -INFINITE, INFINITE, INFINITE)


class Cell:
    """Driver and robot."""

    def __init__(self, remote: RemoteRobot, timeouts: Timeouts):
        self.remote = remote
        self.kinematics, self.collision = Kinematics.load(), CollisionModel.load()
        self.robot = SawyerRobot(remote.uri, Guard(self.kinematics, BOX, self.collision.free), timeouts)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"{what} did not happen: {self.robot.fault()}")
            time.sleep(0.002)

    def ready(self) -> None:
        """Clear what went wrong, and enable."""
        self.remote.ask("clear")
        self.wait(lambda: self.robot.feeds.state is not None, "connection")
        state = self.robot.feeds.state
        if state is not None and state.stopped:
            self.wait(lambda: getattr(self.robot.feeds.state, "estop_button", 1) != 1, "release")
            self.robot.reset()
        self.robot.enable()
        self.wait(lambda: self.robot.fault() is None, "readiness")
        self.wait(lambda: self.report().moving < 1e-3, "rest")

    def report(self) -> Report:
        report: Report = self.remote.ask("report")
        return report

    @property
    def place(self) -> Floats:
        measured = self.robot.feeds.arm()
        if measured is None:
            raise RuntimeError("no joint states")
        return measured[0]

    def go(self, goal: ArmGoal) -> Motion:
        """Follow to the end."""
        motion = self.robot.arm.start(goal)
        if not motion.done.wait(LIMIT) or motion.ended is None:
            raise RuntimeError("a motion does not end")
        return motion

    def cruise(self, way: Floats, seconds: float, until: float) -> Motion:
        """Begin a motion and wait until it is ``until`` seconds old; again if it ends before."""
        while True:
            motion = self.robot.arm.start(cruise(self.place, way, seconds))
            self.wait(lambda m=motion: m.time > until or m.done.is_set(), "cruising")  # type: ignore[misc]
            if motion.ended is None:
                return motion
            print(f"  ended without a fault of ours: {motion.ended.message}", flush=True)
            self.ready()
            self.home()

    def home(self) -> None:
        """Back to the neutral pose."""
        while np.abs(NEUTRAL - self.place).max() > 0.02:
            start = self.place
            seconds = max(0.6, float(np.abs(NEUTRAL - start).max()) * 3)
            times = np.array([0.0, seconds])
            motion = self.go(ArmGoal(times, np.array([start, NEUTRAL]), np.zeros((2, 7))))
            if motion.ended is not None and motion.ended.code is not Code.SUCCESSFUL:
                print(f"  ended without a fault of ours: {motion.ended.message}", flush=True)
                self.ready()


def cruise(start: Floats, way: Floats, seconds: float) -> ArmGoal:
    """Speed up, go on at a constant speed, slow down."""
    ramp = 0.4
    speed = way / (seconds - ramp)
    times = np.array([0.0, ramp, seconds - ramp, seconds])
    positions = np.array([start, start + speed * ramp / 2, start + way - speed * ramp / 2, start + way])
    return ArmGoal(times, positions, np.array([0 * speed, speed, speed, 0 * speed]))


def spread(values: list[float], unit: float = 1e3) -> str:
    """Median, 95th percentile and largest."""
    v = np.array(values) * unit
    return f"{np.median(v):8.1f} {np.percentile(v, 95):8.1f} {v.max():8.1f}"


def reactions(cell: Cell) -> None:
    """From a fault to the last command that asks for motion, and how far the arm went on."""
    print(
        "from fault to last moving command, ms: median, p95, max; the arm's way after it, rad: max; codes; n"
    )
    faults = {"press_button": (), "disable": (), "collide": (), "freeze": ()}
    for name, arguments in faults.items():
        times, overshoots, codes = [], [], Counter[str]()
        for trial in range(TRIALS):
            cell.ready()
            cell.home()
            motion = cell.cruise(WAY, 2.5, 0.8 + 0.037 * trial)
            at, before = cell.remote.ask(name, *arguments)
            cell.wait(motion.done.is_set, "the end")
            time.sleep(0.3)
            report = cell.report()
            times.append(max(report.ledger.last_moving - at, 0.0))
            overshoots.append(float(np.abs(np.array(report.positions) - before).max()))
            codes[motion.ended.code.name if motion.ended else "none"] += 1
        print(f"  {name:14} {spread(times)}   {max(overshoots):.4f}   {dict(codes)} {TRIALS}", flush=True)


def cancels(cell: Cell) -> None:
    """From a cancel to the first slower and to the last moving command."""
    first, rest, overshoots = [], [], []
    for trial in range(TRIALS):
        cell.ready()
        cell.home()
        motion = cell.cruise(WAY, 2.5, 0.8 + 0.037 * trial)
        before = np.array(cell.report().positions)
        at = time.monotonic()
        cell.robot.arm.stop("cancelled")
        cell.wait(motion.done.is_set, "the end")
        time.sleep(0.3)
        report = cell.report()
        full = max(abs(c.velocity[0]) for c in report.ledger.commands)
        slower = [
            c.at for c in report.ledger.commands if c.at > at and abs(c.velocity[0]) < full * (1 - 1e-6)
        ]
        first.append(slower[0] - at)
        rest.append(report.ledger.last_moving - at)
        overshoots.append(float(np.abs(np.array(report.positions) - before).max()))
    print("from cancel to a command, ms: median, p95, max; the arm's way after it, rad; n")
    print(f"  first slower   {spread(first)}            {TRIALS}")
    print(f"  last moving    {spread(rest)}   {max(overshoots):.4f}   {TRIALS}", flush=True)


def trajectories(cell: Cell) -> None:
    """Legal and illegal motions at random."""
    rng = np.random.default_rng(0)
    limits = cell.robot._guard.limits
    wrong: list[str] = []
    kinds = Counter[str]()
    errors: list[float] = []
    cell.ready()
    cell.home()
    for index in range(TRAJECTORIES):
        if cell.robot.fault() is not None:
            cell.ready()
        if index % 2:
            kind, outcome = illegal(cell, rng, limits)
            kinds[kind] += 1
            if outcome != kind:
                wrong.append(f"{kind}: {outcome}")
            continue
        goal = legal(cell, rng)
        try:
            motion = cell.go(goal)
        except Refused as refused:
            wrong.append(f"legal: {refused.code.name} {refused}")
            continue
        assert motion.ended is not None
        if motion.ended.code is not Code.SUCCESSFUL:
            wrong.append(f"legal: {motion.ended.code.name} {motion.ended.message}")
        errors.append(float(np.abs(np.array(cell.report().positions) - goal.positions[-1]).max()))
    ledger = cell.report().ledger
    bad = sum(kinds.values())
    print(f"trajectories: {TRAJECTORIES - bad} legal, {bad} illegal: {dict(kinds)}")
    print(f"  judged wrongly: {wrong or 'none'}")
    print(f"  legal ones end {max(errors):.4f} rad from the goal at most")
    shares = f"step {ledger.step:.3f}, speed {ledger.speed:.3f}, acceleration {ledger.acceleration:.3f}"
    print(f"  largest that the robot was asked for, as a share of its limits: {shares}")
    print(f"  first commands off the arm's place by {ledger.jump:.2e} rad at most")
    print(
        f"  refused by the robot: {dict(ledger.refused)}",
        flush=True,
    )


def legal(cell: Cell, rng: np.random.Generator) -> ArmGoal:
    """A motion that stays inside all limits, by a reckoning of its own."""
    start = cell.place
    while True:
        end = NEUTRAL + rng.uniform(-0.4, 0.4, 7)
        samples = [start + s * (end - start) for s in np.linspace(0, 1, 40)]
        tools = np.array([cell.kinematics.forward(q)[0] for q in samples])
        if (tools > BOX.lower).all() and (tools < BOX.upper).all() and all(map(cell.collision.free, samples)):
            break
    way = np.abs(end - start)
    share = rng.uniform(0.3, 0.95)
    by_speed = float((1.5 * way / (share * cell.kinematics.velocity)).max())
    by_acceleration = math.sqrt(float((6 * way / (share * ACCELERATION)).max()))
    times = np.array([0.0, max(by_speed, by_acceleration, 0.2)])
    return ArmGoal(times, np.array([start, end]), np.zeros((2, 7)))


def illegal(cell: Cell, rng: np.random.Generator, limits: ArmLimits) -> tuple[str, str]:
    """A motion that is wrong in one way: that way's code, and what the driver makes of it."""
    start = cell.place
    joint = int(rng.integers(7))
    unit = np.eye(7)[joint] * rng.choice([-1.0, 1.0])
    still = np.zeros((2, 7))
    kinds: list[Callable[[], tuple[Code, ArmGoal]]] = [
        lambda: (
            Code.POSITION_LIMIT,
            ArmGoal(
                np.array([0.0, 20.0]),
                np.array(
                    [start, np.where(unit != 0, np.where(unit > 0, limits.upper, limits.lower) * 1.01, start)]
                ),
                still,
            ),
        ),
        lambda: (
            Code.VELOCITY_LIMIT,
            ArmGoal(
                np.array([0.0, 1.5 * 0.3 / (limits.velocity[joint] * rng.uniform(1.02, 3.0))]),
                np.array([start, start + 0.3 * unit]),
                still,
            ),
        ),
        lambda: (
            Code.ACCELERATION_LIMIT,
            ArmGoal(np.array([0.0, 0.1]), np.array([start, start + 0.04 * unit]), still),
        ),
        lambda: (
            Code.WORKSPACE,
            ArmGoal(
                np.array([0.0, 10.0]), np.array([start, [*(start[:1] + 2.2), -1.78, *NEUTRAL[2:]]]), still
            ),
        ),
        lambda: (
            Code.SELF_COLLISION,
            ArmGoal(np.array([0.0, 10.0]), np.array([start, [0.0, -1.18, 0.0, 3.0, 0.0, 2.5, 3.3]]), still),
        ),
        lambda: (
            Code.START_ELSEWHERE,
            ArmGoal(np.array([0.0, 3.0]), np.array([start + rng.uniform(0.03, 0.3) * unit, NEUTRAL]), still),
        ),
        lambda: (
            Code.NOT_AT_REST,
            ArmGoal(np.array([0.0, 3.0]), np.array([start, start]), np.array([0 * unit, 0.1 * unit])),
        ),
    ]
    malformed: list[tuple[Code, Callable[[], ArmGoal]]] = [
        (Code.INVALID_JOINTS, lambda: make_goal(OPEN, ARM_JOINTS[:6], [Waypoint(0.0, start[:6].tolist())])),
        (
            Code.INVALID_GOAL,
            lambda: make_goal(OPEN, ARM_JOINTS, [Waypoint(t, start.tolist(), [0.0] * 7) for t in (1.0, 1.0)]),
        ),
        (
            Code.INVALID_GOAL,
            lambda: make_goal(OPEN, ARM_JOINTS, [Waypoint(1.0, [*start[:6].tolist(), math.nan], [0.0] * 7)]),
        ),
    ]
    choice = int(rng.integers(len(kinds) + len(malformed)))
    received = cell.report().ledger.last_moving
    try:
        if choice < len(kinds):
            code, goal = kinds[choice]()
        else:
            code, make = malformed[choice - len(kinds)]
            goal = make()
        motion = cell.go(goal)
        outcome = f"moved, {motion.ended}"
    except (Refused, GoalError) as error:
        outcome = Code(error.code).name
    if cell.report().ledger.last_moving != received:
        outcome += " after motion"
    return code.name, outcome


def reboots(cell: Cell) -> None:
    """Master and robot go down and come up again in the middle of a motion."""
    way = np.array([0.4, 0.0, 0.0, 0.1, 0.0, 0.1, 0.3])
    aborted, again, waits = Counter[str](), 0, []
    for _ in range(REBOOTS):
        cell.ready()
        motion = cell.cruise(way, 3.0, 1.0)
        cell.remote.ask("reboot")
        cell.wait(motion.done.is_set, "the end")
        aborted[motion.ended.code.name if motion.ended else "none"] += 1
        began = time.monotonic()
        cell.wait(lambda: getattr(cell.robot.fault(), "code", None) is Code.DISABLED, "the robot's return")
        waits.append(time.monotonic() - began)
        quiet = cell.report().ledger.received == 0
        cell.ready()
        motion = cell.go(cruise(cell.place, way, 1.5))
        again += quiet and motion.ended is not None and motion.ended.code is Code.SUCCESSFUL
    print(
        f"reboots: aborted {dict(aborted)}; quiet until enabled and then a motion done: {again} of {REBOOTS}"
    )
    print(f"  robot seen again after its restart, s: {spread(waits, 1.0)}", flush=True)


def main() -> None:
    """Run the parts that are asked for."""
    parts = {"reactions": reactions, "cancels": cancels, "trajectories": trajectories, "reboots": reboots}
    for name in sys.argv[1:] or parts:
        # A busy machine's stalls are no fault of the robot; only reactions are about watchdogs.
        timeouts = Timeouts() if name == "reactions" else Timeouts(0.5, 0.5)
        with fake_process() as remote:
            cell = Cell(remote, timeouts)
            try:
                parts[name](cell)
            finally:
                cell.robot.close()


if __name__ == "__main__":
    main()
