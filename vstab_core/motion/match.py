"""The motion between two frames: tracked, and where the tracks leave doubt, with the motion network's help.

The network is asked where fewer than `BEYOND_DOUBT` of the picture's cells hold a track that agrees, unless all tracks
are of one bent movement. Then the movements among the tracks and the network's answer are weighed (`believe`). Where it
has hardly a word to say, as across a cut, it is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..corners import apply, corners_from_homography
from ..track import View, even, follow, follow_led, spread
from ..types import MESH_SHAPE, FloatArray, Tracks
from .believe import COARSE, belief_in, belief_in_network, confirmed, movements, one_movement
from .fit import Fit, fit_homography, refined
from .guided import GUESSED, Guess, Guide, Seen, Tracked, apart
from .local import LocalFit
from .similar import same_picture
from .speed import robust_mean

MIN_INLIERS = 8
MIN_SUPPORT = 0.15  # of the corners looked for; across a cut 1 to 6 % still agree by accident
FULL_SUPPORT = 0.5  # support that counts as confidence 1
MAX_SHIFT = 0.7  # of a corner in one frame, half widths: LK cannot have seen more
BEYOND_DOUBT = 0.7  # of the cells hold a track that agrees: no foreground outvotes that, and the network is not asked
FULL, HALF = 1.0, 2.0  # size of a pixel in which tracks are fitted, in those of the proxy
BENT = 4.0  # the same where one bent movement is all there is, as behind a rolling shutter
SMALLEST_PX = 16  # side of a picture that the network is shown
HEARD = 0.08  # sure enough to be weighed at all: across 119 of 120 cuts between films it was 0.03 at most
NEAR = 0.05  # half widths: tracks that much off its answer may be what it saw (8 px of its input)
SAME = 0.0125  # half widths: movements no further apart are one
KEPT = 0.3  # of belief, that another movement needs more than the tracks' own fit
MEMORY = 0.85  # share of a track's past in its background score: a third of a second at 30 frames a second
TAUGHT = 0.7  # the same where weighing brought another answer than the tracks alone, to need less of it
TRUST = 3  # frames after one that the network confirmed, in which it is not asked,
STEADY = 0.9  # while at least this share of the cells is left that agreed then
AGREES_PX = 1.5  # of the tracked picture: a track that far off what was fitted counts half as background,
GUESSED_PX = 6.0  # and so far off the network's answer

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
        self._trust = 0  # frames for which the network is not asked again,
        self._confirmed_spread = 0.0  # as long as the tracks spread as when it confirmed them

    def match(self, ref: View, cur: View) -> Match | None:
        """Track `ref` into `cur`, coarsely or with the network's help if it must be; `cur` carries on."""
        trusted, self._trust = self._trust > 0, self._trust - 1
        tracks, good = follow(ref, cur)
        plain = self._fitted(tracks, len(good), cur, FULL)
        guide = self._guide if min(cur.image.shape) >= SMALLEST_PX else None
        if guide is None or (plain is not None and plain.spread >= BEYOND_DOUBT):
            found = plain or self._coarse(ref, cur)
            return None if found is None else self._carried(found, cur)
        seen = self._seen(tracks, len(good), cur)
        usual = plain or self._coarse(ref, cur)
        if one_movement(seen):
            usual = usual or self._fitted(tracks, len(good), cur, BENT)
            if usual is not None:
                return self._carried(usual, cur)
        elif plain is not None and trusted and plain.spread >= STEADY * self._confirmed_spread:
            return self._carried(plain, cur)
        guess = guide.compare(ref, cur, self._aspect)
        if guess.sure < HEARD or (plain is None and not same_picture(ref.image, cur.image)):
            return None if usual is None else self._carried(usual, cur)
        found = self._judged(guess, ref, cur, seen, plain, usual)
        if found is None:
            return self._guessed(guess, seen, cur)
        # What klt alone says is remembered as klt alone would: confirming must not change the frames that follow.
        return self._carried(found, cur, MEMORY if found is usual else TAUGHT)

    def _judged(
        self, guess: Guess, ref: View, cur: View, seen: Seen, plain: Tracked | None, usual: Tracked | None
    ) -> Tracked | None:
        """Return the movement for which most speaks; None for the network's bare answer.

        Args:
            usual: what counts without the network: `plain`, or else tracks at half size.
        """
        if usual is not None and confirmed(usual, guess, self._aspect):
            if usual is plain:
                self._trust, self._confirmed_spread = TRUST, usual.spread
            return usual
        found = self._rivals(plain, seen, cur)
        beliefs = [belief_in(of, guess, self._aspect) + (KEPT if of is plain else 0.0) for of in found]
        own = belief_in_network(guess)
        if max(beliefs, default=-np.inf) > own:
            best = found[int(np.argmax(beliefs))]
            same = usual is not None and np.abs(usual.corners - best.corners).max() < SAME
            return usual if same else best
        if plain is None and apart(usual, guess, self._aspect) < NEAR:
            return usual
        led = self._led(ref, cur, guess)
        if apart(led, guess, self._aspect) < NEAR:
            return led
        return usual if plain is None and own < COARSE else None

    def _rivals(self, plain: Tracked | None, seen: Seen, cur: View) -> list[Tracked]:
        """Return the movements among the tracks, first what counts for the tracks alone."""
        rivals = [self._moving(start, seen, cur) for start in movements(seen)]
        return [of for of in (plain, *rivals) if of is not None]

    def _guessed(self, guess: Guess, seen: Seen, cur: View) -> Match:
        _carry(seen.tracks, seen.off_px(guess.cur_from_ref) / GUESSED_PX, cur, TAUGHT)
        corners = corners_from_homography(guess.cur_from_ref, self._aspect)
        return Match(corners, np.zeros(MESH_SHAPE, np.float32), GUESSED, 0.0)

    def _coarse(self, ref: View, cur: View) -> Tracked | None:
        tracks, good = follow(ref, cur, coarse=True)
        return self._fitted(tracks, len(good), cur, HALF)

    def _led(self, ref: View, cur: View, guess: Guess) -> Tracked | None:
        """Track from where the network leads, in pictures without light and contrast of their own."""
        height, width = cur.image.shape
        before, after = even(ref), even(cur)
        at = self._normalised(2 * before.points + 1, height, width)
        expected = (apply(guess.cur_from_ref, at) / [1.0, self._aspect] + 1) * [width / 2, height / 2]
        tracks, good = follow_led(before, after, np.asarray(expected / 2 - 0.5, np.float32))
        weight = guess.background_at(at, self._aspect)
        led = self._seen(tracks, 0, cur, HALF)
        fit = fit_homography(led.ref, led.cur, weight[good], led.px, (guess.cur_from_ref,))
        if fit is None:
            return None
        inlier = fit.weight > 0.25
        return self._supported(led, fit, float(weight[good][inlier].sum() / max(1.0, weight.sum())), cur)

    def _fitted(self, tracks: Tracks, sought: int, cur: View, pixel: float) -> Tracked | None:
        """Fit the background of tracks; None if too few agree of the corners `sought`."""
        seen = self._seen(tracks, sought, cur, pixel)
        fit = fit_homography(seen.ref, seen.cur, tracks.background, seen.px)
        return None if fit is None else self._supported(seen, fit, _share(fit, sought), cur)

    def _moving(self, start: FloatArray, seen: Seen, cur: View) -> Tracked | None:
        """Fit one movement of several."""
        fit = refined(start, seen.ref, seen.cur, np.ones(len(seen.ref), np.float32), seen.px)
        return self._supported(seen, fit, _share(fit, seen.sought), cur, 0.0)

    def _supported(self, seen: Seen, fit: Fit, support: float, cur: View, least: float = MIN_SUPPORT) -> Tracked | None:
        inlier = fit.weight > 0.25
        corners = corners_from_homography(fit.cur_from_ref, self._aspect)
        if inlier.sum() < MIN_INLIERS or support < least or not np.abs(corners).max() < MAX_SHIFT:
            return None
        reach = spread(seen.tracks.ref_px[inlier], cur.image.shape)
        return Tracked(seen, fit, corners, support, reach)

    def _seen(self, tracks: Tracks, sought: int, cur: View, pixel: float = FULL) -> Seen:
        height, width = cur.image.shape
        a, b = (self._normalised(points, height, width) for points in (tracks.ref_px, tracks.cur_px))
        return Seen(tracks, a, b, 2.0 * pixel / width, sought)

    def _carried(self, found: Tracked, cur: View, memory: float = MEMORY) -> Match:
        seen, fit = found.seen, found.fit
        _carry(seen.tracks, fit.residual_px / AGREES_PX, cur, memory)
        if self._on_match is not None:
            self._on_match(replace(seen.tracks, background=cur.background), fit)
        mesh = self._local.fit(seen.ref, seen.cur, fit, seen.px)
        confidence = min(1.0, found.support / FULL_SUPPORT)
        return Match(found.corners, mesh, confidence, robust_mean(fit.residual_px) * seen.px)

    def _normalised(self, points_px: npt.NDArray[np.float32], height: int, width: int) -> FloatArray:
        scale = np.array([2.0 / width, 2.0 * self._aspect / height])
        return np.asarray(points_px * scale - [1.0, self._aspect])


def _share(fit: Fit, sought: int) -> float:
    return float((fit.weight > 0.25).sum() / max(1, sought))


def _carry(tracks: Tracks, off: FloatArray, cur: View, memory: float) -> None:
    cur.points = np.ascontiguousarray(tracks.cur_px - np.float32(0.5))
    cur.background = (memory * tracks.background + (1 - memory) / (1.0 + off**2)).astype(np.float32)
