"""The model card of a detector: what it is for, how it was made, what it cannot do."""

from __future__ import annotations

import textwrap
from pathlib import Path

from taskprog.files import written_whole
from taskprog.tasks.goods import CONTAINER_NAMES, GOOD_NAMES
from taskprog.vision.checkpoint import FORMAT, Rounds
from taskprog.vision.network import GoodsNetwork

CARD = "MODEL_CARD.md"
WIDTH = 110


def write_card(folder: Path, network: GoodsNetwork, rounds: Rounds) -> None:
    """Write ``MODEL_CARD.md`` into a detector's folder; for ``rounds`` see ``checkpoint.save_network``."""
    parameters = sum(p.numel() for p in network.parameters())
    purpose = (
        f"Finds {', '.join(GOOD_NAMES)} and {', '.join(CONTAINER_NAMES)} in images of the table, of colour "
        "and, if there is any, depth: for each cell of 4x4 pixels of a 640x480 image a class, the place of "
        "its thing's middle, yaw and size, and whether the next cells are of the same. "
        "docs/results/detector.md has figures on unseen images."
    )
    views = sum(one["views"] for one in rounds)
    usual = sum(one["views"] // one["looks"] * one.get("usual", 0) for one in rounds)
    simulated = f", but {usual} of them with the simulator's own" if usual else ""
    scenes = sum(one["views"] // one["looks"] for one in rounds)
    steps = ", then ".join(f"{one['steps']} steps of {one['batch']} images" for one in rounds)
    spent = ", ".join(f"{one['seconds']:.0f} s on {one['device']}" for one in rounds)
    made = [
        f"Data: {views} images of {scenes} random scenes in PyBullet, rendered with random light, colours, "
        f"camera, room and table{simulated}, the arm in random poses or a hand before them; half of them at "
        "half the resolution; mirrored, and spoiled by blur, noise, exposure and compression while training, "
        "depth by noise and holes, or left out. No other images, no weights of others.",
        f"{parameters} parameters; {steps}; {spent}, "
        "besides rendering. Repeatable on one machine with the same number of threads, on a processor.",
    ]
    older = sum(one.get("format") != FORMAT for one in rounds)
    if older:
        made.append(
            f"The first {older} of these commands were run before the network said which neighbours show one "
            "thing; its weights for that were learnt in the rest."
        )
    limits = [
        "It knows the goods of pybullet_data and containers of four colours, seen from a few centimetres and "
        "degrees around the simulator's camera; it never saw a real image.",
        "Goods of less than about 10 pixels in its input of 640x480 are not found.",
        "Containers are told apart by colour alone.",
    ]
    commands = [
        f"taskprog detector train --seed {one['seed']} --views {one['views']} --looks {one['looks']} "
        f"--usual {one.get('usual', 0)} --steps {one['steps']} --batch {one['batch']} --rate {one['rate']:g} "
        f"--device {one['device']} --threads {one.get('threads', 1)} --output out/{i}"
        + (f" --start out/{i - 1}" if i else "")
        for i, one in enumerate(rounds)
    ]
    text = [
        "# Detector of goods and containers",
        "",
        *textwrap.wrap(purpose, WIDTH),
        "",
        "## How it was made",
        "```",
        *commands,
        "```",
        *_bullets(made),
        "",
        "## Limits",
        *_bullets(limits),
    ]
    with written_whole(folder / CARD) as partial:
        partial.write_text("\n".join(text) + "\n", encoding="utf-8")


def _bullets(texts: list[str]) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    ]
