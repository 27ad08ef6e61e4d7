"""Frame-to-frame motion of one clip, measured from its pixels and split into shots."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import registration
from .clip import Luma
from .registration import Fit, Matrix, Points

FOLLOWED = 15  # points that must agree on a motion
FOLLOWED_SHARE = 0.25
CUT_HISTOGRAM = 0.15  # Hellinger distance of luma histograms; motion without blur stays under 0.1 in our clips
CUT_TRACKED = 0.2  # share of points still followed
CUT_MATCHES = 10  # SIFT matches that agree; unrelated pictures have 3 or 4


@dataclass(frozen=True)
class Step:
    """The way from one frame to the next, in pixels of the reduced picture.

    Attributes:
        first, second: (N, 2) float32, the points followed, in the frame before and in this one.
        similarity: now_from_before, or None where it could not be measured.
        homography: the same with perspective, or None.
    """

    first: Points
    second: Points
    similarity: Fit | None
    homography: Fit | None

    @property
    def motion(self) -> Matrix | None:
        """The similarity's matrix."""
        return None if self.similarity is None else self.similarity.matrix


@dataclass
class Follower:
    """Measures the steps of a clip as its frames come.

    Attributes:
        shots: steps of each shot so far; a shot of n frames has n - 1.
    """

    shots: list[list[Step]] = field(default_factory=lambda: [[]])
    before: Luma | None = None
    _tracked_share: float = 1.0

    def push(self, picture: Luma) -> Step | None:
        """Return the step to this frame; None for the first."""
        before, self.before = self.before, picture
        if before is None:
            return None
        step = self._step(before, picture)
        self.shots[-1].append(step)
        return step

    def _step(self, before: Luma, picture: Luma) -> Step:
        points = registration.corners_of(before)
        first, second = registration.track(before, picture, points)
        self._tracked_share = len(first) / max(len(points), 1)
        similarity = registration.fit_similarity(first, second, picture.shape)
        if similarity is None or similarity.inliers < FOLLOWED:  # blurred, or beyond the reach of Lucas-Kanade
            first, second = registration.SiftMatcher().match(before, picture)
            similarity = registration.fit_similarity(first, second, picture.shape)
        if similarity is None or similarity.inliers < FOLLOWED or similarity.share < FOLLOWED_SHARE:
            return Step(first, second, None, None)
        return Step(first, second, similarity, registration.fit_homography(first, second, picture.shape))

    def is_cut(self, before: Luma, now: Luma) -> bool:
        """Tell a shot cut from a blurred frame: few points followed, other brightness, nothing that SIFT can match."""
        if self._tracked_share > CUT_TRACKED:
            return False
        shares = [np.histogram(picture, 64, (0, 256))[0] / picture.size for picture in (before, now)]
        if np.sqrt(max(0.0, 1 - float(np.sqrt(shares[0] * shares[1]).sum()))) < CUT_HISTOGRAM:
            return False
        fit = registration.fit_similarity(*registration.SiftMatcher().match(before, now), now.shape)
        return fit is None or fit.inliers < CUT_MATCHES

    def cut(self) -> None:
        """Begin a new shot at the frame just given."""
        self.shots[-1].pop()
        self.shots.append([])
