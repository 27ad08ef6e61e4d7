"""A clip as the stages see it: what it is, how its frames are laid out, and the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .cube import SOURCE_WIDTH_PX
from .cubemap import INPUTS, as_equirect, equirect_info
from .decode import AS_FILES_SAY, halved, luma_of, probe, read_frames
from .errors import UsageError
from .formats import chroma_step
from .layout import Layout, eyes_alike, layout_of, usual_stereo
from .light.doubts import doubts_of, told_of_range
from .light.resample import LinearLight, linear_light
from .light.tone import Tone, tone_of
from .params import Parameters
from .sequence.clip import Reading
from .sequence.names import pattern_of
from .spherical import Decision, decide, looks_round
from .spherical_metadata import read_spherical, stereo_layout
from .types import Frame, VideoInfo


@dataclass(frozen=True)
class Source:
    """A clip that is opened.

    Attributes:
        info: as the frames are delivered: of cube maps the size is that of the equirectangular picture.
        parameters: the user's, with projection and stereo decided; "mono" for an ordinary clip.
        warnings: what is odd about it, a sentence each.
        tone: how the tracker sees it, see `light.tone`; None: as it is.
        light: how its frames are resampled in linear light; None: their codes are.
    """

    info: VideoInfo
    parameters: Parameters
    warnings: list[str]
    tone: Tone | None = None
    light: LinearLight | None = None

    @property
    def sphere(self) -> bool:
        """Whether it is a 360 clip, or half of one."""
        return self.parameters.projection != "rectilinear"

    @property
    def layout(self) -> Layout:
        """How a frame is laid out."""
        return layout_of(self.parameters)

    def frames(self, on_damage: Callable[[str], None], start: int | None = None) -> Iterator[Frame]:
        """Yield the frames, as `decode.read_frames` does."""
        frames = read_frames(self.info.path, on_damage=on_damage, reading=_reading(self.parameters), start=start)
        if self.tone is not None or self.light is not None:
            frames = told_of_range(frames, self.info, on_damage)
        if self.parameters.projection not in INPUTS:
            return frames
        return as_equirect(frames, self.info, self.parameters.projection, self.parameters.stereo)

    def sphere_luma(self, frame: Frame) -> npt.NDArray[np.uint8]:
        """Return the luma of the whole sphere as the left eye sees it, (h, w) uint8, for tracking."""
        wide = SOURCE_WIDTH_PX // 2 if self.layout.half else SOURCE_WIDTH_PX
        plane = halved(self.layout.eyes(frame.planes[0])[0], wide)
        return self.layout.whole(luma_of(replace(frame, planes=(plane,)), max(plane.shape[:2]), self.tone))

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
    info = probe(path, _reading(parameters))
    parameters, warnings = _decided(info, parameters)
    if parameters.model == "rotation" and parameters.projection == "rectilinear":
        raise UsageError(
            f"--model rotation is for 360 clips, '{path}' is taken for an ordinary one; give another --model, or "
            "--projection equirect if it is a 360 clip"
        )
    if parameters.projection in INPUTS and pattern_of(path) is not None:
        raise UsageError(f"'{path}' is an image sequence; cube maps are taken from video files only, convert it first")
    if parameters.projection in INPUTS:
        info = equirect_info(info, parameters.stereo)
    warnings = [*warnings, *doubts_of(info, parameters)]
    source = Source(info, parameters, warnings, tone_of(info, parameters), linear_light(info, parameters))
    source.layout.check(info, chroma_step(info.pixel_format))
    return source


def _reading(parameters: Parameters) -> Reading:
    return Reading(parameters.fps, parameters.missing_frames)


def decide_projection(info: VideoInfo, reading: Reading = AS_FILES_SAY) -> Decision:
    """Decide from the file what a clip is, and say why."""

    def is_round(stereo: str) -> bool:
        frames = read_frames(info.path, on_damage=lambda _: None, ahead=0, reading=reading)
        first = next(frames, None)
        getattr(frames, "close", lambda: None)()
        if first is None:
            return False
        luma = luma_of(first, SOURCE_WIDTH_PX)
        return (stereo == "mono" or eyes_alike(luma, stereo)) and all(map(looks_round, Layout(stereo).eyes(luma)))

    return decide(info.path.name, info.width, info.height, read_spherical(info.path), is_round)


def _decided(info: VideoInfo, parameters: Parameters) -> tuple[Parameters, list[str]]:
    projection, stereo = parameters.projection, parameters.stereo
    warnings: list[str] = []
    if projection == "auto":
        decision = decide_projection(info, _reading(parameters))
        projection, warnings = decision.projection, decision.warnings
        stereo = decision.stereo if stereo == "auto" else stereo
    if stereo == "auto" and projection != "rectilinear":
        said = stereo_layout(info.path)
        usual = usual_stereo(info.width, info.height, projection == "vr180") if projection not in INPUTS else "mono"
        stereo = usual if said == "mono" else said
    return replace(
        parameters, projection=projection, stereo="mono" if projection == "rectilinear" else stereo
    ), warnings
