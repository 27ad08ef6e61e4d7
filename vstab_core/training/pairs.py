"""Two frames of a moving camera with the exact truth: where the background went, and where it can be seen.

The background is a still seen by a plane's homography, with parallax on top where it stands nearer. Before it stand
foregrounds of their own motion, up to three quarters of the picture: rigid, or bending as people do, or fixed to the
screen as a dashboard is. Then come what cameras do: blur along the motion, defocus, darkness, flashes, noise and
compression. Lengths are in pixels of a picture 320 wide, the size the network sees at work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .stills import Pyramid, pick, view_of

Image = npt.NDArray[Any]  # float32; OpenCV's stubs promise less
Matrix = npt.NDArray[Any]

LARGEST_SHIFT_PX = 44.0  # an eighth of the picture from one frame to the next
BACKGROUND_WITHIN_PX = 1.0  # of the plane: what stands further off does not tell of the camera's turn
SCALES, TURN_RAD = (0.5, 3.0), 0.15  # of the still under a view
CUTS = 0.04  # share of the pairs
NO_MAP: Any = None  # positions in one array need no second
OUTLINE_STEPS = 256  # of a silhouette, around it
UNIT_PX = 160.0  # normalised coordinates: half of a picture 320 wide


@dataclass(frozen=True)
class Pair:
    """What the network learns from.

    Attributes:
        ref, cur: (H, W) float32, codes 0..255.
        cur_from_ref: (3, 3), in pixels from the middle of the picture.
        flow_px: (H, W, 2) float32: where each pixel of `ref` went, its own layer's motion.
        background: (H, W) float32 0..1: pixels of `ref` that are the background's plane and stay in the picture.
        related: whether both show the same scene; across a cut there is no motion to learn, but that there is none.
    """

    ref: Image
    cur: Image
    cur_from_ref: Matrix
    flow_px: Image
    background: Image
    related: bool = True


def make_pair(stills: Sequence[Pyramid], rng: np.random.Generator, size: tuple[int, int]) -> Pair:
    """Film one pair of (height, width) `size`; now and then one across a cut."""
    pair = _film(stills, rng, size)
    if rng.random() >= CUTS:
        return pair
    return replace(pair, cur=_film(stills, rng, size).cur, background=np.zeros(size, np.float32), related=False)


def _film(stills: Sequence[Pyramid], rng: np.random.Generator, size: tuple[int, int]) -> Pair:
    height, width = size
    grid = cells_of(size, 1)
    h = _camera_step(rng)
    plane_flow = _moved(h, grid) - grid
    parallax = _parallax(rng, size, plane_flow)
    # A pixel of the later frame looks back along both motions; parallax is smooth, so its value there serves.
    inverse = np.linalg.inv(h)
    ref, cur = _see(pick(stills, rng), rng, grid, [grid, _moved(inverse, grid - parallax)])
    flow = plane_flow + parallax
    background = ((parallax**2).sum(axis=-1) < BACKGROUND_WITHIN_PX**2).astype(np.float32)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1]))):
        ref, cur, flow, background = _foreground(stills, rng, grid, h, (ref, cur, flow, background))
    target = grid + flow
    inside = (np.abs(target[..., 0]) < width / 2) & (np.abs(target[..., 1]) < height / 2)
    ref, cur = _camera(rng, ref, cur, h)
    return Pair(ref, cur, h, flow.astype(np.float32), background * inside)


def cells_of(size: tuple[int, int], stride: int) -> Image:
    """Return (h, w, 2): the middles of the cells of a picture of (height, width), px from its middle."""
    height, width = size
    x = (np.arange(width // stride) + 0.5) * stride - width / 2
    y = (np.arange(height // stride) + 0.5) * stride - height / 2
    return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)


def _moved(h: Matrix, points: Image) -> Image:
    return np.asarray(cv2.perspectiveTransform(points, h))


def _camera_step(rng: np.random.Generator) -> Matrix:
    """Return cur_from_ref of one frame: mostly hand shake, sometimes as violent as footage gets."""
    size = rng.choice([2.0, 6.0, 14.0, 30.0], p=[0.25, 0.35, 0.25, 0.15])
    shift = np.clip(rng.normal(0, size, 2), -LARGEST_SHIFT_PX, LARGEST_SHIFT_PX)
    wild = rng.random() < 0.2
    roll, zoom = rng.normal(0, [0.05, 0.03] if wild else [0.006, 0.006])
    shear, stretch = rng.normal(0, 0.12, 2) * shift / 90  # rows are read one after the other while the camera moves
    tilt = rng.normal(0, 0.006 if wild else 0.0015, 2) / UNIT_PX
    turn = np.exp(zoom) * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    h = np.eye(3)
    h[:2, :2] = turn @ np.array([[1, shear], [0, 1 + stretch]])
    h[:2, 2] = shift
    h[2, :2] = tilt
    return h


def _parallax(rng: np.random.Generator, size: tuple[int, int], plane_flow: Image) -> Image:
    """Return (H, W, 2): what nearer parts of the still world move more than the plane, smooth; often nothing."""
    if rng.random() < 0.6:
        return np.zeros((*size, 2), np.float32)
    direction = plane_flow[size[0] // 2, size[1] // 2] + rng.normal(0, 1, 2)
    direction = direction / (np.linalg.norm(direction) + 1e-6) * rng.uniform(0.5, 6)
    nearness = np.clip(smooth_noise(rng, size, rng.uniform(30, 90)) + rng.uniform(-1, 0.5), 0, 2) / 2
    if rng.random() < 0.5:  # the ground comes nearer downwards
        nearness = np.clip(np.linspace(rng.uniform(-1.5, 0), 1, size[0])[:, None] + 0 * nearness, 0, 1)
    return np.asarray(nearness[..., None] * direction, np.float32)


def _foreground(
    stills: Sequence[Pyramid],
    rng: np.random.Generator,
    grid: Image,
    camera: Matrix,
    below: tuple[Image, Image, Image, Image],
) -> tuple[Image, Image, Image, Image]:
    """Lay something that moves by itself over both frames; return frames, flow and background as they are then."""
    size = grid.shape[:2]
    ref, cur, flow, background = below
    kind = rng.choice(["free", "with_camera", "screen"], p=[0.6, 0.25, 0.15])
    own = np.eye(3)
    own[:2, :2] += rng.normal(0, 0.01, (2, 2))
    own[:2, 2] = rng.normal(0, rng.choice([3.0, 8.0, 16.0]), 2)
    motion = np.eye(3) if kind == "screen" else own if kind == "free" else own @ camera
    bend = np.zeros((*size, 2), np.float32)
    if kind != "screen" and rng.random() < 0.7:
        strength = rng.uniform(0.5, 4)
        wavelength_px = rng.uniform(12, 50)
        bend = np.stack([np.float32(strength) * smooth_noise(rng, size, wavelength_px) for _ in range(2)], axis=-1)
    mask_at = outline(rng, size)
    at_ref = [grid, _moved(np.linalg.inv(motion), grid - bend)]
    over = _see(pick(stills, rng), rng, grid, at_ref)
    cover = [mask_at(points) for points in at_ref]
    ref = ref * (1 - cover[0]) + over[0] * cover[0]
    cur = cur * (1 - cover[1]) + over[1] * cover[1]
    inside = cover[0] > 0.5
    flow = np.where(inside[..., None], _moved(motion, grid) - grid + bend, flow)
    # Hidden in either frame is of no use: the place where the background went must show it, too.
    there = grid + flow + np.array([size[1] / 2 - 0.5, size[0] / 2 - 0.5], np.float32)
    hidden_there = cv2.remap(cover[1], there, NO_MAP, cv2.INTER_LINEAR, borderValue=0)
    background = background * (1 - cover[0]) * (1 - np.where(inside, 0, hidden_there))
    return ref, cur, flow, background.astype(np.float32)


def outline(rng: np.random.Generator, size: tuple[int, int]) -> Callable[[Image], Image]:
    """Return a function from points (H, W, 2) to cover 0..1: a blob with a wavy outline, often large."""
    height, width = size
    centre = rng.normal(0, [0.22 * width, 0.22 * height])
    area = rng.uniform(0.03, 0.75) if rng.random() < 0.5 else rng.uniform(0.02, 0.2)
    aspect = np.exp(rng.normal(0, 0.45))
    radius = np.sqrt(area * height * width / np.pi)
    turn = np.arange(OUTLINE_STEPS + 1) * (2 * np.pi / OUTLINE_STEPS)
    waves = rng.normal(0, 0.1, (4, 2))
    reach = 1 + sum(a * np.cos((n + 2) * turn) + b * np.sin((n + 2) * turn) for n, (a, b) in enumerate(waves))
    reach = np.asarray(reach, np.float32)
    boxy = rng.random() < 0.3
    soft = rng.uniform(0.5, 2.0)

    def cover(points: Image) -> Image:
        x = (points[..., 0] - np.float32(centre[0])) / np.float32(radius * aspect)
        y = (points[..., 1] - np.float32(centre[1])) / np.float32(radius / aspect)
        distance = np.maximum(np.abs(x), np.abs(y)) if boxy else cv2.magnitude(x, y)
        step = (cv2.phase(x, y) * np.float32(OUTLINE_STEPS / (2 * np.pi))).astype(np.int32)
        return np.asarray(np.clip(0.5 + (reach[step] - distance) * np.float32(radius / soft), 0, 1))

    return cover


def _see(still: Pyramid, rng: np.random.Generator, grid: Image, views: list[Image]) -> tuple[Image, Image]:
    """Return what the points of two views see of a still, at one random place, size and angle of it."""
    seen = view_of(still, rng, grid.shape[:2], SCALES, TURN_RAD)
    return seen(views[0]), seen(views[1])


def _camera(rng: np.random.Generator, ref: Image, cur: Image, h: Matrix) -> tuple[Image, Image]:
    """Return both frames as a camera records them."""
    hard = rng.random()
    blur = rng.uniform(0, 1) ** 2 if hard < 0.5 else 0.0
    frames = [motion_blur(frame, _streak(rng, h[:2, 2], blur)) for frame in (ref, cur)]
    if rng.random() < 0.25:
        focus = rng.uniform(0.3, 2.5)
        frames = [cv2.GaussianBlur(frame, (0, 0), focus * rng.uniform(0.9, 1.1)) for frame in frames]
    light = rng.choice(["plain", "dark", "flat"], p=[0.6, 0.2, 0.2])
    gain = {"plain": rng.uniform(0.7, 1.2), "dark": rng.uniform(0.03, 0.25), "flat": rng.uniform(0.04, 0.3)}[light]
    offset = {"plain": rng.uniform(-15, 15), "dark": rng.uniform(0, 16), "flat": rng.uniform(20, 160)}[light]
    frames = [gain * frame + offset for frame in frames]
    if rng.random() < 0.3:
        frames[1] = frames[1] * np.exp(rng.normal(0, 0.15)) + rng.normal(0, 5)
    if rng.random() < 0.06:
        flash = int(rng.integers(2))
        frames[flash] = frames[flash] * rng.uniform(1.3, 4) + rng.uniform(0, 60)
    # The proxy averages pixels of the clip, so noise reaches it weakened, and with neighbours alike.
    sigma = rng.uniform(0, 1) ** 2 * (12 if light == "plain" else 7)
    spread = rng.uniform(0, 0.9)
    result = []
    quality = int(rng.integers(8, 60)) if rng.random() < 0.4 else None
    for frame in frames:
        noise: Any = rng.standard_normal(frame.shape, np.float32)
        if spread > 0.35:
            noise = cv2.GaussianBlur(noise, (0, 0), spread)
            noise /= noise.std()
        codes = np.clip(np.round(frame + sigma * noise), 0, 255).astype(np.uint8)
        if quality is not None:
            jpeg: Any = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            codes = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)
        result.append(codes.astype(np.float32))
    return result[0], result[1]


def _streak(rng: np.random.Generator, shift: Matrix, share: float) -> Matrix:
    """Return the motion of this exposure, which is like the step's but not the same."""
    return np.asarray(share * (shift * rng.uniform(0.3, 1.2) + rng.normal(0, 5, 2)))


def motion_blur(frame: Image, streak: Matrix) -> Image:
    """Blur along a streak of (x, y) pixels."""
    length = float(np.linalg.norm(streak))
    if length < 1:
        return frame
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), np.float32)
    ends = [tuple(round(16 * (side // 2 + sign * value / 2)) for value in streak) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    return cv2.filter2D(frame, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)


def smooth_noise(rng: np.random.Generator, size: tuple[int, int], wavelength_px: float) -> Image:
    """Return (H, W) of about mean 0 and deviation 1 that changes over a wavelength."""
    height, width = size
    coarse = rng.standard_normal((int(height / wavelength_px) + 3, int(width / wavelength_px) + 3))
    return np.asarray(cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC))
