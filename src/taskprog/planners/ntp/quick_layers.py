"""What ``quick.py`` is made of: parts of the networks in numpy, on copies of their weights.

Each says the same as its twin in torch. R, C as in ``relational.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import Scope
from taskprog.planners.ntp.scoping import END, START

Array = NDArray[np.float32]
Weights = dict[str, Array]  # by their names in a model


def linear(weights: Weights, name: str) -> tuple[Array, Array]:
    """A layer's matrix (inputs, outputs) and bias."""
    return np.ascontiguousarray(weights[name + ".weight"].T), weights[name + ".bias"]


def rectified(values: Array) -> Array:
    """In place."""
    return np.maximum(values, 0.0, out=values)


class Bits:
    """The two-layer network that makes bits of relations; here, relations are columns."""

    def __init__(self, weights: Weights, name: str):
        first, bias = linear(weights, name + ".0")
        second, last = linear(weights, name + ".2")
        self._first, self._bias = np.ascontiguousarray(first.T), bias[:, None]
        self._second, self._last = -second.T, -last[:, None]  # of minus the logits

    def of(self, relation: Array) -> Array:
        """(2, any) to (R, any); an exponential may overflow to infinity, which makes a bit of 0."""
        hidden = self._first @ relation
        hidden += self._bias
        bits: Array = self._second @ rectified(hidden)
        bits += self._last
        np.exp(bits, out=bits)
        bits += 1.0
        return np.reciprocal(bits, out=bits)


class Convolutions:
    """Residual temporal convolutions of kernel 3."""

    def __init__(self, weights: Weights, name: str, dilations: tuple[int, ...]):
        self._layers = []
        for i, dilation in enumerate(dilations):
            kernel = weights[f"{name}.convolutions.{i}.weight"]
            taps = np.ascontiguousarray(kernel.transpose(2, 1, 0))  # (3, C, C)
            self._layers.append((dilation, taps, weights[f"{name}.convolutions.{i}.bias"]))

    def of(self, frames: Array) -> Array:
        """(W, C) to (W, C)."""
        for dilation, taps, bias in self._layers:
            before, here, after = frames @ taps  # what each frame says to a later one, itself, an earlier one
            here[dilation:] += before[:-dilation]
            here[:-dilation] += after[dilation:]
            here += bias
            frames = rectified(here) + frames
        return frames


def decode_scope(labels: Array, joint: bool) -> Scope:
    """``decode_scopes`` of one scope's labels (W, 4): which part of it, counted from its start."""
    if len(labels) == 1:
        return Scope(0, 1)
    score = labels - np.maximum.reduce(labels, 1, keepdims=True)
    score -= np.log(np.add.reduce(np.exp(score), 1, keepdims=True))
    start, end = score[:, START], score[:, END]
    if not joint:
        first = int(start.argmax())
        return Scope(first, first + int(end[first:].argmax()) + 1)
    last = int((np.maximum.accumulate(start)[:-1] + end[1:]).argmax()) + 1
    first = last - 1 - int(start[:last][::-1].argmax())  # of equals the latest, as ``cummax`` finds it
    return Scope(first, last + 1)
