"""How large messages travel between the processes of one machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from taskprog.resources import share_dir

PROFILES = "FASTRTPS_DEFAULT_PROFILES_FILE"
# By any of these, people choose their own way.
CHOICES = (PROFILES, "FASTDDS_DEFAULT_PROFILES_FILE", "FASTDDS_BUILTIN_TRANSPORTS")


@contextmanager
def roomy_transport() -> Iterator[None]:
    """A process whose first node is made inside has room for images; see ``config/fastdds.xml``.

    Only for those that send images or videos: it takes 16 MB of shared memory. A choice that is already
    made in the environment is kept. Other implementations of DDS do not look at it.
    """
    if any(os.environ.get(name) for name in CHOICES):
        yield
        return
    os.environ[PROFILES] = str(share_dir() / "config" / "fastdds.xml")
    try:
        yield
    finally:
        del os.environ[PROFILES]
