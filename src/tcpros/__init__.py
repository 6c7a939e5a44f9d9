"""ROS 1 on the wire, without ROS 1: messages, topics, the master. See README.md beside this file."""

from __future__ import annotations

from tcpros.codec import DecodeError, Duration, EncodeError, Time
from tcpros.master import Master
from tcpros.messages import DefinitionError, Message, MessageType, MessageTypes
from tcpros.node import Node
from tcpros.publisher import Publisher
from tcpros.rpc import RpcError
from tcpros.subscriber import Subscriber

__all__ = [
    "DecodeError",
    "DefinitionError",
    "Duration",
    "EncodeError",
    "Master",
    "Message",
    "MessageType",
    "MessageTypes",
    "Node",
    "Publisher",
    "RpcError",
    "Subscriber",
    "Time",
]
