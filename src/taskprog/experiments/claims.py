"""What the paper says of its models in words, and how ours compare.

Xu et al. (2017), section IV. Its curves are only there as pictures: no points are read off them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SEEN = 0.85  # "around 85%", all models but Flat
ORDERS = 0.90  # "over 90%", NTP
FLAT_ORDERS = ((4, 0.40), (40, 0.25))  # flat models, "from around 40% to around 25%"
ALIKE = 0.05  # the paper's words are no nearer than that


@dataclass(frozen=True)
class Claim:
    """A rate that the paper tells of.

    Attributes:
        where: values of a row's labels that it is about, each one of several.
        rate: from 0 to 1; measure: the name of ours among a row's figures.
    """

    where: dict[str, tuple[str | int, ...]]
    rate: float
    measure: str = "rate"


_CLAIMS = {
    "fig5": (
        Claim({"test": ("seen",), "model": ("NTP", "NTP (no scope)", "NTP (GRU)", "Flat (GRU)")}, SEEN),
        Claim({"test": ("unseen",), "tasks": (1000,), "model": ("NTP", "NTP (GRU)")}, SEEN),
        Claim({"test": ("unseen",), "model": ("Flat", "Flat (GRU)")}, 0.0),
    ),
    "fig6": (
        Claim({"model": ("NTP",)}, ORDERS, "met"),
        *(
            Claim({"model": ("Flat", "Flat (GRU)"), "objects": (objects,)}, rate, "met")
            for objects, rate in FLAT_ORDERS
        ),
    ),
}


def compared(figure: str, rows: Sequence[dict[str, Any]], across: str) -> dict[str, list[str]]:
    """The rows of a figure that the paper tells of, in words, by how they compare: better, alike or worse.

    Args:
        across: the label whose values are a table's columns.
    """
    found: dict[str, list[str]] = {}
    for claim in _CLAIMS.get(figure, ()):
        for row in rows:
            if any(row[name] not in values for name, values in claim.where.items()):
                continue
            ours = row[claim.measure]
            verdict = (
                "better" if ours > claim.rate + ALIKE else "worse" if ours < claim.rate - ALIKE else "alike"
            )
            test = f"{row['test']}, " if "test" in row else ""
            what = f"{row['model']}, {test}{row[across]} {across}: {ours:.0%} against about {claim.rate:.0%}"
            found.setdefault(verdict, []).append(what)
    return found
