"""Recordings as rosbag2 folders with an MCAP file, which ``ros2 bag`` and Foxglove read as well.

Messages stay serialised: nothing here knows ROS itself, only the types' definitions.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import (
    CompressionFormat,
    CompressionMode,
    Reader,
    StoragePlugin,
    Writer,
    WriterError,
)
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from taskprog.resources import PACKAGE, share_dir

VERSION = 9  # of the rosbag2 format, that of ROS 2 Jazzy
_NEVER = QosTime(2147483647, 4294967295)


class BagError(Exception):
    """A bag cannot be written or read; says which and why."""


@dataclass(frozen=True)
class Channel:
    """A topic by its full name, with its type such as ``sensor_msgs/msg/JointState``.

    ``latched``: the last message is for those who come late, too.
    """

    topic: str
    type: str
    latched: bool = False


@dataclass(frozen=True)
class BagMessage:
    """One message as it was on the wire; ``time`` in nanoseconds of ROS time."""

    channel: Channel
    time: int
    data: bytes


@cache
def typestore() -> Typestore:
    """The definitions of Jazzy's own message types and of ours."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for path in sorted((share_dir() / "msg").glob("*.msg")):
        types.update(get_types_from_msg(path.read_text(encoding="utf-8"), f"{PACKAGE}/msg/{path.stem}"))
    store.register(types)
    return store


def message_class(type_name: str) -> Any:
    """The generated Python class of a message type such as ``sensor_msgs/msg/JointState``.

    Raises:
        BagError: no such type is installed.
    """
    package, _, name = type_name.split("/")
    try:
        return getattr(import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise BagError(f"message type {type_name} is not installed: {error}") from error


class BagWriter:
    """Writes a bag; the folder takes its name when it is closed, never half-written before.

    For one thread at a time. Memory does not grow with the messages but for 16 bytes of index each.
    """

    def __init__(self, folder: Path, channels: Sequence[Channel]):
        """Begin a bag.

        Raises:
            BagError: something is at ``folder`` already, it cannot be written, or a type is unknown.
        """
        if folder.exists():
            raise BagError(f"{folder} exists already; recordings are not overwritten")
        self.folder = folder
        self.count = 0  # messages written
        # rosbags names the file in the bag after its folder, so the partial one has the same name elsewhere.
        self._workshop = folder.with_name(f".partial-{folder.name}")
        self._time = 0
        try:
            shutil.rmtree(self._workshop, ignore_errors=True)
            self._workshop.mkdir(parents=True)
            self._writer = Writer(
                self._workshop / folder.name, version=VERSION, storage_plugin=StoragePlugin.MCAP
            )
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
            self._connections = {channel.topic: self._connect(channel) for channel in channels}
        except (OSError, WriterError) as error:
            raise BagError(f"cannot record to {folder}: {error}") from error

    def _connect(self, channel: Channel) -> Connection:
        if channel.type not in typestore().fielddefs:
            raise BagError(f"{channel.topic}: unknown message type {channel.type}")
        return self._writer.add_connection(
            channel.topic, channel.type, typestore=typestore(), offered_qos_profiles=[_qos(channel.latched)]
        )

    def write(self, topic: str, time: int, data: bytes) -> None:
        """Append a serialised message received at ``time`` nanoseconds; time never runs back in a bag.

        Raises:
            BagError: the disk is full or gone.
        """
        self._time = max(self._time, time)
        try:
            self._writer.write(self._connections[topic], self._time, data)
            self.count += 1
        except OSError as error:
            raise BagError(f"cannot record to {self.folder}: {error}") from error

    def close(self) -> None:
        """Finish the bag and give it its name.

        Raises:
            BagError: the disk is full or gone.
        """
        try:
            self._writer.close()
            (self._workshop / self.folder.name).rename(self.folder)
            self._workshop.rmdir()
        except OSError as error:
            raise BagError(f"cannot finish {self.folder}: {error}") from error


class BagReader:
    """Reads a bag; a context manager.

    Attributes:
        channels: the recorded topics.
        count: number of messages.
        start, end: of the recording, nanoseconds.
    """

    def __init__(self, folder: Path):
        """Open a bag, or the one called ``bag`` inside ``folder``.

        Raises:
            BagError: there is none, or it is damaged.
        """
        self.folder = folder if (folder / "metadata.yaml").exists() else folder / "bag"
        if not (self.folder / "metadata.yaml").is_file():
            raise BagError(
                f"no recording in {folder}: a rosbag2 folder with metadata.yaml, or one with bag/ is wanted"
            )
        try:
            self._reader = Reader(self.folder)
            self._reader.open()
        except _BROKEN as error:
            raise BagError(f"{self.folder} is damaged: {error}") from error
        self._by_id = {c.id: _channel(c) for c in self._reader.connections}
        self.channels = tuple(self._by_id.values())
        self.count = int(self._reader.message_count)
        self.start, self.end = int(self._reader.start_time), int(self._reader.end_time)

    def messages(self) -> Iterator[BagMessage]:
        """All messages in order of time.

        Raises:
            BagError: the bag is damaged.
        """
        count = 0
        try:
            for connection, time, data in self._reader.messages():
                yield BagMessage(self._by_id[connection.id], time, bytes(data))
                count += 1
        except _BROKEN as error:
            raise BagError(f"{self.folder} is damaged after {count} messages: {error}") from error
        if count != self.count:
            raise BagError(f"{self.folder} is damaged: it should hold {self.count} messages, not {count}")

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# On damaged files rosbags lets out whatever its parser or zstd stumbles over, of no common kind.
_BROKEN = Exception


def _channel(connection: Connection) -> Channel:
    profiles = getattr(connection.ext, "offered_qos_profiles", ())
    latched = any(profile.durability is QosDurability.TRANSIENT_LOCAL for profile in profiles)
    return Channel(connection.topic, connection.msgtype, latched)


def _qos(latched: bool) -> Qos:
    return Qos(
        QosHistory.KEEP_LAST,
        1 if latched else 1000,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _NEVER,
        _NEVER,
        QosLiveliness.AUTOMATIC,
        _NEVER,
        False,
    )
