"""Model cards of policies: their layout."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskprog.machine import Library, OpKind

CARD = "MODEL_CARD.md"
WIDTH = 110


@dataclass(frozen=True)
class Card:
    """What a card says: a title, what the policy is for, the command that makes it, and lists of facts."""

    title: str
    purpose: str
    command: str
    made: Sequence[str]
    figures: Sequence[str]
    limits: Sequence[str]

    def write(self, folder: Path) -> None:
        """Write ``MODEL_CARD.md`` into a policy's folder."""
        text = [
            f"# {self.title}",
            "",
            *textwrap.wrap(self.purpose, WIDTH),
            "",
            "## How it was made",
            "```",
            *textwrap.wrap(self.command, WIDTH),
            "```",
            *_bullets(self.made),
            "",
            "## Figures",
            *_bullets(self.figures),
            "",
            "## Limits",
            *_bullets(self.limits),
        ]
        (folder / CARD).write_text("\n".join(text) + "\n", encoding="utf-8")


def programs(library: Library) -> str:
    """What each program of a library may call: "a: b; b: c, d"."""
    return "; ".join(
        f"{op.name}: {', '.join(op.callees)}" for op in library.values() if op.kind is OpKind.PROGRAM
    )


def _bullets(texts: Sequence[str]) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(text, WIDTH, initial_indent="- ", subsequent_indent="  ")
    ]
