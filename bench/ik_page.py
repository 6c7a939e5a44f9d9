"""The page of ``bench_ik.py``'s results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

INTRODUCTION = """\
# Inverse kinematics

All solvers on the same poses, one after the other in one process of one run, each from its usual start and
without knowledge of the pose before. A pose counts as solved when the tool is at most 0.1 mm and 0.01°
away and every joint is inside its limits; in the column beside, at most 1 mm and 0.5°. Times are
processor time a pose of all the solver's threads, poses that are not solved included; in the last column
wall time, which other work on the same cores makes longer.

- **any orientation**: poses that configurations drawn evenly inside the joint limits reach.
- **top-down over the table**: the tool points down, at any yaw, x 0.24 to 1.00 m, |y| up to 0.62 m, 3 to
  40 cm above the table. Of {drawn} poses drawn, {refused} are left out: neither our solver nor TRAC-IK
  (50 ms) nor CLIK with 50 random restarts reaches them, and none is nearer than {rim:.2f} m to the base's
  axis.

{table}

Published for TRAC-IK on another machine (its README, version 1.4.6; 10,000 reachable poses, 1e-5, at most
5 ms; wall time): Baxter's arm 99.62 %, 0.43 ms; the other seven-joint arms 99.56 to 100 %, 0.23 to 0.46 ms.
Sawyer is not in that table.

How the others are set: TRAC-IK (pytracik 0.0.3) as for its table; its limit is wall time, which other work
takes a share of, so it is also given ten times as much. CLIK as in Pinocchio's documentation, which knows
no limits; and with whole damped steps, joints held inside their limits, and up to 20 random restarts.
PyBullet in one call of 1000 iterations; and its best setting that we found, ten calls of 100 with the
joints put back inside their limits between them, and up to 20 random restarts. All of these begin at the
neutral posture, TRAC-IK in the middle of the limits.

## Other figures

- Free of collision with the table and the arm itself, asked through `accept`: {free} of {free_n} top-down
  poses, {free_mean:.2f} ms mean, {free_p99:.1f} ms at the 99th percentile, the collision tests included.
  For the rest, none of the postures that the search finds is free.
- Giving up a pose, measured on the {refused} that were left out: {given_mean:.0f} ms mean, {given_max:.0f} ms
  at most. The search ends after 258 descents, and 8 more without limits, of at most 20 steps each.
- The first pose that needs the table of seeds: {first:.0f} ms, to make it; once a process.
- Along straight tool paths with a pose each centimetre ({poses} poses):

{paths}

```
{command}
```
"""


def write_page(figures: dict[str, Any], path: Path) -> None:
    """Write the page, Markdown.

    Raises:
        OSError: it cannot be written.
    """
    free, given_up = figures["free_of_collision"], figures["given_up"]
    path.write_text(
        INTRODUCTION.format(
            drawn=f"{given_up['drawn']:,}",
            refused=f"{given_up['n']:,}",
            rim=given_up["nearest_radius"],
            table=_solvers(figures["rows"]),
            free=f"{free['strict']:,}",
            free_n=f"{free['n']:,}",
            free_mean=free["mean_ms"],
            free_p99=free["p99_ms"],
            given_mean=given_up["mean_ms"],
            given_max=given_up["max_ms"],
            first=figures["first_call_ms"],
            poses=f"{figures['paths'][0]['poses']:,}",
            paths=_paths(figures["paths"]),
            command=figures["command"],
        ),
        encoding="utf-8",
    )


def _solvers(rows: list[dict[str, Any]]) -> str:
    header = ("poses", "solver", "n", "solved", "at 1 mm, 0.5°", "mean ms", "median", "99th p.", "wall mean")
    lines = [_line(header), _line(["---"] * len(header))]
    for row in rows:
        shares = (f"{100 * row[key] / row['n']:.2f} %" for key in ("strict", "loose"))
        times = (f"{row[key]:.3g}" for key in ("mean_ms", "median_ms", "p99_ms", "mean_wall_ms"))
        lines.append(_line([row["poses"], row["solver"], f"{row['n']:,}", *shares, *times]))
    return "\n".join(lines)


def _paths(rows: list[dict[str, Any]]) -> str:
    header = ("by", "poses a CPU second", "largest step of a joint", "paths given up")
    lines = [_line(header), _line(["---"] * len(header))]
    for row in rows:
        given_up = f"{row['given_up']} of {row['paths']}"
        rate, step = f"{row['poses_per_second']:,.0f}", f"{row['largest_step_rad']:.3f} rad"
        lines.append(_line([row["name"], rate, step, given_up]))
    return "\n".join(lines)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"
