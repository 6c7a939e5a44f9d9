"""Where this package's files lie: models, configuration, scenes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

PACKAGE = "sawyer_ntp"


@cache
def share_dir() -> Path:
    """The folder that holds ``models/``, ``config/`` and ``launch/``.

    That is the repository's root in a checkout, else ``share/sawyer_ntp`` of the ROS installation.

    Raises:
        FileNotFoundError: neither is there.
    """
    root = Path(__file__).resolve().parents[2]
    if (root / "package.xml").is_file() and (root / "models").is_dir():
        return root
    from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

    try:
        share = Path(get_package_share_directory(PACKAGE))
    except (PackageNotFoundError, OSError):  # OSError: no ROS installation is sourced
        share = Path()
    if share == Path() or not (share / "models").is_dir():
        raise FileNotFoundError(
            f"models/ of {PACKAGE} not found: run from a checkout, or build with colcon"
            " and source install/setup.bash"
        )
    return share


def shipped(name: str) -> Path:
    """Folder of the policy of a name that comes with the package; it need not exist."""
    return share_dir() / "models/policies" / name
