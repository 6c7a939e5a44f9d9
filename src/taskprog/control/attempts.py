"""How often, and in which ways, the hand went for a thing in vain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from taskprog.control.errors import Blocked
from taskprog.control.grasp import Grasp
from taskprog.machine.domain import OutcomeCode

SAME_PLACE = 0.03  # metres: a thing that has not gone farther is where it was tried
TRIES = 5  # of a thing at one place before it is given up
NEIGHBOURS = 0.12  # metres: what is taken from so near may have been in the way
SAME_TURN = math.radians(20.0)  # yaws of the tool that differ by less are the same way,
SAME_SHIFT = 0.012  # so are places along a thing, metres
# A turn of the tool by so much makes no other way, radians: the pads close on the same after half a turn. An
# arm that would hit something may not, turned around; a place that is out of reach is so however it turns.
_HALF, _WHOLE, _ANY = math.pi, 2 * math.pi, math.radians(1e-3)
_PLACES = frozenset({OutcomeCode.OUTSIDE_WORKSPACE, OutcomeCode.UNREACHABLE})


class GivenUp(Blocked):
    """A thing could not be taken, or dropped, in several ways; ``code`` is why it was not the last time."""

    def __init__(self, text: str, code: OutcomeCode):
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class _Try:
    """A way that failed, and the turn that makes no other way of it."""

    way: Grasp
    period: float


@dataclass
class _Record:
    """What was tried on a thing, and why it failed the last time."""

    name: str
    position: NDArray[np.float64]
    tries: list[_Try] = field(default_factory=list)
    code: OutcomeCode = OutcomeCode.COLLISION
    reason: str = ""


class Attempts:
    """Remembers them by a thing's name and place: whatever was moved is worth trying anew."""

    def __init__(self) -> None:
        self._records: list[_Record] = []

    def missed(self, name: str, position: NDArray[np.float64], way: Grasp) -> None:
        """The pads closed on nothing."""
        self._record(name, position).tries.append(_Try(way, _HALF))

    def refused(
        self, name: str, position: NDArray[np.float64], way: Grasp, code: OutcomeCode, reason: str
    ) -> None:
        """The arm cannot get there so; says why."""
        record = self._record(name, position)
        record.tries.append(_Try(way, _ANY if code in _PLACES else _WHOLE))
        record.code, record.reason = code, reason

    def count(self, name: str, position: NDArray[np.float64]) -> int:
        """How often a thing was tried where it is, in vain."""
        record = self._find(name, position)
        return 0 if record is None else len(record.tries)

    def given_up(self, name: str, position: NDArray[np.float64]) -> bool:
        """Whether a thing was tried often enough."""
        return self.count(name, position) >= TRIES

    def check(self, name: str, position: NDArray[np.float64], where: str) -> None:
        """Raise GivenUp if a thing was tried often enough; ``where`` says which and where it is."""
        record = self._find(name, position)
        if record is not None and len(record.tries) >= TRIES:
            last = f"; the last: {record.code.name}: {record.reason}" if record.reason else ""
            raise GivenUp(
                f"{where} could not be grasped in {len(record.tries)} tries from several sides{last}",
                record.code,
            )

    def fresh(self, name: str, position: NDArray[np.float64], ways: Sequence[Grasp]) -> list[Grasp]:
        """Those of some ways that were not tried yet, in their order."""
        record = self._find(name, position)
        if record is None:
            return list(ways)
        return [way for way in ways if not any(_alike(way, tried) for tried in record.tries)]

    def taken(self, place: NDArray[np.float64]) -> None:
        """Something was taken from a place (3,): what was tried in vain around it is worth trying anew."""
        self._records = [r for r in self._records if math.dist(r.position, place) > NEIGHBOURS]

    def _record(self, name: str, position: NDArray[np.float64]) -> _Record:
        record = self._find(name, position)
        if record is None:
            record = _Record(name, position)
            self._records.append(record)
        return record

    def _find(self, name: str, position: NDArray[np.float64]) -> _Record | None:
        near = [r for r in self._records if r.name == name and math.dist(r.position, position) < SAME_PLACE]
        return min(near, key=lambda r: math.dist(r.position, position), default=None)


def _alike(way: Grasp, tried: _Try) -> bool:
    turned = abs(math.remainder(way.yaw - tried.way.yaw, tried.period))
    return turned < SAME_TURN and math.dist(way.shift, tried.way.shift) < SAME_SHIFT
