"""Something goes wrong once in a run through the stack, on purpose: when, and what it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from taskprog.machine import Event, EventKind
from taskprog.tasks.carrying import GRASP_OFFSET

KNOCK_OUT, TOPPLE, MOVE, ADD, BLIND = "knock_out", "topple", "move_object", "add_object", "blind_camera"
KINDS = (KNOCK_OUT, TOPPLE, MOVE, ADD, BLIND)
# What a scene without towers, or whose things are not several of a kind, has.
OF_FAMILY = {
    "block_stacking": (KNOCK_OUT, TOPPLE, MOVE, BLIND),
    "order_fulfilment": (KNOCK_OUT, MOVE, ADD, BLIND),
}
BLIND_SECONDS = 3.0
RETRY = 0.02  # seconds of wall time between tries to knock out what is not lifted yet
ENDING = 120.0  # seconds of wall time that a disturbance may still take when the run is over

# Asks the simulator for a disturbance (kind, seconds, seed); what it did, or ValueError: why it could not.
Disturb = Callable[[str, float, int], str]


class Disturber:
    """Listens to one run's trace, and disturbs the world at one of its first carries; tries again at later
    moments until the simulator says that it was possible. Whoever does a whole task comes to such a moment.

    Args:
        disturb: see ``Disturb``; it blocks, and is called in a thread of its own.
        kind: one of ``KINDS``.
        seed: of the moment, and of what is left open.
        carries: that the task takes at least, among which the moment is drawn.

    Attributes:
        told: what the simulator did; empty until then.
        refusals: why it could not, at the moments before.
    """

    def __init__(self, disturb: Disturb, kind: str, seed: int, carries: int):
        rng = np.random.default_rng(seed)
        self._disturb = disturb
        self._kind = kind
        self._seed = seed
        self._carries = carries
        # A tower needs a cube put on another first; when the last of them is put, the task is done.
        self._after = int(rng.integers(1, max(carries, 2))) if kind == TOPPLE else int(rng.integers(carries))
        self._grasps = 0
        self._placing = False  # the latest move was to where something is put
        self._arrived = threading.Event()  # the latest move has ended
        self._thread: threading.Thread | None = None
        self.told = ""
        self.refusals: list[str] = []

    def on_event(self, event: Event) -> None:
        """Take in the run's next event; returns at once."""
        if event.kind is EventKind.CALL and event.op == "move_to":
            self._placing = event.args[1] != GRASP_OFFSET
            self._arrived.clear()
        if event.kind is EventKind.OUTCOME and event.op == "move_to":
            self._arrived.set()
        if _succeeded(event, "close_gripper"):
            self._grasps += 1
        if self.told or (self._thread is not None and self._thread.is_alive()):
            return
        if self._is_moment(event):
            self._thread = threading.Thread(target=self._run, name="disturber", daemon=True)
            self._thread.start()

    def _is_moment(self, event: Event) -> bool:
        if self._kind == TOPPLE:  # something was let go where it is put, and the task goes on
            put = _succeeded(event, "open_gripper") and self._placing
            return put and self._after <= self._grasps < max(self._carries, 2)
        if event.kind is not EventKind.CALL or event.op != "move_to":
            return False
        if self._kind == KNOCK_OUT:  # on the way to where the thing is put
            return self._placing and self._grasps > self._after
        return not self._placing and self._grasps >= self._after

    def _run(self) -> None:
        seconds = BLIND_SECONDS if self._kind == BLIND else 0.0
        while True:
            try:
                self.told = self._disturb(self._kind, seconds, self._seed)
                return
            except ValueError as error:
                # A hand that starts on its way still has to lift what it holds.
                if self._kind != KNOCK_OUT or self._arrived.wait(RETRY):
                    self.refusals.append(str(error))
                    return

    def finish(self) -> str:
        """Wait for a disturbance under way; what happened, or why nothing did."""
        if self._thread is not None:
            self._thread.join(ENDING)
        return self.told or f"not disturbed: {'; '.join(self.refusals) or 'no such moment came'}"


def _succeeded(event: Event, primitive: str) -> bool:
    return event.kind is EventKind.OUTCOME and event.op == primitive and event.outcome == "SUCCEEDED"


def kind_of(kinds: Sequence[str], number: int) -> str:
    """The kind of an evaluation's episode: one after another."""
    return kinds[number % len(kinds)] if kinds else ""
