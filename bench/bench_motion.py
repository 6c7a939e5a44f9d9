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
from motion_physics import CARRIES, Plan, carry_past_tower
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
NEUTRAL_TOOL = (0.45, 0.16)  # x and y of the tcp where scenes begin: nothing high may stand there
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
        if math.dist(place, NEUTRAL_TOOL) < 0.14:
            continue
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


def planned(kinematics: Kinematics) -> Plan:
    """Paths of ``planning``."""
    planner = PathPlanner(kinematics)
    straights = Straights(LANDING, 0.0, WORKSPACE)

    def plan(
        q: Vector, around: Surroundings, obstacles: list[Obstacle], goal: Vector, yaw: float
    ) -> JointTrajectory:
        return time_optimal(planner.plan(q, goal, top_down(yaw), around, straights, SPEED), kinematics, SPEED)

    return plan


def up_across_down(kinematics: Kinematics) -> Plan:
    """The baseline: a path of the tool, followed by inverse kinematics every centimetre."""

    def plan(
        q: Vector, around: Surroundings, obstacles: list[Obstacle], goal: Vector, yaw: float
    ) -> JointTrajectory:
        start, rotation = kinematics.forward(q)
        height = max(
            transit_height(start, goal, obstacles, HandSize()), min(goal[2] + CLEARANCE, WORKSPACE.z[1])
        )
        path = along(
            kinematics,
            q,
            lambda angle: over(start, goal, angle, height, LANDING),
            rotation,
            top_down(yaw),
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
            trajectory = plan(q, around, move.others, move.goal, move.yaw)
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
    parser.add_argument("--seeds", type=int, default=20, help="scenes of each kind (default 20)")
    parser.add_argument("--page", type=Path, help="where to write the page of results")
    arguments = parser.parse_args()
    rows: list[tuple[str, ...]] = [
        (
            "scene",
            "paths",
            "motions",
            "mean s",
            "of bound",
            "plan ms",
            "95 %",
            "most",
            "hits",
            "failed",
        )
    ]
    for make in (cubes, towers, goods):
        figures = measure(make, arguments.seeds)
        least = float(np.mean(figures["bound"].seconds))
        for name, found in figures.items():
            mean = float(np.mean(found.seconds))
            row = [make.__name__, name, str(len(found.seconds)), f"{mean:.2f}", f"{mean / least:.2f}"]
            if found.planning:
                spent = np.array(found.planning)
                row += [f"{np.median(spent):.0f}", f"{np.percentile(spent, 95):.0f}", f"{spent.max():.0f}"]
                row += [str(found.hits), str(found.failed)]
            rows.append((*row, *[""] * (len(rows[0]) - len(row))))
    kinematics, arm = Kinematics.load(), CollisionModel.load()
    physics: list[tuple[str, ...]] = [
        ("paths", "carries", "arrived", "s a pick and place", "tower cubes moved")
    ]
    for name, plan in (("up, across, down", up_across_down(kinematics)), ("planned", planned(kinematics))):
        carries = carry_past_tower(plan, kinematics, arm, max(1, arguments.seeds // 4))
        n = len(carries.seconds)
        physics.append(
            (name, str(n), str(carries.done), f"{np.mean(carries.seconds):.2f}", str(carries.moved))
        )
    for title, cells in (("motions", rows), ("in the physics", physics)):
        table = Table(title=title)
        for column in cells[0]:
            table.add_column(column)
        for line in cells[1:]:
            table.add_row(*line)
        Console(width=140).print(table)
    if arguments.page:
        arguments.page.write_text(page(rows, physics, arguments.seeds), encoding="utf-8")


def page(rows: list[tuple[str, ...]], physics: list[tuple[str, ...]], seeds: int) -> str:
    """The page of results, Markdown."""
    return f"""# Motion

Written by `python bench/bench_motion.py --seeds {seeds} --page docs/results/motion.md`.

Motions of pick and place at {SPEED:g} of the limits of speed and acceleration.

- *Up, across, down* is what came before: as high as what is near its line, then {CLEARANCE * 100:g} cm of
  straight descent at least. *Planned* is `control/planning.py`. Both land: the last
  {LANDING.distance * 100:g} cm at {LANDING.speed * 100:g} cm/s at most, 0.3 s and more of each motion.
- The *bound* is the time that the slowest joint needs for the same change of configuration, from rest to
  rest, without obstacles, straight pieces and slow landings.
- *plan ms*: median processor time of one core, with everything in it: collision models, inverse kinematics,
  search and time-optimal trajectory; then the 95th percentile and the most.
- *Hits* are motions on which the hand would touch something by more than its tolerance of 5 mm, or the arm
  come nearer than 3 mm to it. *Failed*: no way found. A mean is over the motions that both planned.

{seeds} seeded scenes each: eight cubes; towers of eight and four between six cubes; twenty goods between four
containers. In each, three things are taken, each to the top of another cube or into a container.

{_markdown(rows)}

In PyBullet, by contact: a cube is carried past a tower of seven and back, {CARRIES} carries a scene, with the
gripper's time.

{_markdown(physics)}
"""


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


if __name__ == "__main__":
    main()
