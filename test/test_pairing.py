"""Colour and depth images find their partners by their stamps, and what is wrong if none do."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from taskprog.perception.pairing import NANO, PATIENCE, WAITING, Pairing

FRAME = 100_000_000  # nanoseconds between images
LONG = int(PATIENCE * NANO / FRAME) + WAITING  # images


def feed(pairing: Pairing[int], colours: Iterable[int | None], depths: Iterable[int | None]) -> int:
    """Give images by their stamps, by turns, None for a lost one; how many pairs came."""
    pairs = 0
    for colour, depth in zip(colours, depths, strict=True):
        if colour is not None:
            pairs += pairing.add_colour(colour, colour) is not None
        if depth is not None:
            pairs += pairing.add_depth(depth, depth) is not None
    return pairs


def stamps(count: int, begin: int = 0) -> list[int]:
    return [begin + FRAME * i for i in range(count)]


@pytest.mark.parametrize("late", range(WAITING))
def test_equal_stamps_pair_in_whatever_order_they_come(late: int) -> None:
    colour_first, depth_first = Pairing[str](), Pairing[str]()
    for stamp in range(late + 1):
        assert colour_first.add_colour(stamp, f"colour {stamp}") is None
        assert depth_first.add_depth(stamp, f"depth {stamp}") is None
    assert colour_first.add_depth(0, "depth 0") == ("colour 0", "depth 0")
    assert depth_first.add_colour(0, "colour 0") == ("colour 0", "depth 0")


def test_stamps_that_never_match_are_told_by_how_much() -> None:
    pairing = Pairing[int]()
    colours = stamps(LONG)
    assert feed(pairing, colours, [stamp + 16_700_000 for stamp in colours]) == 0
    assert "different stamps: the nearest differ by 0.0167 s" in pairing.trouble
    assert feed(pairing, [colours[-1] + FRAME], [colours[-1] + FRAME]) == 1
    assert pairing.trouble == ""


def test_the_nearest_are_found_though_one_kind_comes_late() -> None:
    pairing = Pairing[int]()
    colours = stamps(LONG + 10)
    late = (stamp + FRAME // 4 for stamp in colours[:-10])
    assert feed(pairing, colours, [*[None] * 10, *late]) == 0
    assert "the nearest differ by 0.025 s" in pairing.trouble


def test_partners_that_come_too_late_are_named_as_such() -> None:
    pairing = Pairing[int]()
    colours = stamps(LONG + WAITING)
    assert feed(pairing, colours, [*[None] * WAITING, *colours[:-WAITING]]) == 0
    assert f"equal stamps come {WAITING} images apart" in pairing.trouble


def test_one_kind_without_stamps_is_noticed() -> None:
    pairing = Pairing[int]()
    colours = stamps(LONG, begin=50 * NANO)
    feed(pairing, colours, [0] * LONG)
    assert "the nearest differ by 50 s" in pairing.trouble


def test_nothing_is_said_too_early() -> None:
    few, short = Pairing[int](), Pairing[int]()
    slow = [3 * NANO * i for i in range(WAITING - 1)]
    feed(few, slow, [stamp + 1 for stamp in slow])
    assert few.trouble == ""
    for stamp in range(int(PATIENCE * NANO / FRAME)):
        feed(short, [stamp * FRAME], [stamp * FRAME + 1])
        assert short.trouble == ""


@pytest.mark.parametrize("missing", ["colour", "depth"])
def test_a_kind_that_stops_coming_is_named(missing: str) -> None:
    pairing = Pairing[int]()
    own, other = stamps(3 + LONG), [*stamps(2), FRAME // 2, *[None] * LONG]
    feed(pairing, *((other, own) if missing == "colour" else (own, other)))
    assert f"no {missing} images" in pairing.trouble


def test_a_clock_that_goes_back_begins_anew() -> None:
    pairing = Pairing[int]()
    feed(pairing, [1000 * NANO], [None])
    feed(pairing, stamps(WAITING), [None] * WAITING)
    assert pairing.trouble == ""
    feed(pairing, stamps(LONG, begin=WAITING * FRAME), [None] * LONG)
    assert "no depth images" in pairing.trouble, "though their stamps lie before the first one's"
