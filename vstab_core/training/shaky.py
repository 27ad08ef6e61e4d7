"""Shaky films with the steady ones beside them: what StabNet is trained on.

A still stands before a camera that shakes about the path of a steady one. Seen by the shaky camera: the frames that are
to be stabilized, with rolling shutter, parallax, foregrounds, blur and noise. Seen by the steady one, as if the frames
before had been stabilized well, though not perfectly: the past. The truth is where each pixel of the steady view is in
the shaky one. Lengths are in pixels of the network's input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from ..corners import inverse, similarity_basis, similarity_from
from ..types import FloatArray
from .pairs import cells_of, motion_blur, outline, smooth_noise
from .paths import make_paths
from .stills import Pyramid, pick, view_of

Image = npt.NDArray[Any]  # float32; OpenCV's stubs promise less

STEADY_S = 0.5  # the steady path is the shaky one, smoothed by a Gaussian of that deviation
MARGIN = 60  # frames of path before and after, for the smoothing: two deviations at 60 frames a second
PARALLAX = 0.3  # of the shift between two cameras, at most
SEEN_WITHIN_PX = 1.0  # of the plane: what stands nearer does not tell of the camera
SCALES, TURN_RAD = (0.7, 3.5), 0.1  # of a still under the view
NO_MAP: Any = None  # positions in one array need no second


@dataclass(frozen=True)
class Film:
    """One sample: consecutive frames, and a past to stabilize them by.

    Attributes:
        frames: (T, H, W) codes, as filmed.
        steady: (T, H, W) codes, by the steady camera.
        past: (P, H, W) codes, stabilized frames, at `back` frames before the first of `frames`.
        mask: (P, H, W) 0 or 1: where those show something.
        filmed_from_past: (P, 3, 3): from those to the frames of which they were made, pixels from the middle.
        truth_px: (T, h, w, 2): where each cell of the steady view is in the filmed frame, from the middle.
        seen: (T, h, w) in 0..1: the cell shows background that both have.
        past_error_px: (2, h, w, 2): how far the two frames before `frames[0]` are off the steady view, the latest
            first, as the error of an answer would be.
        shake_px: RMS of the shift between the two cameras.
    """

    frames: Image
    steady: Image
    past: Image
    mask: Image
    filmed_from_past: Image
    truth_px: Image
    seen: Image
    past_error_px: Image
    shake_px: float


def make_films(
    stills: Sequence[Pyramid],
    rng: np.random.Generator,
    count: int,
    size: tuple[int, int],
    back: Sequence[int],
    frames: int,
    stride: int,
) -> list[Film]:
    """Film `count` samples.

    Args:
        stills: to film.
        rng: decides everything.
        count: of samples.
        size: (height, width).
        back: how many frames before the first the past is wanted, rising.
        frames: how many are filmed one after the other.
        stride: pixels a cell of the truth.
    """
    # Made together: a path at a time would take longer than the pictures.
    length = max(back) + frames + 2 * MARGIN
    made = make_paths(rng, count, length)
    aspect = size[0] / size[1]
    films = []
    for n in range(count):
        # The paths come with aspects of their own; here they are of this picture.
        camera = made.path[n]
        steady = gaussian_filter1d(camera, STEADY_S * made.rate[n], axis=0, mode="nearest")
        first = MARGIN + max(back)
        now = first + np.arange(frames)
        views = _Views(camera, steady, aspect, size)
        films.append(_Filming(stills, rng, views, size, now, stride).film(np.asarray(back)))
    return films


def loose(rng: np.random.Generator, back: npt.NDArray[np.int_], width_px: int, shake_px: float) -> FloatArray:
    """Return (P, 4): how far past frames stand off the steady view, as coefficients of similarities.

    A drift that may be as large as the shake, and a little at random: what a closed loop makes of its own errors.
    """
    unit = 4 / width_px  # coefficients of a shift by a pixel
    large = np.array([1.0, 1.0, 0.4, 0.4]) * unit * (1 + shake_px)
    drift = rng.normal(0, 1, 4) * large * np.exp(rng.uniform(np.log(0.05), np.log(2.0)))
    speed = rng.normal(0, 1, 4) * large * np.exp(rng.uniform(np.log(0.002), np.log(0.12)))
    little = np.exp(rng.uniform(np.log(0.02), np.log(0.5))) * unit
    jitter = rng.normal(0, 1, (len(back), 4)) * little * [1, 1, 0.5, 0.5]
    return np.asarray(drift - back[:, None] * speed * np.exp(-back[:, None] / 16) + jitter)


class _Views:
    """Both cameras' paths, and the affine maps (in pixels from the middle) from the world to their pictures."""

    def __init__(self, camera: FloatArray, steady: FloatArray, aspect: float, size: tuple[int, int]) -> None:
        self._basis = similarity_basis(aspect)
        self._aspect, self._half_px = aspect, size[1] / 2
        self._camera, self._steady = camera, steady

    def camera(self, at: FloatArray) -> FloatArray:
        """Return (n, 3, 3) at times (n,) in frames."""
        early = np.clip(np.floor(at).astype(int), 0, len(self._camera) - 2)
        share = (at - early)[:, None]
        return self._maps((1 - share) * self._camera[early] + share * self._camera[early + 1])

    def steady(self, at: npt.NDArray[np.int_]) -> FloatArray:
        """Return (n, 3, 3) of frames (n,)."""
        return self._maps(self._steady[at])

    def off(self, coefficients: FloatArray) -> FloatArray:
        """Return (n, 3, 3): small movements of the picture, as coefficients (n, 4)."""
        return self._maps(coefficients)

    def apart_px(self, at: npt.NDArray[np.int_]) -> FloatArray:
        """Return (n, 2): how far the cameras are shifted against each other."""
        between = self._camera[at] - self._steady[at]
        return np.asarray(between[:, :2] / 2 * self._half_px)

    def _maps(self, coefficients: FloatArray) -> FloatArray:
        maps = similarity_from(coefficients @ self._basis, self._aspect)
        maps[:, :2, 2] *= self._half_px
        return maps


class _Filming:
    """What stands before the cameras in one sample, and how it is seen."""

    def __init__(
        self,
        stills: Sequence[Pyramid],
        rng: np.random.Generator,
        views: _Views,
        size: tuple[int, int],
        now: npt.NDArray[np.int_],
        stride: int,
    ) -> None:
        self._rng, self._views, self._size, self._now = rng, views, size, now
        self._grid = cells_of(size, 1)
        self._cells = cells_of(size, stride)
        # The world is as the steady camera sees it in the first frame.
        self._home = views.steady(now[:1])[0]
        self._readout = rng.uniform(0.1, 0.9) if rng.random() < 0.5 else 0.0
        self._world = view_of(pick(stills, rng), rng, size, SCALES, TURN_RAD)
        self._nearness = _nearness(rng, size) if rng.random() < 0.4 else None
        count = int(rng.choice([0, 1, 2], p=[0.45, 0.35, 0.2]))
        self._things = [_Thing(stills, rng, size) for _ in range(count)]
        self._light = _Light(rng)

    def film(self, back: npt.NDArray[np.int_]) -> Film:
        """Return the sample."""
        views, now, first = self._views, self._now, int(self._now[0])
        when = first - back
        shake_px = float(np.sqrt((views.apart_px(np.arange(when[-1], now[-1] + 1)) ** 2).sum(axis=1).mean()))
        off = views.off(loose(self._rng, back, self._size[1], shake_px))
        past, mask, filmed = self._past(when, off)
        frames, steady, truth, seen = [], [], [], []
        for t in now:
            frames.append(self._frame(int(t)))
            steady.append(self._light.clean(self._see(views.steady(np.array([t])), int(t), self._grid, np.zeros(2))[0]))
            where, share = self._truth(int(t))
            truth.append(where)
            seen.append(share)
        error = [-(_moved(matrix, self._cells) - self._cells) for matrix in off[:2]]
        return Film(
            frames=_array(frames),
            steady=_array(steady),
            past=_array(past),
            mask=_array(mask),
            filmed_from_past=_array(filmed),
            truth_px=_array(truth),
            seen=_array(seen),
            past_error_px=_array(error),
            shake_px=shake_px,
        )

    def _past(self, when: npt.NDArray[np.int_], off: FloatArray) -> tuple[list[Image], list[Image], list[Image]]:
        views, past, masks, maps = self._views, [], [], []
        for t, matrix in zip(when, off, strict=True):
            shown = matrix @ views.steady(np.array([t]))[0]
            filmed = views.camera(np.array([float(t)]))[0] @ inverse(shown)
            lit = inside(_moved(filmed, self._grid), self._size)
            picture = self._see(shown[None], int(t), self._grid, views.apart_px(np.array([t]))[0])[0]
            picture = self._light.recorded(picture, self._speed_px(int(t)))
            picture = np.where(lit, picture, picture[lit].mean() if lit.any() else 128.0)
            past.append(picture)
            masks.append(lit)
            maps.append(filmed)
        return past, masks, maps

    def _frame(self, t: int) -> Image:
        height = self._size[0]
        rows = t + self._readout * ((np.arange(height) + 0.5) / height - 0.5)
        picture = self._see(self._views.camera(rows), t, self._grid, self._views.apart_px(np.array([t]))[0])[0]
        return self._light.recorded(picture, self._speed_px(t))

    def _truth(self, t: int) -> tuple[Image, Image]:
        """Return where the cells (h, w, 2) of the steady view are in the filmed frame, and whether they are seen."""
        views, height = self._views, self._size[0]
        steady = views.steady(np.array([t]))[0]
        world = _moved(inverse(steady), self._cells)
        at = _moved(views.camera(np.array([float(t)]))[0], world)
        for _ in range(3 if self._readout else 0):  # the row that is read tells when it was
            times = t + self._readout * np.clip(at[..., 1] / height, -0.5, 0.5)
            at = np.asarray(_by_pixel(views.camera(times.ravel()), world.reshape(-1, 2)).reshape(at.shape))
        seen = inside(at, self._size).astype(np.float32)
        _, near, cover = self._see(steady[None], t, self._cells, views.apart_px(np.array([t]))[0])
        return np.asarray(at, np.float32), seen * near * (1 - cover)

    def _see(self, maps: FloatArray, t: int, grid: Image, apart_px: FloatArray) -> tuple[Image, Image, Image]:
        """Return what a camera sees at the points of a grid, whether that is the plane, and how far it is hidden.

        Args:
            maps: (1 or rows, 3, 3) from the world to the picture.
            t: the frame.
            grid: (h, w, 2) points of the picture.
            apart_px: by how far this camera's place is off the steady one's: what stands near moves by it.
        """
        back = inverse(maps)
        world = _moved(back[0], grid) if len(back) == 1 else _by_row(back, grid)
        plane = np.ones(grid.shape[:2], np.float32)
        at_home = _moved(self._home, world)
        if self._nearness is not None:
            shift = self._nearness(at_home)[..., None] * np.asarray(apart_px, np.float32)
            plane = (cv2.magnitude(shift[..., 0], shift[..., 1]) < SEEN_WITHIN_PX).astype(np.float32)
            at_home = at_home - shift
        picture = self._world(at_home)
        hidden = np.zeros(grid.shape[:2], np.float32)
        for thing in self._things:
            over, cover = thing.seen(at_home, t - int(self._now[0]))
            picture = picture * (1 - cover) + over * cover
            hidden = np.maximum(hidden, cover)
        return picture, plane, hidden

    def _speed_px(self, t: int) -> FloatArray:
        views = self._views
        step = views.camera(np.array([t + 0.5])) @ inverse(views.camera(np.array([t - 0.5])))
        return np.asarray(step[0, :2, 2])


class _Thing:
    """Something before the background that moves evenly by itself."""

    def __init__(self, stills: Sequence[Pyramid], rng: np.random.Generator, size: tuple[int, int]) -> None:
        self._texture = view_of(pick(stills, rng), rng, size, SCALES, TURN_RAD)
        self._cover = outline(rng, size)
        self._speed = rng.normal(0, rng.choice([0.3, 1.0, 3.0]), 2).astype(np.float32)

    def seen(self, at: Image, since: int) -> tuple[Image, Image]:
        """Return what points of the world show of it, and how far it covers them."""
        here = at - self._speed * np.float32(since)
        return self._texture(here), self._cover(here)


class _Light:
    """Exposure, blur, noise and compression of one sample."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        kind = rng.choice(["plain", "dark", "flat"], p=[0.75, 0.12, 0.13])
        self._gain = rng.uniform(*{"plain": (0.7, 1.2), "dark": (0.08, 0.3), "flat": (0.08, 0.4)}[kind])
        self._offset = rng.uniform(*{"plain": (-15, 15), "dark": (0, 16), "flat": (20, 150)}[kind])
        self._blur = rng.uniform(0, 1) if rng.random() < 0.5 else 0.0  # of the frame's time is exposed
        self._sigma = rng.uniform(0, 1) ** 2 * 8
        self._quality = int(rng.integers(15, 70)) if rng.random() < 0.4 else None
        self._flicker = rng.uniform(0, 0.06) if rng.random() < 0.3 else 0.0

    def clean(self, picture: Image) -> Image:
        """Return a picture without fault, in codes."""
        return np.clip(self._gain * picture + self._offset, 0, 255)

    def recorded(self, picture: Image, speed_px: FloatArray) -> Image:
        """Return what is recorded of it while the camera moves by `speed_px` a frame."""
        rng = self._rng
        if self._blur:
            picture = motion_blur(picture, self._blur * speed_px)
        picture = self.clean(picture) * float(np.exp(rng.normal(0, self._flicker)))
        noise = rng.standard_normal(picture.shape, np.float32)
        codes = np.clip(np.round(picture + np.float32(self._sigma) * noise), 0, 255).astype(np.uint8)
        if self._quality is not None:
            jpeg: Any = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, self._quality])[1]
            codes = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)
        return codes.astype(np.float32)


def _nearness(rng: np.random.Generator, size: tuple[int, int]) -> Callable[[Image], Image]:
    """Return a function from points (H, W, 2) to how much more than the plane they shift, 0..`PARALLAX`."""
    height, width = size
    strength = np.float32(rng.uniform(0.05, PARALLAX))
    if rng.random() < 0.5:  # the ground comes nearer downwards
        horizon = np.float32(rng.uniform(-0.3, 0.3) * height)
        return lambda at: strength * np.clip((at[..., 1] - horizon) / height, 0, 1)
    field = np.clip(smooth_noise(rng, (2 * height, 2 * width), rng.uniform(40, 100)) + rng.uniform(-1, 0.5), 0, 2) / 2
    middle = np.array([width, height], np.float32)
    return lambda at: (
        strength
        * cv2.remap(field, np.asarray(at + middle, np.float32), NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    )


def _array(parts: list[Image]) -> Image:
    return np.array(parts, np.float32)


def _moved(h: FloatArray, points: Image) -> Image:
    return np.asarray(cv2.transform(np.asarray(points, np.float32), h[:2]))


def inside(points: Image, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return which points (H, W, 2), px from the middle, lie in a picture of (height, width)."""
    return np.asarray((np.abs(points[..., 0]) <= size[1] / 2) & (np.abs(points[..., 1]) <= size[0] / 2))


def _by_row(maps: FloatArray, grid: Image) -> Image:
    moved = np.einsum("hij,hwj->hwi", maps[:, :2, :2].astype(np.float32), grid) + maps[:, None, :2, 2]
    return np.asarray(moved, np.float32)


def _by_pixel(maps: FloatArray, points: Image) -> Image:
    return np.asarray(np.einsum("nij,nj->ni", maps[:, :2, :2], points) + maps[:, :2, 2])
