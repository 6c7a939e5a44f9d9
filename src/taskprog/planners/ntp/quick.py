"""A single decision in numpy: on small arrays, torch takes longer to choose its kernels than to run them.

``QuickModel`` says what ``NTPModel`` does of one window and one decision, for models with relational sight
and a reactive core. Only how it is computed differs:

- what depends on the video, the scope and the program alone is computed once;
- linear layers behind one another are one matrix, a program's embedding is in its biases;
- scoping labels are computed only when asked for.

Shapes: T frames of the video, W of the scope; N objects, Q = N * N ordered pairs (rows of the object seen,
columns of the one it is seen from); S encoded state; R, C, E, H, P, O as in ``relational.py``, ``model.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from taskprog.machine import Scope
from taskprog.planners.ntp.config import Sight
from taskprog.planners.ntp.features import FAR, RELATION_SIZE
from taskprog.planners.ntp.model import NEVER, NTPModel
from taskprog.planners.ntp.quick_layers import Array, Bits, Convolutions, Weights, linear, rectified
from taskprog.planners.ntp.relational import CERTAIN, RelationalFrames


class Scene(NamedTuple):
    """A present state.

    Attributes:
        positions: (N, 3) metres; anything for an object that is absent.
        present: (N,) 1.0 for an object that is there, else 0.0; None if all are.
        tool: (3,) metres.
        flags: gripper closed, something held.
    """

    positions: Array
    present: Array | None
    tool: Array
    flags: tuple[bool, bool]


class Answer(NamedTuple):
    """Logits of one decision, and what its scoping labels are made of.

    Attributes:
        call: (P,) of the operation to call.
        end: that the program ends.
        object: (N,) of the object to which an API refers.
        offset: (O,) of the class of its height offset.
        frames: (W, C) features of the scope's frames.
        state: (S,) the encoded state.
    """

    call: Array
    end: float
    object: Array
    offset: Array
    frames: Array
    state: Array


class _Subject(NamedTuple):
    """What a program in a scope is about: pointing's logits (N,), and shares (2, N): pointed at, moved."""

    logits: Array
    shares: Array


class QuickModel:
    """A model's weights and one video, as they were when this was made: it keeps copies."""

    def __init__(self, model: NTPModel, video: RelationalFrames, receptacle: Array):
        """``video`` as the model encoded it, ``receptacle`` (N,) as in ``State``.

        Raises:
            ValueError: the model is not of the kind that ``fits``.
        """
        if not self.fits(model):
            raise ValueError("only NTP+ as it is, with a reactive core and in evaluation, runs quickly")
        self._config = model.config
        weights = {name: value.numpy().copy() for name, value in model.state_dict().items()}
        self._take_sight(weights)
        self._take_core(weights, model.callees.numpy())
        if model.config.scoped:
            self._take_interpreter(weights)
        self._take_video(video)
        self._receptacle = receptacle
        self._subjects: dict[tuple[int, Scope], _Subject] = {}

    @staticmethod
    def fits(model: NTPModel) -> bool:
        """Whether a model, as it is now, can be run this way."""
        config = model.config
        relational = config.sight is Sight.RELATIONAL
        relational &= config.aimed and config.fading and config.kinds and config.bounded
        return relational and not (config.recurrent or config.reading or model.training)

    def _take_sight(self, weights: Weights) -> None:
        r, program = self._config.relation_bits, weights["program_memory"]
        self._pair_bits = Bits(weights, "sight.object_relation")
        self._tool_bits = Bits(weights, "sight.tool_relation")
        frame, self._frame_bias = linear(weights, "sight.frame")
        # Its inputs: missing, extra, total, grasp (R each), holds, gone.
        self._compared = np.concatenate([frame[: 2 * r], frame[3 * r : 4 * r]])
        self._total, self._holds, self._gone = frame[2 * r : 3 * r], frame[4 * r], frame[4 * r + 1]
        self._pointed, bias = linear(weights, "sight.pointed")
        self._asked = program @ weights["sight.pointing.weight"].T + bias  # (P, H)
        self._pointer = linear(weights, "sight.pointer")
        kind, bias = linear(weights, "sight.kind")
        self._kind = program @ kind + bias  # (P, 1)

    def _take_core(self, weights: Weights, callees: NDArray[np.bool_]) -> None:
        z, e = self._config.specification, self._config.embedding
        self._encoding = Convolutions(weights, "encoder", self._config.encoder_dilations)
        merge, merged = linear(weights, "encoder.merge")
        first, bias = linear(weights, "core.first")  # its inputs: specification, program, state
        self._first = np.concatenate([merge @ first[:z], first[z + e :]])  # (4C + S, H)
        self._first_bias = merged @ first[:z] + weights["program_memory"] @ first[z : z + e] + bias  # (P, H)
        self._second, self._second_bias = linear(weights, "core.second")
        # One matrix for what is called, whether the program ends, and the offset's class.
        key, end, offset = linear(weights, "key"), linear(weights, "end"), linear(weights, "offset")
        memory = weights["key_memory"].T
        self._decoder = np.concatenate([key[0] @ memory, end[0], offset[0]], 1)  # (H, P + 1 + O)
        self._decoder_bias = np.concatenate([key[1] @ memory, end[1], offset[1]])
        self._callees = callees.copy()

    def _take_interpreter(self, weights: Weights) -> None:
        e = self._config.embedding
        self._convolutions = Convolutions(weights, "interpreter", self._config.dilations)
        self._label_frame, bias = linear(weights, "interpreter.frame")
        context = weights["interpreter.context.weight"].T  # its inputs: program, state
        self._label_program = weights["program_memory"] @ context[:e] + bias  # (P, H)
        self._label_state = context[e:]
        self._label, self._label_bias = linear(weights, "interpreter.label")

    def _take_video(self, video: RelationalFrames) -> None:
        t, n = video.held.shape
        bits = video.bits.numpy().reshape(t, -1, n, n).transpose(1, 0, 3, 2)
        self._bits = bits.reshape(-1, t, n * n)  # (R, T, Q)
        self._totals = self._bits.sum(2, keepdims=True)  # (R, T, 1)
        self._held = video.held.numpy().copy()
        # The part (T, C) of the frames' features that the present does not change.
        total = self._some(-self._totals[:, :, 0]).T @ self._total
        self._shown = total + self._held.sum(1, keepdims=True) * self._holds + self._frame_bias
        self._apart = np.float32(1.0) - np.eye(n, dtype=np.float32).ravel()

    def predict(self, program: int, scope: Scope, scene: Scene) -> Answer:
        """Decide for the program with this index."""
        pairs, tool = self._see(scene)
        now = np.add.reduce(pairs, 1)
        frames = self._frames(scope, scene, pairs, now, tool)
        subject = self._subject(program, scope)
        state = self._state(subject, scene, now, tool)
        hidden = np.concatenate([*self._summary(frames), state]) @ self._first
        hidden += self._first_bias[program]
        hidden = rectified(hidden) @ self._second
        hidden += self._second_bias
        said = rectified(hidden) @ self._decoder
        said += self._decoder_bias
        calls = len(self._callees)
        call = np.where(self._callees[program], said[:calls], np.float32(NEVER))
        return Answer(call, float(said[calls]), subject.logits, said[calls + 1 :], frames, state)

    def labels(self, program: int, answer: Answer) -> Array:
        """(W, 4) scoping labels for a program that calls programs, of a scoped model."""
        hidden = self._convolutions.of(answer.frames) @ self._label_frame
        hidden += answer.state @ self._label_state
        hidden += self._label_program[program]
        labels: Array = rectified(hidden) @ self._label
        labels += self._label_bias
        return labels

    def _see(self, scene: Scene) -> tuple[Array, Array]:
        """Relation bits of the pairs (R, Q), and of the tool to each object (R, N)."""
        present, where, n = scene.present, scene.positions.T, len(scene.positions)
        away = np.empty((3, n + 1, n), np.float32)
        relation = np.empty((RELATION_SIZE, (n + 1) * n), np.float32)
        np.subtract(where[:, :, None], where[:, None, :], out=away[:, :n])
        np.subtract(scene.tool[:, None], where, out=away[:, n])  # as if it were one more object that is seen
        away *= np.float32(1.0 / self._config.unit)
        x, y, height = away.reshape(3, -1)
        flat = np.multiply(x, x, out=relation[0])
        flat += np.multiply(y, y, out=y)
        flat += np.float32(1e-6)
        np.minimum(np.sqrt(flat, out=flat), FAR, out=flat)
        np.minimum(np.maximum(height, -FAR, out=height), FAR, out=relation[1])
        near = np.minimum(FAR - flat[: n * n], 1.0)
        near *= self._apart
        if present is not None:
            near *= (present[:, None] * present).ravel()
        with np.errstate(over="ignore"):  # 1 / (1 + exp(many)) is 0, as it should be
            pairs, tool = self._pair_bits.of(relation[:, : n * n]), self._tool_bits.of(relation[:, n * n :])
        pairs *= near
        if present is not None:
            tool *= present
        return pairs, tool

    def _some(self, negated: Array) -> Array:
        """``RelationalSight._some`` of counts that are given with a minus, in place."""
        if not self._config.saturated:
            return np.negative(negated, out=negated)
        return np.subtract(1.0, np.exp(negated, out=negated), out=negated)

    def _frames(self, scope: Scope, scene: Scene, pairs: Array, now: Array, tool: Array) -> Array:
        """(W, C) features of the scope's frames; ``now`` (R,) are the sums of bits over pairs."""
        part = slice(scope.start, scope.stop)
        frames = self._shown[part].copy()
        held = self._held[part]
        if self._config.compared:
            common = self._bits[:, part] @ pairs[:, :, None]  # (R, W, 1)
            seen = np.empty((3, len(pairs), len(held)), np.float32)
            np.subtract(common, self._totals[:, part], out=seen[0, :, :, None])
            np.subtract(common[:, :, 0], now[:, None], out=seen[1])
            self._some(np.minimum(seen[:2], 0.0, out=seen[:2]))
            np.matmul(tool, held.T, out=seen[2])
            frames += seen.reshape(-1, len(held)).T @ self._compared
        if scene.present is not None:
            frames += np.outer(held @ (1.0 - scene.present), self._gone)
        return rectified(frames)

    def _summary(self, frames: Array) -> tuple[Array, ...]:
        """First, last, largest and mean features, each (C,), of frames (W, C)."""
        read = self._encoding.of(frames)
        return read[0], read[-1], np.maximum.reduce(read, 0), np.add.reduce(read, 0) / np.float32(len(read))

    def _state(self, subject: _Subject, scene: Scene, now: Array, tool: Array) -> Array:
        """(S,) the encoded state."""
        moved = subject.shares[1]
        here = np.add.reduce(moved) if scene.present is None else moved @ scene.present
        meant = subject.shares @ tool.T  # (2, R)
        known = np.array([*scene.flags, here], np.float32)
        return np.concatenate([known, meant.ravel(), np.maximum.reduce(tool, 1), self._some(-now)])

    def _subject(self, program: int, scope: Scope) -> _Subject:
        """What the program is about: it depends on nothing present, so each scope is looked at once."""
        known = self._subjects.get((program, scope))
        if known is not None:
            return known
        n = len(self._receptacle)
        shown = self._held[scope.start : scope.stop].sum(0)
        moved = shown / max(float(shown.sum()), 1.0)
        edges = self._bits[:, [scope.start, scope.stop - 1]].reshape(-1, 2, n, n).swapaxes(0, 1)
        towards, away = edges @ moved, moved @ edges  # (2, R, N) each
        seen = np.concatenate([moved[None], towards.reshape(-1, n), away.reshape(-1, n)])
        hidden = rectified(seen.T @ self._pointed + self._asked[program])  # (N, H)
        logits = (hidden @ self._pointer[0])[:, 0] + self._pointer[1]
        logits = np.float32(CERTAIN) * np.tanh(logits / np.float32(CERTAIN))
        logits = logits + self._receptacle * self._kind[program]
        share = np.exp(logits - logits.max())
        subject = _Subject(logits, np.stack([share / share.sum(), moved]))
        self._subjects[program, scope] = subject
        return subject
