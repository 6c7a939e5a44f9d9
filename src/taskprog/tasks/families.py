"""The task families by name, each of its usual size."""

from __future__ import annotations

from taskprog.tasks.block_stacking import BlockStacking
from taskprog.tasks.family import Family
from taskprog.tasks.order_fulfilment import OrderFulfilment
from taskprog.tasks.table_cleanup import TableCleanup

USUAL: tuple[Family, ...] = (BlockStacking(), OrderFulfilment(), TableCleanup())
FAMILIES: dict[str, Family] = {family.name: family for family in USUAL}
