"""Under which conditions tasks are shown and done: noise of videos and worlds, mishaps, changed videos."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TrackNoise:
    """How a camera's tracks differ from the truth; metres unless said, standard deviations unless said.

    Attributes:
        offset: of a resting object, the same for as long as it rests.
        jitter: of a resting object, new in each frame.
        carried: of the carried object in x and y, new in each frame.
        carried_height: of its height, drifting: without depth, height in the air is the hardest to see.
        jump: largest displacement of another object's track while something is carried past it.
        jump_probability: of such a jump in a carry.
        cue: the cue of what is held begins and ends up to so many frames early or late.
        missed: share of frames that are lost, drawn at random.
    """

    offset: float = 0.0015
    jitter: float = 0.0010
    carried: float = 0.010
    carried_height: float = 0.030
    jump: float = 0.010
    jump_probability: float = 0.3
    cue: int = 2
    missed: float = 0.0


@dataclass(frozen=True)
class VideoConditions:
    """Of a task video.

    Attributes:
        speed: of the demonstrator against the usual one.
        pause: probability that the demonstrator pauses in a carry.
        mirrored: left and right are swapped, as if seen in a mirror.
        turned: radians by which the workspace is turned about the vertical.
    """

    noise: TrackNoise = field(default_factory=TrackNoise)
    speed: float = 1.0
    pause: float = 0.2
    mirrored: bool = False
    turned: float = 0.0


@dataclass(frozen=True)
class WorldNoise:
    """Standard deviations, metres: of each detected coordinate, and of where the tool ends up in x and y."""

    detector: float = 0.002
    action: float = 0.003


@dataclass(frozen=True)
class Disturbances:
    """Probabilities of mishaps.

    Attributes:
        failed_grasp: a grasp that should work does not; the object slips aside.
        drop: what is held is lost on the way, somewhere along a move.
        misplace: what is let go lands beside where it should.
        meddle: after a primitive, a person moves an object elsewhere on the table; what stood on it falls.
        meddle_once: a person does so exactly once, after a random primitive of the first ten.
    """

    failed_grasp: float = 0.0
    drop: float = 0.0
    misplace: float = 0.0
    meddle: float = 0.0
    meddle_once: bool = False


@dataclass(frozen=True)
class Conditions:
    """Of an evaluation; ``seed`` is the first of all that is random."""

    seed: int = 0
    video: VideoConditions = field(default_factory=VideoConditions)
    noise: WorldNoise = field(default_factory=WorldNoise)
    disturbances: Disturbances = field(default_factory=Disturbances)
