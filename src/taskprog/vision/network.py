"""The detector's network: for each cell of 4x4 pixels a class, votes for its thing's pose, and whether the
next cells are of the same thing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_eval

from taskprog.vision.grid import STRIDE
from taskprog.vision.labels import CLASSES

# Channels after the classes: where the thing's middle is from here, (u, v) in PIXELS and metres beyond this
# cell's surface in DEPTHS; twice and four times its yaw as cosine and sine; its size in SIZES; and logits of
# whether the cells to the right and below show the same thing.
OFFSET = slice(len(CLASSES), len(CLASSES) + 2)
BEYOND = OFFSET.stop
TWICE = slice(BEYOND + 1, BEYOND + 3)
FOURFOLD = slice(TWICE.stop, TWICE.stop + 2)
SIZE = slice(FOURFOLD.stop, FOURFOLD.stop + 3)
JOINED = slice(SIZE.stop, SIZE.stop + 2)
OUTPUTS = JOINED.stop

PIXELS = 16.0  # pixels of the network's input for an output of 1
DEPTHS = 0.02  # metres for an output of 1
SIZES = 0.05  # metres for an output of 1
HEIGHTS = 0.1  # metres for an input of 1


@dataclass(frozen=True)
class NetworkConfig:
    """Channels at a half of the input's resolution, a quarter, an eighth, a 16th and a 32nd."""

    widths: tuple[int, int, int, int, int] = (16, 32, 40, 64, 96)


class Unit(nn.Module):
    """Convolution, normalisation, rectification; with ``skip``, what came in is added."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, size: int = 3, skip: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.skip = skip

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu_(self.norm(self.conv(x)))
        return y + x if self.skip else y

    def fuse(self) -> None:
        """Make convolution and normalisation one; for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv, self.norm = fuse_conv_bn_eval(self.conv, self.norm), nn.Identity()


class GoodsNetwork(nn.Module):
    """An encoder down to a 32nd, and back up to a quarter of the resolution, with skips added on the way."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        first, a, b, c, d = config.widths
        self.stem = nn.Sequential(Unit(3, first, stride=2, size=5), Unit(first, a, stride=2))
        # Without biases, so that unknown heights, zeros, add nothing.
        self.relief = nn.Sequential(
            nn.Conv2d(2 * STRIDE**2, a, 1, bias=False), nn.ReLU(inplace=True), nn.Conv2d(a, a, 1, bias=False)
        )
        self.eighth = nn.Sequential(Unit(a, b, stride=2), Unit(b, b, skip=True), Unit(b, b, skip=True))
        self.sixteenth = nn.Sequential(Unit(b, c, stride=2), Unit(c, c, skip=True), Unit(c, c, skip=True))
        self.deep = nn.Sequential(Unit(c, d, stride=2), Unit(d, d, skip=True), Unit(d, d, skip=True))
        self.to_sixteenth, self.at_sixteenth = nn.Conv2d(d, c, 1), Unit(c, c, skip=True)
        self.to_eighth = nn.Conv2d(c, b, 1)
        self.at_eighth = nn.Sequential(Unit(b, b, skip=True), Unit(b, b, skip=True))
        self.to_quarter, self.past_quarter = nn.Conv2d(b, a, 1), nn.Conv2d(a, a, 1)
        self.at_quarter = Unit(a, a, skip=True)
        self.hidden, self.head = nn.Conv2d(a, 2 * a, 1), nn.Conv2d(2 * a, OUTPUTS, 1)

    def forward(self, images: Tensor, heights: Tensor | None = None) -> Tensor:
        """(N, OUTPUTS, h / 4, w / 4) for images (N, 3, h, w), 0 to 1; h and w multiples of 32.

        Args:
            heights: (N, h, w) of what each pixel shows above the table, metres, NaN where unknown; None if
                that is everywhere.
        """
        quarter = self.stem(images - 0.5)
        if heights is not None:
            cells = _cells(heights)
            known = cells.isfinite()
            layers = torch.cat([cells.nan_to_num(0.0) / HEIGHTS, known.to(cells.dtype)], -1)
            quarter = quarter + self.relief(layers.permute(0, 3, 1, 2))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        x = self.at_sixteenth(_up(self.to_sixteenth(self.deep(sixteenth))) + sixteenth)
        x = self.at_eighth(_up(self.to_eighth(x)) + eighth)
        x = self.at_quarter(_up(self.to_quarter(x)) + self.past_quarter(quarter))
        x = torch.relu_(self.hidden(x))
        with torch.autocast(x.device.type, enabled=False):  # positions need all digits
            out: Tensor = self.head(x.float())
        return out

    def fuse(self) -> None:
        """Fold normalisations into convolutions; for inference only."""
        self.eval()
        for module in self.modules():
            if isinstance(module, Unit):
                module.fuse()


def quick(device: torch.device | str = "cpu") -> torch.autocast:
    """A context for the network: bfloat16, twice as fast, where the device multiplies it; else float32."""
    kind = torch.device(device).type
    if kind == "cpu":
        known = torch.cpu.get_capabilities()
        able = bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    else:
        able = torch.cuda.is_bf16_supported()
    return torch.autocast(kind, torch.bfloat16, enabled=able)


def _cells(x: Tensor) -> Tensor:
    """(N, h, w) to (N, h / 4, w / 4, 16): each cell's pixels; ``pixel_unshuffle`` is slower."""
    n, height, width = x.shape
    pixels = x.view(n, height // STRIDE, STRIDE, width // STRIDE, STRIDE).transpose(2, 3)
    return pixels.reshape(n, height // STRIDE, width // STRIDE, STRIDE**2)


def _up(x: Tensor) -> Tensor:
    return interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
