"""StabNet at work: a closed loop, in which what is shown of a frame is what the next ones are held to.

The network sees a small picture and says where a stabilized one takes its pixels from; who uses it decides what is
shown in the end, at full resolution, and tells it, so that it goes on from what was truly shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from ..models.backbone import AUTO, chosen
from ..models.load import folded, load_module
from ..models.motion import UNIT_PX, Features, cell_centres
from ..models.stabnet import PAST, Answer, Past, StabNet, numbers_of, past_of, shown, sources
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
        self._past: deque[tuple[Features, torch.Tensor, torch.Tensor]] = deque(maxlen=max(PAST))  # the latest first

    @torch.no_grad()
    def begin(self, image: npt.NDArray[np.uint8]) -> None:
        """Show a frame as it is, as if it had been there for long; `image` is a luma proxy (H, W)."""
        picture = self._input(image)
        if self._size != tuple(picture.shape[2:]):
            self._size = tuple(picture.shape[2:])
            self._features, self._forward = self._ways(picture)
        mask = torch.ones(1, *picture.shape[2:], device=self._device)
        remembered = self._features(picture), mask, torch.zeros(1, 4, device=self._device)
        self._past.extend([remembered] * max(PAST))

    @torch.no_grad()
    def propose(self, image: npt.NDArray[np.uint8]) -> Proposal:
        """Return how the network would show the next frame."""
        self._picture = self._input(image)
        height, width = self._picture.shape[2:]
        answer = self._forward(self._remembered(), self._features(self._picture))
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
        height, width = self._picture.shape[2:]
        out = to_picture(height, width, self._aspect)
        h = np.linalg.inv(out) @ src_from_stab @ out
        matrix = self._given(h / h[2, 2])[None]
        picture, mask = shown(self._picture, Answer(matrix))
        self._past.appendleft((self._features(picture), mask, numbers_of(matrix)))

    def _ways(
        self, picture: torch.Tensor
    ) -> tuple[Callable[[torch.Tensor], Features], Callable[[Past, Features], Answer]]:
        if isinstance(self._net, StabNet):
            return compiled(self._net, picture)
        return self._net.features, lambda past, current: self._net(past, current)[-1]

    def _remembered(self) -> Past:
        past = [self._past[back - 1] for back in PAST]
        levels = range(len(self._net.strides))
        features = Features(
            [torch.cat([of.compared[level] for of, _, _ in past]) for level in levels],
            [torch.cat([of.context[level] for of, _, _ in past]) for level in levels],
        )
        mask = torch.cat([mask for _, mask, _ in past])[None]
        return past_of(features, mask, torch.cat([moved_by for *_, moved_by in past])[None], self._net.strides)

    def _input(self, image: npt.NDArray[np.uint8]) -> torch.Tensor:
        small = reduced(image, max(self._net.size))
        return self._given(small)[None, None]

    def _given(self, values: npt.NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self._device)


def _plane_of(answer: Answer, size: tuple[int, int]) -> FloatArray:
    """Return the homography nearest to a mesh, normalised; the frame as it is where it has no such."""
    points = cell_centres(*size, 1)[:: size[0] // 8, :: size[1] // 8]
    at = sources(answer, points.to(answer.src_from_dst.device), size)[0].cpu()
    found, _ = cv2.findHomography((points / UNIT_PX).reshape(-1, 2).numpy(), (at / UNIT_PX).reshape(-1, 2).numpy())
    return np.eye(3) if found is None else np.asarray(found)
