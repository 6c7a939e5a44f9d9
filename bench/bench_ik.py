"""Inverse kinematics against PyBullet's, plain Pinocchio's and TRAC-IK's, on the same poses in the same run.

The method is that of TRAC-IK's published table: poses that random configurations inside the limits reach.
A second set are poses of a tool that points down over the table. Times are processor time, of all threads.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ik_page import write_page
from ik_solvers import LOOSE, STRICT, Bullet, Clik, Judge, Pose, Solver, own, trac_ik
from rich.console import Console
from rich.table import Table

from taskprog.control.collision import CollisionModel, table
from taskprog.control.errors import MotionError
from taskprog.control.kinematics import Kinematics, top_down
from taskprog.resources import share_dir
from taskprog.tasks.table_top import TABLE_HEIGHT

URDF = share_dir() / "models" / "sawyer" / "sawyer.urdf"
OVER_TABLE = ((0.24, -0.62, TABLE_HEIGHT + 0.03), (1.00, 0.62, TABLE_HEIGHT + 0.40))
ORACLE_RESTARTS = 50  # of plain CLIK, for a pose that the arm's own solver gives up
PATHS, PATH_LENGTH, SPACING = 200, 0.4, 0.01


def random_poses(kinematics: Kinematics, n: int) -> list[Pose]:
    """Poses of configurations that are drawn evenly inside the limits."""
    rng = np.random.default_rng(2015)
    return [Pose.of(*kinematics.forward(rng.uniform(kinematics.lower, kinematics.upper))) for _ in range(n)]


def over_the_table(n: int, solvers: Sequence[Solver], judge: Judge) -> tuple[list[Pose], list[Pose]]:
    """``n`` top-down poses that one of ``solvers`` reaches, and those drawn that none of them does."""
    rng = np.random.default_rng(2016)
    reachable: list[Pose] = []
    refused: list[Pose] = []
    while len(reachable) < n:
        pose = Pose.of(rng.uniform(*OVER_TABLE), top_down(rng.uniform(-math.pi, math.pi)))
        reached = any(judge.passes(solve(pose), pose, STRICT) for solve in solvers)
        (reachable if reached else refused).append(pose)
    return reachable, refused


def measure(solve: Solver, poses: Sequence[Pose], judge: Judge) -> dict[str, Any]:
    """Success and times of a solver on poses."""
    strict = loose = 0
    cpu, wall = [], []
    for pose in poses:
        begin, begin_wall = time.process_time(), time.perf_counter()
        q = solve(pose)
        cpu.append(time.process_time() - begin)
        wall.append(time.perf_counter() - begin_wall)
        strict += judge.passes(q, pose, STRICT)
        loose += judge.passes(q, pose, LOOSE)
    milliseconds = 1e3 * np.array(cpu)
    return {
        "n": len(poses),
        "strict": strict,
        "loose": loose,
        "mean_ms": float(milliseconds.mean()),
        "median_ms": float(np.median(milliseconds)),
        "p99_ms": float(np.percentile(milliseconds, 99)),
        "max_ms": float(milliseconds.max()),
        "mean_wall_ms": 1e3 * float(np.mean(wall)),
    }


def follow(kinematics: Kinematics) -> list[dict[str, Any]]:
    """Poses a second along straight tool paths, by ``track`` and by ``inverse`` from the last solution."""
    rows = []
    for name in ("track", "inverse from the last pose's solution"):
        rng = np.random.default_rng(7)
        seconds, poses, farthest, given_up = 0.0, 0, 0.0, 0
        for _ in range(PATHS):
            start = rng.uniform((0.40, -0.40, TABLE_HEIGHT + 0.03), (0.75, 0.40, TABLE_HEIGHT + 0.35))
            end = rng.uniform((0.40, -0.40, TABLE_HEIGHT + 0.03), (0.75, 0.40, TABLE_HEIGHT + 0.35))
            end = start + (end - start) * min(1.0, PATH_LENGTH / float(np.linalg.norm(end - start)))
            rotation = top_down(rng.uniform(-math.pi / 2, math.pi / 2))
            q = kinematics.inverse(start, rotation)
            count = math.ceil(float(np.linalg.norm(end - start)) / SPACING)
            points = [start + (end - start) * share for share in np.linspace(0.0, 1.0, count + 1)[1:]]
            step = kinematics.track if name == "track" else kinematics.inverse
            begin = time.process_time()
            path = [q]
            try:
                for point in points:
                    path.append(step(point, rotation, path[-1]))
            except MotionError:
                given_up += 1
            seconds += time.process_time() - begin
            poses += len(path) - 1
            farthest = max(farthest, float(np.abs(np.diff(path, axis=0)).max()))
        rows.append(
            {
                "name": name,
                "paths": PATHS,
                "given_up": given_up,
                "poses": poses,
                "poses_per_second": poses / seconds,
                "largest_step_rad": farthest,
            }
        )
    return rows


def run(n: int, slow: int, console: Console) -> dict[str, Any]:
    """All figures; ``slow`` is the number of poses for PyBullet with restarts."""
    kinematics = Kinematics.load()
    judge = Judge(kinematics)
    mine, clik, bullet = own(kinematics), Clik(URDF, judge), Bullet(URDF, judge)
    patient = trac_ik(URDF, 0.05)
    begin = time.process_time()
    mine(random_poses(kinematics, 1)[0])
    first_ms = 1e3 * (time.process_time() - begin)
    solvers: dict[str, tuple[Solver, int]] = {
        "ours": (mine, n),
        "TRAC-IK, 5 ms": (trac_ik(URDF, 0.005), n),
        "TRAC-IK, 50 ms": (patient, n),
        "Pinocchio CLIK, its example": (clik.example, n),
        "Pinocchio CLIK, limits, 20 restarts": (clik.restarting(20), n),
        "PyBullet, one call": (bullet.one_call, n),
        "PyBullet, limits, 20 restarts": (bullet.restarting, min(n, slow)),
    }
    reachable, refused = over_the_table(n, [mine, patient, clik.restarting(ORACLE_RESTARTS)], judge)
    sets = {"any orientation": random_poses(kinematics, n), "top-down over the table": reachable}
    rows = []
    for name, poses in sets.items():
        for solver, (solve, count) in solvers.items():
            rows.append({"poses": name, "solver": solver, **measure(solve, poses[:count], judge)})
            console.print(f"{name}, {solver}: {rows[-1]['strict']} of {rows[-1]['n']}")
    free = CollisionModel.load().among([table()])
    rim = min((math.hypot(*pose.position[:2]) for pose in refused), default=math.inf)
    given_up = {"drawn": len(reachable) + len(refused), "nearest_radius": rim}
    return {
        "rows": rows,
        "free_of_collision": measure(own(kinematics, free.free), reachable, judge),
        "given_up": given_up | measure(mine, refused, judge),
        "first_call_ms": first_ms,
        "paths": follow(kinematics),
    }


def main() -> None:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", type=int, default=500, help="of each set (500)")
    parser.add_argument("--slow", type=int, default=1000, help="of them for PyBullet with restarts (1000)")
    parser.add_argument("--output", type=Path, help="folder for ik.json and ik.md")
    arguments = parser.parse_args()
    console = Console()
    figures = run(arguments.poses, arguments.slow, console)
    grid = Table(title="inverse kinematics: processor time a pose")
    for column in ("poses", "solver", "n", "solved %", "mean ms", "median ms", "99th percentile ms"):
        grid.add_column(column)
    for row in figures["rows"]:
        cells = (f"{row[key]:.3f}" for key in ("mean_ms", "median_ms", "p99_ms"))
        share = f"{100 * row['strict'] / row['n']:.2f}"
        grid.add_row(row["poses"], row["solver"], str(row["n"]), share, *cells)
    console.print(grid)
    for row in figures["paths"]:
        console.print(f"{row['name']}: {row['poses_per_second']:.0f} poses a CPU second along straight paths")
    if arguments.output:
        figures["command"] = (
            f"python bench/bench_ik.py --poses {arguments.poses} --slow {arguments.slow} "
            f"--output {arguments.output}"
        )
        text = json.dumps(figures, indent=1) + "\n"
        (arguments.output / "ik.json").write_text(text, encoding="utf-8")
        write_page(figures, arguments.output / "ik.md")


if __name__ == "__main__":
    main()
