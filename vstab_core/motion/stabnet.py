"""StabNet at work: a closed loop, in which what is shown of a frame is what the next ones are held to.

The network sees a small picture and says where a stabilized one takes its pixels from; who uses it decides what is
shown in the end, at full resolution, and tells it, so that it goes on from what was truly shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it

from ..models.backbone import AUTO, chosen
from ..models.load import folded, has_bfloat16, load_module
from ..models.motion import UNIT_PX, Features, cell_centres
from ..models.stabnet import PAST, Answer, Past, StabNet, filled, numbers_of, sources
from ..models.stabnet_graph import compiled
from ..types import FloatArray
from .network_input import reduced, to_picture

Ways = tuple[Callable[[torch.Tensor], Features], Callable[[Past, Features], Answer]]


@dataclass(frozen=True)
class Proposal:
    """What the network says of a frame.

    Attributes:
        src_from_held, src_from_on, src_from_home: (3, 3) normalised, without zoom, to the frame as it was filmed: from
            the picture that stands still since the last frame, from the one that goes on as it moved so far, and from
            the one that is where it should be. A network that answers with one warp tells only the second: the picture
            to be shown.
    """

    src_from_held: FloatArray | None
    src_from_on: FloatArray
    src_from_home: FloatArray | None

    @property
    def src_from_seen(self) -> FloatArray:
        """Where the network sees the frame; one that does not say shows it near there."""
        return self.src_from_on if self.src_from_held is None else self.src_from_held


def net_of(weights: str) -> torch.nn.Module:
    """Return the network that a value of the parameter `stabnet_weights` means, ready to be run.

    Raises:
        ModelError: its file is missing, damaged or of no StabNet.
    """
    name, path = chosen(weights)
    return folded(load_module(name, path, "auto"))


class ClosedLoop:
    """Call `begin` at each shot's first frame; then `propose` and `show` in turn.

    Args:
        aspect: display height / display width of the clip.
        net: the network; None: the one installed.

    Raises:
        ModelError: its weights are missing or damaged.
    """

    def __init__(self, aspect: float, net: torch.nn.Module | None = None) -> None:
        self._net: Any = net or net_of(AUTO)
        torch.set_num_threads(1)  # pictures are so small that a second thread waits, and takes time from others
        self._size: tuple[int, ...] = ()
        self._device = next(self._net.parameters(), torch.empty(0)).device
        self._aspect = aspect
        self._past: deque[tuple[Features, list[torch.Tensor], torch.Tensor]] = deque(maxlen=max(PAST))  # latest first

    @torch.no_grad()
    def begin(self, image: npt.NDArray[np.uint8]) -> None:
        """Show a frame as it is, as if it had been there for long; `image` is a luma proxy (H, W)."""
        self._small = reduced(image, max(self._net.size))
        if self._size != self._small.shape:
            self._size = self._small.shape
            both = self._given(self._small).expand(2, 1, -1, -1)
            self._features, self._forward = self._ways(both)
        self._past.clear()
        self.show(np.eye(3))

    @torch.no_grad()
    def propose(self, image: npt.NDArray[np.uint8]) -> Proposal:
        """Return how the network would show the next frame."""
        self._small = reduced(image, max(self._net.size))
        height, width = self._small.shape
        # Two at once: a seventh less time than one after the other.
        both = torch.cat([self._given(self._small)[None, None], self._shown])
        current, latest = self._features(both).split(1)
        remembered = latest, self._shares, self._moved_by
        self._past.extendleft([remembered] * (1 if self._past else max(PAST)))
        answer = self._forward(self._remembered(), current)
        out = to_picture(height, width, self._aspect)

        def in_picture(of_input: FloatArray) -> FloatArray:
            h = out @ of_input @ np.linalg.inv(out)
            return np.asarray(h / h[2, 2])

        if answer.held is None or answer.on is None or answer.home is None:
            return Proposal(None, in_picture(_plane_of(answer, (height, width))), None)
        told = (answer.held, answer.on, answer.home)
        return Proposal(*(in_picture(part[0].double().cpu().numpy()) for part in told))

    @torch.no_grad()
    def show(self, src_from_stab: FloatArray) -> None:
        """Remember how that frame was shown: (3, 3) normalised, without zoom."""
        height, width = self._size
        out = to_picture(height, width, self._aspect)
        h = np.linalg.inv(out) @ src_from_stab @ out
        h /= h[2, 2]
        picture, mask = (self._given(plane)[None] for plane in _seen_by(self._small, h))
        self._shown = filled(picture[None], mask)
        self._shares = [F.avg_pool2d(mask, stride)[:, None] for stride in self._net.strides]
        self._moved_by = numbers_of(self._given(h)[None])

    def _ways(self, pictures: torch.Tensor) -> Ways:
        if isinstance(self._net, StabNet):
            return compiled(self._net, pictures)
        return self._net.features, self._answer_of_large

    def _answer_of_large(self, past: Past, current: Features) -> Answer:
        # The compact network would gain 2 ms of a frame's 50 by it, and answer otherwise on another processor.
        short = self._device.type == "cpu" and has_bfloat16()
        with torch.autocast("cpu", torch.bfloat16, enabled=short):
            answers: list[Answer] = self._net(past, current)
        return answers[-1]

    def _remembered(self) -> Past:
        features, masks, moved_by = zip(*(self._past[back - 1] for back in PAST), strict=True)

        def six(parts: Iterable[list[torch.Tensor]]) -> list[torch.Tensor]:
            return [torch.cat(of_level)[None] for of_level in zip(*parts, strict=True)]

        return Past(six(of.compared for of in features), six(masks), features[0].context, torch.cat(moved_by)[None])

    def _given(self, values: npt.NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self._device)


def _seen_by(image: npt.NDArray[np.uint8], h: FloatArray) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Return a network's input (H, W) warped by a normalised homography, and where that shows something, 1 or 0.

    As `models.stabnet.shown`, in a tenth of its time.
    """
    height, width = image.shape
    # From normalised coordinates to OpenCV's pixels, whose centres are at integers.
    out = np.array([[UNIT_PX, 0, (width - 1) / 2], [0, UNIT_PX, (height - 1) / 2], [0, 0, 1]])
    at, size = out @ h @ np.linalg.inv(out), (width, height)
    backward = cv2.WARP_INVERSE_MAP
    picture = cv2.warpPerspective(
        image.astype(np.float32), at, size, flags=cv2.INTER_LINEAR | backward, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpPerspective(np.ones_like(image), at, size, flags=cv2.INTER_NEAREST | backward)
    return np.asarray(picture, np.float32), np.asarray(mask, np.uint8)


def _plane_of(answer: Answer, size: tuple[int, int]) -> FloatArray:
    """Return the homography nearest to a mesh, normalised; the frame as it is where it has no such."""
    points = cell_centres(*size, 1)[:: size[0] // 8, :: size[1] // 8]
    at = sources(answer, points.to(answer.src_from_dst.device), size)[0].cpu()
    found, _ = cv2.findHomography((points / UNIT_PX).reshape(-1, 2).numpy(), (at / UNIT_PX).reshape(-1, 2).numpy())
    return np.eye(3) if found is None else np.asarray(found)
