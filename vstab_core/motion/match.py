"""The motion between two frames: tracked, and where the tracks leave doubt, with the motion network's help.

The network is asked where fewer than `BEYOND_DOUBT` of the picture's cells hold a track that agrees. If it is sure,
the tracks' own fit counts only near its answer, repeated with its word on what is background where that is another;
else corners led by its answer, and last the answer itself. If it is not, it is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..corners import apply, corners_from_homography
from ..track import View, even, follow, follow_led, spread
from ..types import MESH_SHAPE, FloatArray, Tracks
from .fit import Fit, fit_homography
from .guided import AS_GOOD, GUESSED, SURE, Guess, Guide, Tracked, evidence, is_near
from .local import LocalFit
from .speed import robust_mean

MIN_INLIERS = 8
MIN_SUPPORT = 0.15  # of the corners looked for; across a cut 1 to 6 % still agree by accident
FULL_SUPPORT = 0.5  # support that counts as confidence 1
MAX_SHIFT = 0.7  # of a corner in one frame, half widths: LK cannot have seen more
BEYOND_DOUBT = 0.7  # of the cells hold a track that agrees: no foreground outvotes that, and the network is not asked
MEMORY = 0.85  # share of a track's past in its background score: a third of a second at 30 frames a second

MatchFn = Callable[[Tracks, Fit], None]


@dataclass(frozen=True)
class Match:
    """Motion from one frame to another: corners (4, 2), mesh, confidence 0..1, and how far tracks are off a plane."""

    corners: FloatArray
    mesh: npt.NDArray[np.float32]
    confidence: float
    speed: float


class Matcher:
    """Matches views of one clip; see `MotionEstimator` for the arguments."""

    def __init__(self, aspect: float, guide: Guide | None, on_match: MatchFn | None) -> None:
        self._aspect = aspect
        self._guide = guide
        self._on_match = on_match
        self._local = LocalFit(aspect)

    def match(self, ref: View, cur: View) -> Match | None:
        """Track `ref` into `cur`, coarsely or with the network's help if it must be; `cur` carries on."""
        plain = self._tracked(ref, cur)
        if self._guide is not None and (plain is None or plain.spread < BEYOND_DOUBT):
            guess = self._guide.compare(ref, cur, self._aspect)
            if guess.sure >= SURE:
                return self._guided(guess, ref, cur, plain)
        found = plain or self._tracked(ref, cur, coarse=True)
        return None if found is None else self._carried(found, cur)

    def _guided(self, guess: Guess, ref: View, cur: View, plain: Tracked | None) -> Match:
        """Take the most exact of what a sure network bears out, and its answer where nothing was tracked."""
        found = self._of_background(plain, guess, cur)
        if not is_near(found, guess, self._aspect):
            found = self._led(ref, cur, guess)
        if found is not None:
            return self._carried(found, cur)
        corners = corners_from_homography(guess.cur_from_ref, self._aspect)
        return Match(corners, np.zeros(MESH_SHAPE, np.float32), GUESSED, 0.0)

    def _of_background(self, plain: Tracked | None, guess: Guess, cur: View) -> Tracked | None:
        """Fit the tracks again, by the network's weights, where the first fit is not that of its background."""
        if plain is None:
            return None
        weight = plain.tracks.background * guess.background_at(plain.ref, self._aspect)
        again = self._fitted(plain.tracks, weight, float(weight.sum()), cur, 2.0, (guess.cur_from_ref,))
        if again is None:
            return plain
        before, after = (evidence(of, plain, guess, self._aspect) for of in (plain, again))
        return plain if before >= AS_GOOD * after else again

    def _tracked(self, ref: View, cur: View, *, coarse: bool = False) -> Tracked | None:
        tracks, good = follow(ref, cur, coarse=coarse)
        return self._fitted(tracks, tracks.background, len(good), cur, 4.0 if coarse else 2.0)

    def _led(self, ref: View, cur: View, guess: Guess) -> Tracked | None:
        """Track from where the network leads, in pictures without light and contrast of their own."""
        height, width = cur.image.shape
        before, after = even(ref), even(cur)
        at = self._normalised(2 * before.points + 1, height, width)
        expected = (apply(guess.cur_from_ref, at) / [1.0, self._aspect] + 1) * [width / 2, height / 2]
        tracks, good = follow_led(before, after, np.asarray(expected / 2 - 0.5, np.float32))
        weight = guess.background_at(at, self._aspect)
        return self._fitted(tracks, weight[good], float(weight.sum()), cur, 4.0, (guess.cur_from_ref,))

    def _fitted(
        self,
        tracks: Tracks,
        weight: npt.NDArray[np.float32],
        sought: float,
        cur: View,
        px_of_proxy: float,
        guesses: Sequence[FloatArray] = (),
    ) -> Tracked | None:
        """Fit the background of tracks; None if too few agree of the corners `sought`, by weight where guessed."""
        height, width = cur.image.shape
        px = px_of_proxy / width
        a, b = self._normalised(tracks.ref_px, height, width), self._normalised(tracks.cur_px, height, width)
        fit = fit_homography(a, b, weight, px, guesses)
        if fit is None:
            return None
        inlier = fit.weight > 0.25
        support = float((weight if guesses else inlier)[inlier].sum() / max(1.0, sought))
        corners = corners_from_homography(fit.cur_from_ref, self._aspect)
        if inlier.sum() < MIN_INLIERS or support < MIN_SUPPORT or not np.abs(corners).max() < MAX_SHIFT:
            return None
        return Tracked(tracks, a, b, fit, px, corners, support, spread(tracks.ref_px[inlier], cur.image.shape))

    def _carried(self, found: Tracked, cur: View) -> Match:
        _carry(found.tracks, found.fit, cur)
        if self._on_match is not None:
            self._on_match(replace(found.tracks, background=cur.background), found.fit)
        mesh = self._local.fit(found.ref, found.cur, found.fit, found.px)
        confidence = min(1.0, found.support / FULL_SUPPORT)
        return Match(found.corners, mesh, confidence, robust_mean(found.fit.residual_px) * found.px)

    def _normalised(self, points_px: npt.NDArray[np.float32], height: int, width: int) -> FloatArray:
        scale = np.array([2.0 / width, 2.0 * self._aspect / height])
        return np.asarray(points_px * scale - [1.0, self._aspect])


def _carry(tracks: Tracks, fit: Fit, cur: View) -> None:
    cur.points = np.ascontiguousarray(tracks.cur_px - np.float32(0.5))
    agrees = 1.0 / (1.0 + (fit.residual_px / 1.5) ** 2)
    cur.background = (MEMORY * tracks.background + (1 - MEMORY) * agrees).astype(np.float32)
