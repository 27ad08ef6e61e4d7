"""A clip as the stages see it: what it is, how its frames are laid out, and the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .cube import SOURCE_WIDTH_PX
from .cubemap import INPUTS, as_equirect, equirect_info
from .decode import luma_of, probe, read_frames
from .errors import UsageError
from .formats import chroma_step
from .layout import Layout, eyes_alike, usual_stereo
from .params import Parameters
from .spherical import is_two_to_one, looks_round
from .types import Frame, VideoInfo


@dataclass(frozen=True)
class Source:
    """A clip that is opened.

    Attributes:
        info: as the frames are delivered: of cube maps the size is that of the equirectangular picture.
        parameters: the user's, with projection and stereo decided; "mono" for an ordinary clip.
    """

    info: VideoInfo
    parameters: Parameters

    @property
    def sphere(self) -> bool:
        """Whether it is a 360 clip, or half of one."""
        return self.parameters.projection != "rectilinear"

    @property
    def layout(self) -> Layout:
        """How a frame is laid out."""
        return Layout(self.parameters.stereo, self.parameters.projection == "vr180")

    def frames(self, on_damage: Callable[[str], None]) -> Iterator[Frame]:
        """Yield the frames, as `decode.read_frames` does."""
        frames = read_frames(self.info.path, on_damage=on_damage)
        if self.parameters.projection not in INPUTS:
            return frames
        return as_equirect(frames, self.info, self.parameters.projection, self.parameters.stereo)

    def sphere_luma(self, frame: Frame) -> npt.NDArray[np.uint8]:
        """Return the luma of the whole sphere as the left eye sees it, (h, w) uint8, for tracking."""
        planes = tuple(self.layout.eyes(plane)[0] for plane in frame.planes[:1])
        wide = SOURCE_WIDTH_PX // 2 if self.layout.half else SOURCE_WIDTH_PX
        return self.layout.whole(luma_of(replace(frame, planes=planes), wide))

    def field(self) -> npt.NDArray[np.uint8] | None:
        """Return 255 where the sphere has a picture and 0 elsewhere, (h, w) uint8; None where that is everywhere."""
        if not self.layout.half:
            return None
        return self.layout.whole(np.full((SOURCE_WIDTH_PX // 2, SOURCE_WIDTH_PX // 2), 255, np.uint8))


def open_source(path: Path, parameters: Parameters) -> Source:
    """Open a clip, and decide what the user left to us.

    Raises:
        InputError: it cannot be read, or its size does not fit its layout.
        UsageError: the parameters do not go with the clip.
    """
    info = probe(path)
    parameters = _decided(info, parameters)
    if parameters.model == "rotation" and parameters.projection == "rectilinear":
        raise UsageError(
            f"--model rotation is for 360 clips, '{path}' is taken for an ordinary one; give another --model, or "
            "--projection equirect if it is a 360 clip"
        )
    if parameters.projection in INPUTS:
        info = equirect_info(info, parameters.stereo)
    source = Source(info, parameters)
    source.layout.check(info, chroma_step(info.pixel_format))
    return source


def _decided(info: VideoInfo, parameters: Parameters) -> Parameters:
    projection, stereo = parameters.projection, parameters.stereo
    if projection == "rectilinear":
        return replace(parameters, stereo="mono")
    if projection == "auto":
        projection, seen = _seen(info, stereo)
        stereo = seen if stereo == "auto" else stereo
    if stereo == "auto":
        half = projection == "vr180"
        stereo = "mono" if projection in INPUTS else usual_stereo(info.width, info.height, half)
    return replace(parameters, projection=projection, stereo=stereo)


def _seen(info: VideoInfo, stereo: str) -> tuple[str, str]:
    """Return projection and stereo layout as the first picture shows them."""
    guess = usual_stereo(info.width, info.height, half=False) if stereo == "auto" else stereo
    if guess == "mono" and not is_two_to_one(info.width, info.height):
        return "rectilinear", "mono"
    frames = read_frames(info.path, on_damage=lambda _: None, ahead=0)
    first = next(frames, None)
    getattr(frames, "close", lambda: None)()
    if first is None:
        return "rectilinear", "mono"
    luma = luma_of(first, SOURCE_WIDTH_PX)
    if guess != "mono" and not eyes_alike(luma, guess):
        return "rectilinear", "mono"
    if all(looks_round(eye) for eye in Layout(guess).eyes(luma)):
        return "equirect", guess
    return "rectilinear", "mono"
