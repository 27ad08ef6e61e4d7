"""Films for the motion benchmark: cameras of known motion over photographs, easy ones and such as trackers fail on.

The photographs are none that the networks were trained on.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from tests.synthetic import PROXY, SCENE_EXTENT, SCENE_SCALE, Camera, look, moving, shaking, walking

Scene = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Film:
    """How one film is shot.

    Attributes:
        camera: by seed.
        contrast, brightness: of the scene: code = brightness + contrast * (scene - 128).
        noise: standard deviation in codes of the proxy.
        exposure: share of the frame interval.
        body: share of the picture's area that somebody in front of the camera fills, moving and bending; less where
            not all of them is in the picture.
        body_at: where their middle is on average, normalised; None: the other way round, all but the middle is body.
        flash: every so many frames the light is three times as bright; 0 never.
        crf: of x264, through which the frames go; None: they do not.
    """

    camera: Callable[[int], Camera]
    contrast: float = 1.0
    brightness: float = 128.0
    noise: float = 0.0
    exposure: float = 0.0
    body: float = 0.0
    body_at: tuple[float, float] | None = (0.0, 0.1)
    flash: int = 0
    crf: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def _wild(seed: int) -> Camera:
    return shaking(seed, x=0.05, turn=0.01, band=(2.0, 7.0))


def _hand(seed: int) -> Camera:
    return shaking(seed, x=0.015, turn=0.004) + moving(x=0.004)


EASY = {
    "shake": Film(_hand),
    "zoom": Film(lambda seed: _hand(seed) + moving(zoom=-0.004)),
    "roll": Film(lambda seed: _hand(seed) + moving(roll=0.01)),
    "walk": Film(walking),
    "somebody passes": Film(_hand, body=0.2),
    "grain": Film(_hand, noise=4),
}
HARD = {
    "dark": Film(_hand, contrast=0.12, brightness=20, noise=3.0, crf=23),
    "dark, wild": Film(_wild, contrast=0.12, brightness=20, noise=3.0, exposure=0.6, crf=23),
    "motion blur": Film(_wild, exposure=0.9, noise=1.5),
    "plain": Film(_hand, contrast=0.05, brightness=150, noise=1.0, crf=20),
    "foreground over half": Film(_hand, body=0.6),
    "foreground, blurred": Film(_wild, body=0.6, exposure=0.5, noise=1.5),
    "foreground, dark": Film(_hand, body=0.55, contrast=0.15, brightness=25, noise=2.5, crf=23),
    "flashes": Film(_hand, flash=3, noise=1.5),
}
# Foregrounds that are not in the middle: what tells the background there must not be that it is at the edges.
ASIDE = {
    "foreground at the side": Film(_hand, body=0.55, body_at=(-0.5, 0.1)),
    "foreground at the side, blurred": Film(_wild, body=0.55, body_at=(-0.5, 0.1), exposure=0.5, noise=1.5),
    "foreground below": Film(_hand, body=0.55, body_at=(0.0, 0.35)),
    "foreground all around": Film(_hand, body=0.55, body_at=None),
}


def photographs(paths: Sequence[Path], count: int) -> list[Scene]:
    """Return scenes of some of these pictures, evenly chosen."""
    if len(paths) < count:
        raise SystemExit(f"{count} photographs are needed (*.jpg, one more than scenes), got {len(paths)}")
    height, width = (round(extent * PROXY[1] * SCENE_SCALE) for extent in SCENE_EXTENT)
    scenes = []
    for path in paths[:: max(1, len(paths) // count)][:count]:
        gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        scale = max(height / gray.shape[0], width / gray.shape[1])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        large = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=how)
        top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
        scenes.append(large[top : top + height, left : left + width].astype(np.float32))
    return scenes


def shoot(film: Film, behind: Scene, before: Scene, seed: int, frames: int) -> list[Picture]:
    """Return the frames of a film, (360, 640) uint8.

    Args:
        behind, before: the scene, and the texture of who stands before it.
    """
    camera, rng = film.camera(seed), np.random.default_rng(seed)
    open_for = film.exposure * np.linspace(-0.5, 0.5, 15) if film.exposure else np.zeros(1)
    pictures = []
    for frame in range(frames):
        total = np.zeros(PROXY, np.float32)
        for moment in open_for:
            total += look(behind, camera.poses(frame + moment)[0])
        picture = total / np.float32(len(open_for))
        if film.body:
            picture = _body(film, picture, before, seed, frame)
        picture = film.brightness + film.contrast * (picture - 128)
        if film.flash and frame % film.flash == film.flash - 1:
            picture = 3 * picture
        picture = picture + rng.normal(0, film.noise, PROXY).astype(np.float32)
        pictures.append(np.clip(np.round(picture), 0, 255).astype(np.uint8))
    return pictures if film.crf is None else _through_x264(pictures, film.crf)


def _body(film: Film, picture: Scene, texture: Scene, seed: int, frame: int) -> Scene:
    height, width = picture.shape
    around = film.body_at is None
    at, area = film.body_at or (0.0, 0.0), 1 - film.body if around else film.body
    aspect = height / width
    x, y = np.meshgrid((2 * np.arange(width) + 1) / width - 1, (2 * np.arange(height) + 1) / width - aspect)
    middle = at[0] + 0.25 * np.sin(0.11 * frame + seed), at[1] + 0.05 * np.sin(0.23 * frame + 2 * seed)
    reach = np.sqrt(area * 4 * aspect / np.pi)
    body = ((x - middle[0]) / (1.15 * reach)) ** 2 + ((y - middle[1]) / (reach / 1.15)) ** 2 < 1
    body ^= around
    # Clothes bend: their texture moves by itself, up to 4 px of the proxy.
    bend = 0.012 * np.sin(5 * x + 0.3 * frame), 0.012 * np.sin(6 * y - 0.25 * frame)
    unit = PROXY[1] * SCENE_SCALE / 2
    maps = [
        np.asarray((at - at_middle + shift) * unit + side / 2, np.float32)
        for at, at_middle, shift, side in zip((x, y), middle, bend, texture.shape[::-1], strict=True)
    ]
    return np.where(body, cv2.remap(texture, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT), picture)


def _through_x264(pictures: list[Picture], crf: int) -> list[Picture]:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": str(crf), "preset": "veryfast"})
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.repeat(picture[..., None], 3, axis=2), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        # As decoded for the tracker: full range codes.
        return [np.ascontiguousarray(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
