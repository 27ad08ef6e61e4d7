"""The motion network at work: asked where the tracker is in doubt.

It sees what corners cannot tell: which of two movements is the background's, and where a dark, blurred or plain
picture went. It is exact to about a pixel only, so its answer is where the tracker starts from and not, unless nothing
can be tracked, where it ends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from ..models.load import folded, load_module
from ..models.motion import Features, MotionNet, cell_centres, moved
from ..track import View
from .guided import Guess
from .network_input import reduced, to_picture

LONG_SIDE_PX = 320  # of the network's input, as in training
AGREES_PX = 2.0  # of the input: a cell that far from the answer supports it by a quarter


class NetworkGuide:
    """Holds the network; frames are looked at once and compared as often as needed."""

    def __init__(self, net: torch.nn.Module | None = None) -> None:
        self._net: MotionNet = net or folded(load_module("motion", device="auto"))  # type: ignore[assignment]
        torch.set_num_threads(1)  # pictures are so small that a second thread waits, and takes time from others
        self._device = next(self._net.parameters(), torch.empty(0)).device

    def compare(self, ref: View, cur: View, aspect: float) -> Guess:
        """Say where the background of `ref` is in `cur`; what is seen in a frame is kept in its view."""
        for view in (ref, cur):
            if view.features is None:
                view.features = self.look(view.image)
        return self.guess(ref.features, cur.features, aspect)

    @torch.inference_mode()
    def look(self, image: npt.NDArray[np.uint8]) -> Features:
        """Return the features of a luma proxy (H, W)."""
        small = reduced(image, LONG_SIDE_PX)
        return self._net.features(torch.from_numpy(small).float()[None, None].to(self._device))

    @torch.inference_mode()
    def guess(self, ref: Features, cur: Features, aspect: float) -> Guess:
        """Say where the background of `ref` is in `cur`; `aspect` is that of the picture."""
        estimate = self._net.forward(ref, cur)[-1]
        background = torch.sigmoid(estimate.confidence[0, 0])
        rows, cols = background.shape
        grid = cell_centres(rows, cols, estimate.stride, self._device)
        leads = moved(estimate.cur_from_ref, grid)[0] - grid
        off = (estimate.flow_px[0].permute(1, 2, 0) - leads).norm(dim=-1)
        agrees = 1 / (1 + (off / AGREES_PX) ** 2) ** 2
        out = to_picture(rows * estimate.stride, cols * estimate.stride, aspect)
        h = out @ estimate.cur_from_ref[0].double().cpu().numpy() @ np.linalg.inv(out)
        return Guess(h / h[2, 2], background.cpu().numpy(), float((background * agrees).mean()))
