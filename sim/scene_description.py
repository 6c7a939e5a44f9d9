"""What stands on the simulated table and where: scenes by name and seed, without any physics yet."""

from __future__ import annotations

from dataclasses import dataclass

from taskprog.tasks.block_stacking import CUBE_COUNT, Layout, random_layout
from taskprog.tasks.goods import CONTAINER_NAMES, GOOD_NAMES
from taskprog.tasks.table_top import CUBE_NAMES
from taskprog_sim.goods import Quaternion, Vector, yaw_quaternion

BLOCK_STACKING, ORDER_FULFILMENT = "block_stacking", "order_fulfilment"
SCENES = (BLOCK_STACKING, ORDER_FULFILMENT)


@dataclass(frozen=True)
class Thing:
    """A body and where it starts.

    Attributes:
        name: of this one body: "red", "duck_3", "container_2".
        position: of its centre, metres, frame ``base``.
        quaternion: x y z w.
    """

    name: str
    position: Vector
    quaternion: Quaternion

    @property
    def kind(self) -> str:
        """What it is an example of: "red", "duck", "container_2"."""
        return kind_of(self.name)

    @property
    def movable(self) -> bool:
        """Whether the robot may take it."""
        return self.name not in CONTAINER_NAMES


@dataclass(frozen=True)
class SceneDescription:
    """All that stands on the table at the start.

    Attributes:
        family: of the tasks that can be done here, one of ``SCENES``.
        things: objects first, then containers; no two have one name.
    """

    family: str
    things: tuple[Thing, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all things, in order."""
        return tuple(thing.name for thing in self.things)

    @property
    def objects(self) -> int:
        """How many things can be taken."""
        return sum(thing.movable for thing in self.things)


def kind_of(name: str) -> str:
    """The kind of the thing with this name: "duck" of "duck_3"; cubes and containers are their own kind."""
    category = name.rpartition("_")[0]
    return category if category in GOOD_NAMES else name


def stacking_scene(layout: Layout) -> SceneDescription:
    """The eight cubes where ``layout`` puts them."""
    places = zip(CUBE_NAMES, layout.positions.tolist(), layout.yaws.tolist(), strict=True)
    return SceneDescription(
        BLOCK_STACKING, tuple(Thing(name, (x, y, z), yaw_quaternion(yaw)) for name, (x, y, z), yaw in places)
    )


def random_stacking_scene(seed: int, objects: int = 0) -> SceneDescription:
    """The cubes at the random places of a seed.

    Raises:
        ValueError: there are not so many cubes.
    """
    if objects not in (0, CUBE_COUNT):
        raise ValueError(f"scene {BLOCK_STACKING!r} has {CUBE_COUNT} objects, not {objects}")
    return stacking_scene(random_layout(seed))
