"""The task families by name, each of its usual size."""

from __future__ import annotations

from taskprog.tasks.block_stacking import BlockStacking
from taskprog.tasks.family import Family

FAMILIES: dict[str, Family] = {family.name: family for family in (BlockStacking(),)}
