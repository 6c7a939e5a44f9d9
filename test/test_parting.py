"""Cells of two goods that touch are told apart by what the network says of neighbours."""

import numpy as np
import pytest
from numpy.typing import NDArray

from taskprog.vision.parting import bond, parted

SURE = 4.0  # logit

Indices = NDArray[np.int64]
Cells = tuple[Indices, Indices, NDArray[np.float32], Indices]


def _cells(owners: Indices, doubt: float = -SURE) -> Cells:
    """Rows, columns, logits and owners of the cells of an image of owners, 0 for nobody."""
    logits = np.full((*owners.shape, 2), SURE, np.float32)
    logits[:, :-1, 0][owners[:, :-1] != owners[:, 1:]] = doubt
    logits[:-1, :, 1][owners[:-1] != owners[1:]] = doubt
    rows, columns = np.nonzero(owners)
    return rows, columns, logits[rows, columns], owners[rows, columns]


def _owners(parts: list[Indices], owner: Indices) -> list[set[int]]:
    return sorted((set(owner[part].tolist()) for part in parts), key=min)


def test_one_good_stays_whole() -> None:
    rows, columns, logits, _ = _cells(np.ones((6, 9), np.int64))
    (part,) = parted(rows, columns, logits)
    assert part.tolist() == list(range(54))


@pytest.mark.parametrize("upright", [False, True])
def test_two_goods_side_by_side_are_two(upright: bool) -> None:
    owners = np.repeat([[1, 1, 1, 2, 2, 2, 2]], 8, axis=0)
    rows, columns, logits, owner = _cells(owners.T if upright else owners)
    assert _owners(parted(rows, columns, logits), owner) == [{1}, {2}]


def test_a_slanted_row_of_three_is_three() -> None:
    v, u = np.mgrid[0:12, 0:21]
    rows, columns, logits, owner = _cells((u + v // 2) // 9 + 1)
    assert _owners(parted(rows, columns, logits), owner) == [{1}, {2}, {3}]


def test_a_gap_in_the_border_does_not_join_them() -> None:
    owners = np.repeat([[1, 1, 1, 1, 2, 2, 2, 2]], 10, axis=0)
    rows, columns, logits, owner = _cells(owners)
    logits[(rows == 4) & (columns == 3), 0] = SURE
    assert _owners(parted(rows, columns, logits), owner) == [{1}, {2}]


def test_a_single_doubtful_pair_parts_nothing() -> None:
    rows, columns, logits, _ = _cells(np.ones((6, 9), np.int64))
    logits[20, 0] = -SURE
    assert len(parted(rows, columns, logits)) == 1


def test_a_few_cells_at_the_edge_are_no_good_of_their_own() -> None:
    owners = np.ones((8, 10), np.int64)
    owners[:, -1] = 2
    rows, columns, logits, _ = _cells(owners)
    assert len(parted(rows, columns, logits)) == 1


def test_a_good_seen_past_a_finger_is_not_parted() -> None:
    owners = np.ones((6, 12), np.int64)
    owners[:, 5:7] = 0
    rows, columns, logits, _ = _cells(owners)
    assert len(parted(rows, columns, logits)) == 1


def test_a_piece_past_a_finger_goes_with_the_nearer_good() -> None:
    owners = np.repeat([[1, 1, 1, 1, 2, 2, 2, 2, 0, 2, 2]], 8, axis=0)
    rows, columns, logits, owner = _cells(owners)
    assert _owners(parted(rows, columns, logits), owner) == [{1}, {2}]


def test_an_untrained_network_parts_nothing() -> None:
    rows, columns = (index.ravel() for index in np.mgrid[0:8, 0:8])
    assert len(parted(rows, columns, np.zeros((64, 2), np.float32))) == 1


def test_a_border_tells_how_surely_two_pieces_are_one() -> None:
    owners = np.repeat([[1, 1, 1, 2, 2, 2]], 4, axis=0)
    for doubt, chance in ((-SURE, 0.018), (SURE, 0.982)):
        rows, columns, logits, owner = _cells(owners, doubt)
        assert bond(rows, columns, logits, owner == 2) == pytest.approx(chance, abs=0.001)


def test_pieces_that_do_not_touch_have_no_border() -> None:
    rows, columns, logits, owner = _cells(np.repeat([[1, 1, 0, 2, 2]], 4, axis=0))
    assert np.isnan(bond(rows, columns, logits, owner == 2))
