"""Warps decided by StabNet in a closed loop, held to the crop budget, with the trajectory's path where it misreads.

Two look at each frame: the tracker and the solver of live streaming (`smooth.streaming`), and the network, which sees
what was shown before. What the network proposes is shown if both see the frame in one place; if not, what the solver
says. Either goes on from what was shown.

The network says at what pace the picture goes on and how far it is from where it should be. The frame is held where the
tracker sees it, to a fraction of a pixel, which the network does not see, and moved on by that pace, settled over some
frames. Each frame goes a little of the way home, `smoothness` says how little. Where much of the crop budget is
used it goes more, and beyond that the solver has a say, which sees the bounds and eases into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .corners import inverse, similarity_basis
from .errors import UsageError
from .models.backbone import AUTO, check_file
from .motion.homography import MotionEstimator, MotionStep
from .params import Parameters
from .smooth.crop import sides_of
from .smooth.streaming import StreamingPath
from .smooth.weights import horizon_frames
from .track import Luma
from .types import FloatArray, FrameWarp

if TYPE_CHECKING:
    from .motion.stabnet import Proposal

TINY = 1e-9
# Half widths, at a corner: where tracker and network see a frame further apart than this, one of them misread it, and
# the tracker seldom does.
DISAGREE = 0.03
SETTLE = 1 / 8  # of what the network says anew of pace and way home: it sees a hand's shake in them, too
ZOOM = 2  # which of the four numbers; driving on is one, and its pace is what the tracker sees
ZOOM_FRAMES = 8, 24  # over which it is averaged, at first and later
HOMEWARD = 0.5  # of the way home in as many frames as the horizon of `smoothness` has
EASY, TIGHT = 0.5, 0.7  # uses of the budget between which more of the way home is gone,
HURRY = 0.15  # at most this more of it each frame; beyond, more and more the solver decides


class Loop(Protocol):
    """A network and what it remembers, see `motion.stabnet.ClosedLoop`."""

    def begin(self, image: Luma) -> None:
        """Begin a shot with a frame that is shown as it is."""

    def propose(self, image: Luma) -> Proposal:
        """Say how the next frame should be shown."""

    def show(self, src_from_stab: FloatArray) -> None:
        """Be told how it was shown."""


class ClosedLoopPath:
    """Push each frame; get its warp at once.

    Args:
        aspect, interval_s, parameters: as those of `StreamingPath`; the look-ahead is 0 whatever they say.
        loop: another network than the parameters say.

    Attributes:
        fallbacks: frames whose warp is the solver's.

    Raises:
        UsageError: a parameter asks for what needs later frames, or another path than the network's.
        ModelError: the network's weights cannot be used.
    """

    def __init__(self, aspect: float, interval_s: float, parameters: Parameters, loop: Loop | None = None) -> None:
        check(parameters)
        self._aspect = aspect
        self._path = StreamingPath(aspect, interval_s, replace(parameters, look_ahead=0))
        self._loop = loop or _loop_of(aspect, parameters.stabnet_weights)
        self._basis = similarity_basis(aspect)
        self._sides = sides_of(self._basis, aspect) / max(parameters.max_crop, TINY)
        self._homeward = min(1.0, HOMEWARD / max(horizon_frames(parameters, interval_s), TINY))
        self.fallbacks = 0

    def push(self, image: Luma, step: MotionStep) -> FrameWarp:
        """Take a luma proxy and its motion as the tracker saw it; return its warp."""
        held, offset = self._path.held(step.corners), self._path.offset
        solved = self._path.push(step.corners, step.cut, step.mesh)[0]
        if step.cut:
            self._pace, self._way, self._zooms = np.zeros(4), np.zeros(4), ZOOM_FRAMES[0]
            self._loop.begin(image)
            return solved
        proposed = self._loop.propose(image)
        if self._agree(held, proposed):
            warp = self._path.show_instead(self._wished(held, offset - held, proposed))
        else:
            warp = solved
            self.fallbacks += 1
        # The way home is shorter by what was gone, beside the pace.
        self._way -= self._path.offset - held - self._pace
        self._loop.show(self._path.src_from_steady)
        return warp

    def _agree(self, held: FloatArray, proposed: Proposal) -> bool:
        """Return whether the tracker and the network see the frame in the same place."""
        apart = (self._path.coefficients(inverse(proposed.src_from_seen)) - held) @ self._basis
        return float(np.abs(apart).max()) < DISAGREE

    def _wished(self, held: FloatArray, moved: FloatArray, proposed: Proposal) -> FloatArray:
        """Return the correction that is wished, as coefficients (4,).

        Args:
            held: the correction that holds the picture where it was, (4,).
            moved: how the camera moved, (4,).
            proposed: by the network.
        """
        on = self._path.coefficients(inverse(proposed.src_from_on))
        # What is not told apart: the frame is where the tracker sees it, and the way home is in the pace.
        seen = held if proposed.src_from_held is None else self._path.coefficients(inverse(proposed.src_from_held))
        home = on if proposed.src_from_home is None else self._path.coefficients(inverse(proposed.src_from_home))
        self._zooms = min(self._zooms + 1, ZOOM_FRAMES[1])
        change = SETTLE * (on - seen - self._pace)
        if proposed.src_from_home is not None:
            change[ZOOM] = (moved[ZOOM] - self._pace[ZOOM]) / self._zooms
        self._pace += change
        self._way += SETTLE * (home - on - self._way)
        on = held + self._pace
        hurry = HURRY * self._beyond(on, EASY, TIGHT) ** 2
        wished = on + min(1.0, self._homeward + hurry) * self._way
        return np.asarray(wished + self._beyond(wished, TIGHT, 2 * TIGHT) * (self._path.offset - wished))

    def _beyond(self, correction: FloatArray, low: float, high: float) -> float:
        """Return how far from one use of the budget to another a correction is, 0..1."""
        use = float((self._sides @ correction).max())
        return float(np.clip((use - low) / (high - low), 0.0, 1.0))


def _loop_of(aspect: float, weights: str) -> Loop:
    from .models.torch_import import import_torch

    import_torch()
    from .motion.stabnet import ClosedLoop, net_of

    return ClosedLoop(aspect, net_of(weights))


def follow(
    images: Iterable[Luma], aspect: float, interval_s: float, parameters: Parameters
) -> Iterator[tuple[MotionStep, FrameWarp]]:
    """Yield the motion and the warp of every luma proxy of a clip, in order."""
    path, estimator = ClosedLoopPath(aspect, interval_s, parameters), MotionEstimator(aspect, live=True)
    for image in images:
        for step in estimator.push(image):  # one, as it is live
            yield step, path.push(image, step)


def check_weights(parameters: Parameters) -> None:
    """Refuse weights that no method asks for, or that cannot be used.

    Raises:
        UsageError: the method is another.
        ModelError: the file is missing, damaged or of another network.
    """
    if parameters.stabnet_weights == AUTO:
        return
    if parameters.method != "stabnet":
        raise UsageError(
            f"--stabnet-weights '{parameters.stabnet_weights}' counts with --method stabnet only, got --method "
            f"{parameters.method}; give --method stabnet, or --stabnet-weights auto"
        )
    check_file(parameters.stabnet_weights)


def check(parameters: Parameters) -> None:
    """Refuse what a closed loop cannot do.

    Raises:
        UsageError: naming the parameter.
    """
    for name, value, instead in (
        ("model", ("rotation",), "translation, similarity, homography or mesh"),
        ("zoom", ("dynamic",), "static or none"),
        ("border", ("fill",), "crop, black or mirror"),
        ("lock", ("on",), "off"),
    ):
        given = getattr(parameters, name)
        if given in value:
            raise UsageError(
                f"--method stabnet decides each frame before it sees the next, so it has no --{name} {given}; use "
                f"{instead}, or --method klt"
            )
    if parameters.hyperlapse > 1:
        raise UsageError("--method stabnet cannot choose the frames of a --hyperlapse; use --method klt or cnn for it")
