"""Types made from definitions: their md5 sums, what they refuse, and what comes through the wire's format."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskprog.control.intera.messages import OLD_TYPES, TYPES
from tcpros import DecodeError, DefinitionError, Duration, EncodeError, MessageType, MessageTypes, Time

# Computed by genmsg from the vendors' and ROS's own files.
SUMS = {
    "intera_core_msgs/JointCommand": "c8c85922d297da6209a089a906207e5d",
    "intera_core_msgs/EndpointState": "ec04f0f9bc02b3e335181c07d68c2c98",
    "intera_core_msgs/CollisionDetectionState": "7bde38c182b4d08fdc0635b116f65d04",
    "intera_core_msgs/JointLimits": "c4c445eb2c9324525a704c84ca1e7598",
    "intera_core_msgs/IOComponentCommand": "ede95ba2953dc221dc82cac20f697530",
    "intera_core_msgs/RobotAssemblyState": "df79ce5f75a6b23626e9fcdf1cc4d298",
    "intera_core_msgs/IODeviceStatus": "0d0c97a2d700848e7ad46e09a77cf896",
    "intera_core_msgs/IONodeStatus": "260fce3c02f43bd977c92642b3c09c1d",
    "intera_core_msgs/IODataStatus": "bb31283c6afc4ddea2f5f157264e5909",
    "intera_core_msgs/IOStatus": "a8daeb84c9abffc88ad8ca636f5fd8a0",
    "intera_core_msgs/IOComponentStatus": "7daed407477edd76573df598b0375a48",
    "sensor_msgs/JointState": "3066dcd76a6cfaef579bd0f34173e9fd",
    "std_msgs/Bool": "8b94c1b53db61fb6aed406028ad6332a",
    "std_msgs/Empty": "d41d8cd98f00b204e9800998ecf8427e",
    "std_msgs/Float64": "fdb28210bfa9d7c91146260178d9a584",
    "std_msgs/UInt16": "1df79edf208b629fe6b81923a544552d",
    "std_msgs/Header": "2176decaecbce78abc3b96ef049fabed",
    "std_msgs/String": "992ce8a1687cec8c8bd883ec73ca41d1",
}
OLD_SUMS = {
    "intera_core_msgs/AssemblyState": "1dd1da5d897074cd1eece6cc0449a2eb",
    "intera_core_msgs/IODeviceStatus": "718c67c597ae650d738fb6d34d8bb893",
    "intera_core_msgs/IONodeStatus": "4942fe147b48ccf2dc6bc9e62776af15",
    "intera_core_msgs/IODataStatus": "8edf2178efb2199e21bfa4b00ffb2d65",
    "intera_core_msgs/IOStatus": "9bf5b1607227eec6d965f9c3a59c0650",
    "intera_core_msgs/IOComponentStatus": "3e51327b8ffbe9adb8af23639e9819f9",
}
# Every builtin type, alone and in arrays, nested messages, and constants of all kinds.
ALL = MessageTypes(
    {
        "std_msgs/Header": "uint32 seq\ntime stamp\nstring frame_id",
        "own/Inner": "string text  # a comment\nint16[] numbers\nuint8[] raw",
        "own/Outer": """
            string PLAIN = a # b
            int8 MINUS=-3
            float32 HALF=0.5
            bool YES=True
            Header header
            bool flag
            int8 i8
            uint8 u8
            int16 i16
            uint16 u16
            int32 i32
            uint32 u32
            int64 i64
            uint64 u64
            float32 f32
            float64 f64
            time when
            duration span
            string[] texts
            float64[3] triple
            bool[] flags
            time[] times
            Inner inner
            own/Inner[] inners
            Inner[2] pair""",
    }
)
OUTER = ALL["own/Outer"]


@pytest.mark.parametrize(("types", "sums"), [(TYPES, SUMS), (OLD_TYPES, OLD_SUMS)], ids=["new", "old"])
def test_md5_sums_are_those_of_the_releases(types: MessageTypes, sums: dict[str, str]) -> None:
    assert {name: types[name].md5 for name in sums} == sums


def integers(bits: int, signed: bool = True) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else st.integers(0, 2**bits - 1)


# What comes in as text may be any bytes.
texts = st.binary(max_size=20).map(lambda data: data.decode("utf-8", "surrogateescape"))
times = st.builds(Time, integers(32, signed=False), integers(32, signed=False))
inners = st.builds(
    lambda **values: ALL["own/Inner"](**values),
    text=texts,
    numbers=st.lists(integers(16), max_size=4),
    raw=st.binary(max_size=9),
)
outers = st.builds(
    lambda **values: OUTER(**values),
    header=st.builds(lambda s, t, f: ALL["std_msgs/Header"](seq=s, stamp=t, frame_id=f),
                     integers(32, signed=False), times, texts),
    flag=st.booleans(), i8=integers(8), u8=integers(8, False), i16=integers(16), u16=integers(16, False),
    i32=integers(32), u32=integers(32, False), i64=integers(64), u64=integers(64, False),
    f32=st.floats(width=32, allow_nan=False), f64=st.floats(allow_nan=False),
    when=times, span=st.builds(Duration, integers(32), integers(32)),
    texts=st.lists(texts, max_size=3), triple=st.lists(st.floats(allow_nan=False), min_size=3, max_size=3),
    flags=st.lists(st.booleans(), max_size=5), times=st.lists(times, max_size=3),
    inner=inners, inners=st.lists(inners, max_size=3), pair=st.lists(inners, min_size=2, max_size=2),
)  # fmt: skip


@given(outers)
@settings(max_examples=60, deadline=None)
def test_what_goes_out_comes_back(message: Any) -> None:
    assert OUTER.decode(OUTER.encode(message)) == message


@given(outers, st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_cut_short_or_too_long_is_refused(message: Any, data: Any) -> None:
    whole = OUTER.encode(message)
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(DecodeError):
        OUTER.decode(whole[:end])
    with pytest.raises(DecodeError, match="ends after"):
        OUTER.decode(whole + b"x")


@given(outers, st.data())
@settings(max_examples=100, deadline=None)
def test_changed_bytes_give_a_message_or_a_clear_error(message: Any, data: Any) -> None:
    damaged = bytearray(OUTER.encode(message))
    for _ in range(3):
        at = data.draw(st.integers(0, len(damaged) - 4))
        damaged[at : at + 4] = data.draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f"]))
    with contextlib.suppress(DecodeError):
        assert OUTER.decode(damaged).kind is OUTER


@given(st.binary(max_size=300), st.sampled_from(sorted(TYPES)))
@settings(max_examples=200, deadline=None)
def test_random_bytes_never_do_worse_than_a_clear_error(data: bytes, name: str) -> None:
    try:
        message = TYPES[name].decode(data)
    except DecodeError:
        return
    assert TYPES[name].decode(TYPES[name].encode(message)).kind is TYPES[name]


@pytest.mark.parametrize("announced", [2**20, 2**31, 2**32 - 1])
@pytest.mark.parametrize("field", ["name", "position"])
def test_announced_lengths_cost_no_memory(announced: int, field: str) -> None:
    kind = TYPES["sensor_msgs/JointState"]
    header = bytes(12) + struct.pack("<I", 0)
    data = header + (b"" if field == "name" else struct.pack("<I", 0)) + struct.pack("<I", announced)
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match=rf"{field}.*{announced} elements are announced, 0 bytes"):
            kind.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_fresh_messages_are_zero_and_constants_are_there() -> None:
    message = OUTER(flag=True)
    assert (message.flag, message.i64, message.texts, message.pair[1].text) == (True, 0, [], "")
    assert OUTER.constants == {"PLAIN": "a # b", "MINUS": -3, "HALF": 0.5, "YES": True}


def test_definitions_come_with_those_that_they_need() -> None:
    first, second, third = OUTER.definition.split("=" * 80)
    assert first.startswith("string PLAIN")
    assert second.startswith("\nMSG: std_msgs/Header\nuint32 seq")
    assert third.startswith("\nMSG: own/Inner\nstring text")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("i8", 200, "i8 should be int8, not 200"),
        ("f64", "fast", "f64 should be float64, not 'fast'"),
        ("triple", [1.0], "triple: should have 3 elements, not 1"),
        ("texts", [b"raw"], r"texts should be string\[\]"),
        ("inner", ALL["std_msgs/Header"](), "should be a own/Inner message"),
        ("when", 5.0, "when should be time, not 5.0"),
    ],
)
def test_values_that_do_not_fit_are_named(field: str, value: Any, said: str) -> None:
    with pytest.raises(EncodeError, match=said):
        OUTER.encode(OUTER(**{field: value}))


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(TypeError, match="no field colour; its fields are: data"):
        TYPES["std_msgs/Bool"](colour=1)
    with pytest.raises(AttributeError):
        TYPES["std_msgs/Bool"]().colour = 1


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ("float64", "neither a field nor a constant"),
        ("float64 x y", "neither a field nor a constant"),
        ("Missing x", "own/A needs own/Missing, which is not in the table"),
        ("A x", "contains itself: own/A > own/A"),
        ("int8 x\nint8 x", "x is there twice"),
        ("int8 X=many", "'many' is no int8"),
        ("time X=1", "a constant cannot be of type time"),
        ("Nothing[] x", "array of the empty type"),
    ],
)
def test_definitions_that_make_no_type_are_refused(definition: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        MessageTypes({"own/A": definition, "own/Nothing": ""})


def test_types_are_their_md5_sums() -> None:
    def kind(text: str) -> MessageType:
        return MessageTypes({"own/A": text})["own/A"]

    assert kind("int8 x # one").md5 == kind("  int8   x").md5
    assert kind("int8 X=1\nint8 y").md5 == kind("int8 y\nint8 X=1").md5
    assert len({kind(t).md5 for t in ("int8 x", "int8 y", "int16 x", "int8[] x", "int8[2] x")}) == 5
