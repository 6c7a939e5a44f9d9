"""Episodes of an evaluation on disk, so that one that was interrupted goes on where it stood.

What belongs together is told by a hash of all that the episodes depend on: a log of other settings, of
another policy, or of episodes of which other things were kept, is another file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

DIGITS = 12  # of the hash in a log's name


E = TypeVar("E")  # a dataclass


def policy_hash(folder: Path) -> str:
    """Of a policy's files; of a folder that is not there, as of an empty one."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.is_file():
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:DIGITS]


class EpisodeLog(Generic[E]):
    """Lines of JSON, one an episode, in ``FOLDER/episodes-HASH.jsonl`` until ``finish``.

    Args:
        settings: all that the episodes depend on.
        kind: of the episodes, a dataclass.

    Attributes:
        done: by number, the episodes that are there already.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], kind: type[E]):
        record: Any = kind
        known = [field.name for field in fields(record)]
        text = json.dumps([settings, known], sort_keys=True, default=str)
        name = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
        self.path = folder / f"episodes-{name}.jsonl"
        self.done: dict[int, E] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                self._take(line, kind)

    def _take(self, line: str, kind: type[E]) -> None:
        try:
            number, data = json.loads(line)
        except ValueError:
            return  # cut off in the middle of writing: that episode is tried again
        self.done[number] = kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})

    def add(self, number: int, episode: E) -> None:
        """Keep an episode."""
        self.done[number] = episode
        record: Any = episode
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([number, asdict(record)]) + "\n")

    def finish(self) -> None:
        """All are done: the next evaluation begins anew. The episodes stay, as ``episodes.jsonl``."""
        if self.path.exists():
            self.path.replace(self.path.with_name("episodes.jsonl"))
