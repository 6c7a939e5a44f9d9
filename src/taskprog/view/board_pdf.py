"""A calibration board as a PDF page: vectors, so that every edge is exact at any printer's resolution."""

from __future__ import annotations

from pathlib import Path

from taskprog.files import written_whole
from taskprog.perception.board import Board

PAPERS = {"A4": (0.297, 0.210), "A3": (0.420, 0.297), "letter": (0.2794, 0.2159)}  # metres, landscape
POINT = 0.0254 / 72  # metres
EDGE = 0.012  # metres that stay white at the paper's edges; below it stands the text
RULER = 0.100  # metres
LINE = 0.0003  # metres, thickness of the ruler


class PaperTooSmall(ValueError):
    """A board does not fit on the paper."""


def write_board(path: Path, board: Board, paper: str = "A4") -> None:
    """Write the board in the middle of a page, above a ruler to check the print with.

    Args:
        paper: one of ``PAPERS``; turned upright where only that fits.

    Raises:
        PaperTooSmall: the board does not fit.
        OSError: the file cannot be written.
    """
    width, height = board.size
    fitting = [
        (w, h)
        for w, h in (PAPERS[paper], PAPERS[paper][::-1])
        if width + 2 * EDGE <= w and height + 2 * EDGE <= h
    ]
    if not fitting:
        raise PaperTooSmall(
            f"a board of {width * 1000:g} x {height * 1000:g} mm with {EDGE * 1000:g} mm of white around it"
            f" does not fit on {paper} ({PAPERS[paper][0] * 1000:g} x {PAPERS[paper][1] * 1000:g} mm); take"
            f" smaller squares, fewer, or other paper ({', '.join(PAPERS)})"
        )
    page_width, page_height = fitting[0]
    left, top = (page_width - width) / 2, (page_height + height) / 2
    # One path for all: what touches leaves no seam.
    lines = [_rectangle(left + x, top - y - h, w, h) for x, y, w, h in board.black()]
    lines.append("f")
    below = EDGE / 2
    lines.append(f"{_rectangle(left, below, RULER, LINE)}")
    lines += [_rectangle(left + x, below - 0.001, LINE, 0.002) for x in (0.0, RULER - LINE)]
    note = f"{RULER * 1000:g} mm. Print at 100 %, not fitted to the page. {board}"
    lines.append(
        f"f BT /F 7 Tf {(left + RULER + 0.003) / POINT:.3f} {(below - 0.001) / POINT:.3f} Td ({note}) Tj ET"
    )
    with written_whole(path) as partial:
        partial.write_bytes(_document("\n".join(lines), page_width / POINT, page_height / POINT))


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    return " ".join(f"{value / POINT:.5f}" for value in (x, y, width, height)) + " re"


def _document(content: str, width: float, height: float) -> bytes:
    """The smallest PDF 1.4 file with one page; size in points."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /PrintScaling /None >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.5f} {height:.5f}] /Contents 4 0 R"
        " /Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
    ]
    result, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(result))
        result += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(result)
    result += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    result += "".join(f"{place:010d} 00000 n \n" for place in places)
    result += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return result.encode("ascii")
