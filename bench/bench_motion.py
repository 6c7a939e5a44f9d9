"""Pick and place: seconds of motion and of planning, against up-across-down and against what no path beats.

Seeded scenes without physics: cubes apart, towers of up to eight, and goods between four containers. Each
round moves from the last place to a thing, and with it to its new place. Compared are the paths of
``planning`` and of the baseline, which goes up, across at a height above everything between start and goal,
and down. The bound is the fastest straight motion in joint space that ignores everything.

``--page PATH`` also writes the page of results.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from up_across_down import HandSize, over, transit_height

from taskprog.control.cartesian import Landing, along
from taskprog.control.clearance import Obstacle, Shape
from taskprog.control.collision import CollisionModel
from taskprog.control.errors import MotionError
from taskprog.control.kinematics import Kinematics, top_down
from taskprog.control.planning import PathPlanner, Straights
from taskprog.control.robot import GRIPPER_OPEN_WIDTH, NEUTRAL, JointTrajectory
from taskprog.control.surroundings import Surroundings
from taskprog.control.trajectory import time_optimal
from taskprog.tasks.goods import CONTAINER_NAMES, CONTAINER_SIZE, GOODS
from taskprog.tasks.table_top import CUBE_SIZE, TABLE_HEIGHT, WORKSPACE

Vector = NDArray[np.float64]

SPEED = 0.7
LANDING = Landing(0.03, 0.10)
CLEARANCE = 0.08  # metres above a target to come down from, in the baseline
CONTACT = 0.004  # metres into something that count as a collision: models and grasps are not exact
CONTAINER_PLACES = ((0.42, 0.42), (0.68, 0.42), (0.42, -0.42), (0.68, -0.42))


@dataclass(frozen=True)
class Move:
    """One motion.

    Attributes:
        held: what is carried, if anything.
        others: what stands around.
        goal, yaw: (3,) of the tcp, and the tool's yaw.
        symmetry: radians by which the tool may as well be turned further.
    """

    held: Obstacle | None
    others: list[Obstacle]
    goal: Vector
    yaw: float
    symmetry: float


@dataclass
class Figures:
    """Of one way to plan in one kind of scene.

    Attributes:
        seconds: of motion.
        planning: milliseconds of processor time.
        hits: motions that would touch something on their way.
        failed: motions for which no path was found.
    """

    seconds: list[float] = field(default_factory=list)
    planning: list[float] = field(default_factory=list)
    hits: int = 0
    failed: int = 0


def cubes(rng: np.random.Generator) -> list[list[Move]]:
    """Eight cubes apart; three go onto others."""
    return _stacking(_scatter(rng, 8, CUBE_SIZE, 0.10), rng)


def towers(rng: np.random.Generator) -> list[list[Move]]:
    """A tower of eight and one of four between loose cubes, three of which go onto others."""
    loose = _scatter(rng, 8, CUBE_SIZE, 0.10)
    high, low = loose.pop(), loose.pop()
    for base, levels in ((high, 8), (low, 4)):
        for level in range(levels):
            lean = np.array([*rng.normal(0.0, 0.003, 2), level * CUBE_SIZE])
            loose.append(replace(base, centre=base.centre + lean, name=f"{base.name} level {level}"))
    return _stacking(loose, rng, movable=6)


def goods(rng: np.random.Generator) -> list[list[Move]]:
    """Twenty goods between four containers; three go into one each."""
    things = []
    for k, thing in enumerate(_scatter(rng, 20, 0.05, 0.075, (0.40, 0.76), (-0.24, 0.24))):
        good = GOODS[k % len(GOODS)]
        size = np.array(good.rests[0].extent)
        centre = np.array([*thing.centre[:2], TABLE_HEIGHT + size[2] / 2])
        things.append(replace(thing, centre=centre, size=size, name=f"{good.name} {k}"))
    containers = [
        Obstacle(
            np.array([x, y, TABLE_HEIGHT + CONTAINER_SIZE[2] / 2]),
            np.array(CONTAINER_SIZE),
            name=name,
            yaw=float(rng.uniform(-0.15, 0.15)),
            shape=Shape.CONTAINER,
        )
        for name, (x, y) in zip(CONTAINER_NAMES, CONTAINER_PLACES, strict=True)
    ]
    rounds = []
    for index in range(3):
        thing, container = things[index], containers[int(rng.integers(4))]
        others = [o for o in (*things, *containers) if o is not thing]
        # Pads across the narrower side.
        yaw = math.remainder(
            (thing.yaw or 0.0) + (math.pi / 2 if thing.size[0] < thing.size[1] else 0.0), math.pi
        )
        height = max(float(thing.centre[2]), TABLE_HEIGHT + 0.02)
        pick = Move(None, [*others, thing], np.array([*thing.centre[:2], height]), yaw, math.pi)
        drop = container.centre + [*rng.uniform(-0.03, 0.03, 2), 0.03]
        rounds.append([pick, Move(thing, others, drop, yaw, math.pi)])
    return rounds


def _stacking(things: list[Obstacle], rng: np.random.Generator, movable: int = 8) -> list[list[Move]]:
    picks = rng.permutation(movable)[:6]
    rounds = []
    for thing, base in ((things[a], things[b]) for a, b in zip(picks[:3], picks[3:], strict=True)):
        yaw = math.remainder(thing.yaw or 0.0, math.pi / 2)
        others = [o for o in things if o is not thing]
        down = math.remainder(base.yaw or 0.0, math.pi / 2)
        top = base.centre + [0.0, 0.0, CUBE_SIZE + 0.002]
        rounds.append(
            [Move(None, things, thing.centre, yaw, math.pi / 2), Move(thing, others, top, down, math.pi / 2)]
        )
    return rounds


def _scatter(
    rng: np.random.Generator,
    n: int,
    size: float,
    apart: float,
    x: tuple[float, float] = (0.45, 0.75),
    y: tuple[float, float] = (-0.34, 0.34),
) -> list[Obstacle]:
    """``n`` cubes whose centres are at least ``apart`` metres apart."""
    places: list[Vector] = []
    while len(places) < n:
        place = np.array([rng.uniform(*x), rng.uniform(*y)])
        if all(np.linalg.norm(place - other) >= apart for other in places):
            places.append(place)
    return [
        Obstacle(
            np.array([*place, TABLE_HEIGHT + size / 2]),
            np.full(3, size),
            name=f"cube {k}",
            yaw=float(rng.uniform(-math.pi, math.pi)),
        )
        for k, place in enumerate(places)
    ]


Plan = Callable[[Vector, Move, Surroundings], JointTrajectory]


def planned(kinematics: Kinematics) -> Plan:
    """Paths of ``planning``."""
    planner = PathPlanner(kinematics)

    def plan(q: Vector, move: Move, around: Surroundings) -> JointTrajectory:
        straights = Straights(LANDING, 0.0, WORKSPACE)
        path = planner.plan(q, move.goal, top_down(move.yaw), around, straights, SPEED)
        return time_optimal(path, kinematics, SPEED)

    return plan


def up_across_down(kinematics: Kinematics) -> Plan:
    """The baseline: a path of the tool, followed by inverse kinematics every centimetre."""

    def plan(q: Vector, move: Move, around: Surroundings) -> JointTrajectory:
        start, rotation = kinematics.forward(q)
        height = max(
            transit_height(start, move.goal, move.others, HandSize()),
            min(move.goal[2] + CLEARANCE, WORKSPACE.z[1]),
        )
        path = along(
            kinematics,
            q,
            lambda angle: over(start, move.goal, angle, height, LANDING),
            rotation,
            top_down(move.yaw),
        )
        return time_optimal(path, kinematics, SPEED)

    return plan


def bound(kinematics: Kinematics, start: Vector, end: Vector) -> float:
    """Seconds that the slowest joint needs at least, from rest to rest, the others ignored."""
    way = np.abs(end - start)
    velocity, acceleration = SPEED * kinematics.velocity, SPEED * kinematics.acceleration
    cruising = way / velocity + velocity / acceleration
    return float(np.where(way > velocity**2 / acceleration, cruising, 2 * np.sqrt(way / acceleration)).max())


def measure(make: Callable[[np.random.Generator], list[list[Move]]], seeds: int) -> dict[str, Figures]:
    """Run all ways to plan in the same scenes."""
    kinematics, arm = Kinematics.load(), CollisionModel.load()
    plans = {"up, across, down": up_across_down(kinematics), "planned": planned(kinematics)}
    figures = {name: Figures() for name in (*plans, "bound")}
    for seed in range(seeds):
        q = NEUTRAL
        for moves in make(np.random.default_rng(seed)):
            for move in moves:
                q = _one(kinematics, arm, plans, figures, q, move)
    return figures


def _turned_least(kinematics: Kinematics, q: Vector, move: Move) -> Move:
    """The same with the one of the alike yaws that the wrist reaches with the shortest turn."""
    yaws = [move.yaw + k * move.symmetry for k in range(round(2 * math.pi / move.symmetry))]
    ends = [kinematics.inverse(move.goal, top_down(yaw)) for yaw in yaws]
    return replace(move, yaw=yaws[int(np.argmin([abs(end[6] - q[6]) for end in ends]))])


def _one(
    kinematics: Kinematics,
    arm: CollisionModel,
    plans: dict[str, Plan],
    figures: dict[str, Figures],
    q: Vector,
    move: Move,
) -> Vector:
    """Plan one motion in every way; the configuration that it ends in."""
    move = _turned_least(kinematics, q, move)
    width = GRIPPER_OPEN_WIDTH if move.held is None else float(min(move.held.size[:2]))
    start, _ = kinematics.forward(q)
    held = move.held and replace(move.held, centre=start + (move.held.centre - start) * [0.0, 0.0, 1.0])
    final, times = kinematics.inverse(move.goal, top_down(move.yaw)), {}
    spent = {}
    for name, plan in plans.items():
        began = time.process_time()
        around = Surroundings(arm, kinematics, q, move.others, held, held is not None, width)
        try:
            trajectory = plan(q, move, around)
        except MotionError as error:
            figures[name].failed += 1
            print(f"{name}: {error}")
            continue
        spent[name] = (time.process_time() - began) * 1e3
        times[name] = trajectory.duration
        allowed = around.near.contacts(q) | around.between_fingers(move.goal)
        try:
            around.check(around.near, trajectory.positions, allowed)
        except MotionError:
            figures[name].hits += 1
        if name == "planned":
            final = trajectory.positions[-1]
    if len(times) == len(plans):  # only what all of them managed is compared
        for name in plans:
            figures[name].seconds.append(times[name])
            figures[name].planning.append(spent[name])
        figures["bound"].seconds.append(bound(kinematics, q, final))
    return final


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    rows = []
    for make in (cubes, towers, goods):
        figures = measure(make, arguments.seeds)
        least = float(np.mean(figures["bound"].seconds))
        for name, found in figures.items():
            mean = float(np.mean(found.seconds))
            row = [make.__name__, name, str(len(found.seconds)), f"{mean:.2f}", f"{mean / least:.2f}"]
            if found.planning:
                milliseconds = np.array(found.planning)
                row += [f"{np.median(milliseconds):.0f}", f"{np.percentile(milliseconds, 95):.0f}"]
                row += [f"{milliseconds.max():.0f}", str(found.hits), str(found.failed)]
            else:
                row += [""] * 5
            rows.append(row)
    table = Table(title=f"one motion, mean of {arguments.seeds} scenes with 6 motions each")
    columns = ("scene", "paths", "motions", "s", "bounds", "ms median", "95 %", "most", "hits", "failed")
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
