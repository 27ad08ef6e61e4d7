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
from .believe import COARSE, belief_in, belief_in_network, movements, one_movement
from .fit import Fit, fit_homography, refined
from .guided import GUESSED, Guess, Guide, Tracked, is_near
from .local import LocalFit
from .speed import robust_mean

MIN_INLIERS = 8
MIN_SUPPORT = 0.15  # of the corners looked for; across a cut 1 to 6 % still agree by accident
FULL_SUPPORT = 0.5  # support that counts as confidence 1
MAX_SHIFT = 0.7  # of a corner in one frame, half widths: LK cannot have seen more
BEYOND_DOUBT = 0.7  # of the cells hold a track that agrees: no foreground outvotes that, and the network is not asked
AGREES_PX = 1.5  # of a fit: a track that far off counts half as background,
BENT_PX = 8.0  # of the proxy, in place of 2, where one bent movement is all there is
GUESSED_PX = 6.0  # and so far off the network's answer
HEARD = 0.08
KEPT = 0.3
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
        tracks, good = follow(ref, cur)
        plain = self._fitted(tracks, tracks.background, len(good), cur, 2.0)
        if self._guide is not None and (plain is None or plain.spread < BEYOND_DOUBT):
            guess = self._guide.compare(ref, cur, self._aspect)
            if guess.sure >= HEARD:
                return self._judged(guess, ref, cur, tracks, len(good), plain)
        found = plain or self._coarse(ref, cur)
        return None if found is None else self._carried(found, cur)

    def _judged(
        self, guess: Guess, ref: View, cur: View, tracks: Tracks, sought: int, plain: Tracked | None
    ) -> Match:
        """Take the movement for which most speaks, among the tracks or the network's; at worst its bare answer."""
        height, width = cur.image.shape
        a, b = self._normalised(tracks.ref_px, height, width), self._normalised(tracks.cur_px, height, width)
        if one_movement(a, b, 2.0 / width, sought):
            whole = plain or self._coarse(ref, cur) or self._fitted(tracks, tracks.background, sought, cur, BENT_PX)
            if whole is not None:
                return self._carried(whole, cur)
        found = [plain] if plain is not None else []
        for start in movements(a, b, 2.0 / width):
            rival = self._from(start, tracks, a, b, sought, cur)
            if rival is not None:
                found.append(rival)
        beliefs = [belief_in(of, tracks, a, b, guess, self._aspect) for of in found]
        if plain is not None:
            beliefs[0] += KEPT
        own = belief_in_network(guess)
        best = None
        if beliefs and max(beliefs) > own:
            best = found[int(np.argmax(beliefs))]
        else:
            led = self._led(ref, cur, guess)
            coarse = self._coarse(ref, cur) if plain is None else None
            near = [of for of in (coarse, led) if is_near(of, guess, self._aspect)]
            if near:
                best = near[-1]
            elif coarse is not None and COARSE > own:
                best = coarse
        if best is not None:
            return self._carried(best, cur)
        corners = corners_from_homography(guess.cur_from_ref, self._aspect)
        off = np.linalg.norm(apply(guess.cur_from_ref, a) - b, axis=1) * width / 2
        _carry(tracks, off / GUESSED_PX, cur)
        return Match(corners, np.zeros(MESH_SHAPE, np.float32), GUESSED, 0.0)

    def _from(
        self, start: FloatArray, tracks: Tracks, a: FloatArray, b: FloatArray, sought: int, cur: View
    ) -> Tracked | None:
        px = 2.0 / cur.image.shape[1]
        fit = refined(start, a, b, np.ones(len(a), np.float32), px)
        inlier = fit.weight > 0.25
        corners = corners_from_homography(fit.cur_from_ref, self._aspect)
        if inlier.sum() < MIN_INLIERS or not np.abs(corners).max() < MAX_SHIFT:
            return None
        support = float(inlier.sum() / max(1.0, sought))
        return Tracked(tracks, a, b, fit, px, corners, support, spread(tracks.ref_px[inlier], cur.image.shape))

    def _coarse(self, ref: View, cur: View) -> Tracked | None:
        tracks, good = follow(ref, cur, coarse=True)
        return self._fitted(tracks, tracks.background, len(good), cur, 4.0)

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
        _carry(found.tracks, found.fit.residual_px / AGREES_PX, cur)
        if self._on_match is not None:
            self._on_match(replace(found.tracks, background=cur.background), found.fit)
        mesh = self._local.fit(found.ref, found.cur, found.fit, found.px)
        confidence = min(1.0, found.support / FULL_SUPPORT)
        return Match(found.corners, mesh, confidence, robust_mean(found.fit.residual_px) * found.px)

    def _normalised(self, points_px: npt.NDArray[np.float32], height: int, width: int) -> FloatArray:
        scale = np.array([2.0 / width, 2.0 * self._aspect / height])
        return np.asarray(points_px * scale - [1.0, self._aspect])


def _carry(tracks: Tracks, off: FloatArray, cur: View) -> None:
    cur.points = np.ascontiguousarray(tracks.cur_px - np.float32(0.5))
    cur.background = (MEMORY * tracks.background + (1 - MEMORY) / (1.0 + off**2)).astype(np.float32)
