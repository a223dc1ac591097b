"""Definitions of ROS messages without ROS: of the standard ones, by the rosbags library, and of our own, by their .msg files."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from robot_learning.core.errors import WorkFailed
from robot_learning.core.paths import share_dir

INTERFACES = "robot_learning_interfaces"


def interfaces_dir() -> Path:
    """The folder with our .msg files: installed (AMENT_PREFIX_PATH) or in the source tree."""
    prefixes = [Path(prefix) / "share" / INTERFACES / "msg" for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(":") if prefix]
    source = share_dir() / "src" / INTERFACES / "msg"
    for folder in (*prefixes, source):
        if any(folder.glob("*.msg")):
            return folder
    raise WorkFailed(f"no message definitions of {INTERFACES}: neither in AMENT_PREFIX_PATH nor in {source}")


@cache
def typestore() -> Any:
    """All known message types, of rosbags.typesys; made once a process (60 ms)."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for file in sorted(interfaces_dir().glob("*.msg")):
        types |= get_types_from_msg(file.read_text(encoding="utf-8"), f"{INTERFACES}/msg/{file.stem}")
    store.register(types)
    return store


@cache
def definition(msgtype: str) -> str:
    """The full text of a message type such as "sensor_msgs/msg/JointState", with all that it contains (MCAP: "ros2msg")."""
    _known(msgtype)
    return str(typestore().generate_msgdef(msgtype, ros_version=2)[0])


@cache
def type_hash(msgtype: str) -> str:
    """The hash of a message type as in REP 2011, "RIHS01_…"."""
    _known(msgtype)
    return str(typestore().hash_rihs01(msgtype))


@cache
def is_ours(msgtype: str, text: str) -> bool:
    """Whether a definition found in a bag says the same as the one known here. Only parses; nothing of it is run."""
    if msgtype not in typestore().fielddefs:
        return False
    if text == definition(msgtype):
        return True
    try:
        found = get_types_from_msg(text, msgtype)
    except Exception:  # whatever the parser says about a foreign text
        return False
    known = typestore().fielddefs
    return all(name in known and known[name][1] == fields[1] for name, fields in found.items())


def _known(msgtype: str) -> None:
    if msgtype not in typestore().fielddefs:
        raise WorkFailed(f"no definition of the message type {msgtype!r}")
