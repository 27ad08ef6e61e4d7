"""The values that pass between the stages. `docs/geometry.md` states every convention; the short of it:

Pixels: origin top left, x right, y down, pixel centres at halves; the image covers [0, W] x [0, H].
Normalised: x in [-1, 1] over the width, y in [-a, a] over the height, a = display height / display width, so a
rotation is a rotation on the screen and one path serves a proxy, a thumbnail and the master alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Plane = npt.NDArray[Any]  # (H, W) or (H, W, C); uint8, uint16 or float32

MESH_CELLS = 4  # the mesh has 4 x 4 cells, so (5, 5) vertices: StabNet's choice, and enough for parallax layers
MESH_SHAPE = (MESH_CELLS + 1, MESH_CELLS + 1, 2)


@dataclass(frozen=True)
class ColourTags:
    """What a clip says its code values mean; the numbers are those of ITU-T H.273, which FFmpeg uses too.

    Attributes:
        range: 0 not said, 1 limited, 2 full.
        matrix, primaries, transfer: 2 where it is not said.
        chroma_place: FFmpeg's name of where chroma samples lie ("left", "topleft", "center" ...), or "".
        transfer_of_container: what the container says of the transfer, where it differs from the stream's own; else 2.
    """

    range: int = 0
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    chroma_place: str = ""
    transfer_of_container: int = 2


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a clip's first video stream before a frame is decoded.

    Attributes:
        path: the file.
        width, height: size of a frame as `decode` delivers it, in pixels (display rotation already applied).
        pixel_aspect: width of a pixel divided by its height.
        frame_rate: average frames a second.
        time_base: seconds of one tick of a timestamp.
        frames: how many frames the container promises, or 0 if it does not say; for progress only.
        duration_s: seconds, or 0.0 if unknown.
        pixel_format: FFmpeg's name, as `decode` delivers it.
        codec: FFmpeg's name of the video codec.
        interlaced: whether the stream says that its frames hold two fields.
        fingerprint: short text that changes when the file's content does.
        tags: what it says of its colour.
    """

    path: Path
    width: int
    height: int
    pixel_aspect: Fraction
    frame_rate: Fraction
    time_base: Fraction
    frames: int
    duration_s: float
    pixel_format: str
    codec: str
    interlaced: bool
    fingerprint: str
    tags: ColourTags = ColourTags()

    @property
    def aspect(self) -> float:
        """Display height divided by display width: the y of the bottom edge in normalised coordinates."""
        return self.height / (self.width * float(self.pixel_aspect))


@dataclass(frozen=True)
class Frame:
    """One decoded picture, its planes as the codec stores them.

    Attributes:
        planes: one array a plane, (h, w) or (h, w, channels); uint8, uint16 or float32; chroma at its own size.
        pixel_format: FFmpeg's name of the layout.
        pts: timestamp in ticks of the stream's time base.
        time_s: the same in seconds.
        source: the decoder's own frame object, which carries colour tags and side data to the encoder.
    """

    planes: tuple[Plane, ...]
    pixel_format: str
    pts: int
    time_s: float
    source: Any = None

    @property
    def nbytes(self) -> int:
        """What the planes take, without padding."""
        return sum(plane.nbytes for plane in self.planes)


@dataclass(frozen=True)
class Tracks:
    """Points seen in a reference frame and in a later one, in pixels of the proxy.

    Attributes:
        ref_px, cur_px: (N, 2) float32, (x, y) in the reference and in the current frame.
        background: (N,) float32 in 0..1, how consistently the point has moved with the background so far.
    """

    ref_px: npt.NDArray[np.float32]
    cur_px: npt.NDArray[np.float32]
    background: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ref_px)


@dataclass(frozen=True)
class CameraMotion:
    """How the picture moved from each frame to the next: the result of `analyze`.

    Attributes:
        width, height: frame size in pixels of the clip.
        aspect: display height / display width.
        pts: (F,) int64, ticks of `time_base`.
        time_base: seconds of one tick.
        corners: (F, 4, 2) float64, normalised: where the content of the four frame corners (top left, top right,
            bottom right, bottom left) of the frame before has moved to, minus the corner. Zero at a cut.
        mesh: (F, 5, 5, 2) float32, normalised: local motion left over at the mesh vertices, rows from the top.
        confidence: (F,) float32 in 0..1; 0 where the motion was bridged.
        cut: (F,) bool, True on the first frame of each shot (frame 0 included).
        readout_ratio: time between the first and the last row's read-out, over the frame interval; 0 = global shutter.
        speed: (F,) float32, normalised lengths a frame: how far the tracks moved that the homography leaves over, which
            is parallax; the robust mean. Zero on the first frame of a shot. None in sidecars before 1.2.
    Convention:
        corners are `cur_from_prev` displacements: content at c in frame t-1 appears at c + d in frame t. The mesh is
        added after that homography and defined over frame t.
    """

    width: int
    height: int
    aspect: float
    pts: npt.NDArray[np.int64]
    time_base: Fraction
    corners: FloatArray
    mesh: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    cut: npt.NDArray[np.bool_]
    readout_ratio: float = 0.0
    speed: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def time_s(self) -> FloatArray:
        """Seconds of each frame, (F,) float64."""
        return self.pts.astype(np.float64) * float(self.time_base)


@dataclass(frozen=True)
class RotationMotion:
    """How a 360 camera turned: the result of `analyze` on an equirectangular clip.

    Attributes:
        width, height: frame size in pixels of the clip.
        pts: (F,) int64, ticks of `time_base`.
        time_base: seconds of one tick.
        world_from_cam: (F, 4) float64, unit quaternions (w, x, y, z). The world is the camera of a shot's first frame.
        local: (F, 6, 3) float32, radians: the six local rotations of the deformed-rotation model (Kopf 2016, 3.4) on
            top, as rotation vectors in camera coordinates at +x, -x, +y, -y, +z, -z. Zero at key frames.
        confidence: (F,) float32 in 0..1, share of the tracks that lived on from the frame before; 0 = bridged.
        cut: (F,) bool, whether a frame begins a new shot (frame 0 included).
        key_frame: (F,) bool, whether the rotation was measured in 3D against the key frame before.
        up: (F, 3) float32, unit: the direction up in the world, the same throughout a shot; from vertical edges, or as
            the camera was held on average.
        travel: (F, 3) float32: where the camera moves to, unit, in the world; zero where it is not known.
        speed: (F,) float32, radians a frame: how far the tracks moved once the rotation is taken away, which comes from
            the camera's travel; the robust mean. Zero on the first frame of a shot. None in sidecars before 1.2.
    Convention:
        camera coordinates: x right, y down, z forward. A thing that is seen along p in the camera stands at
        world_from_cam * exp(local(p)) * p: the same direction in every frame, if it is far and stands still.
    """

    width: int
    height: int
    pts: npt.NDArray[np.int64]
    time_base: Fraction
    world_from_cam: FloatArray
    local: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    cut: npt.NDArray[np.bool_]
    key_frame: npt.NDArray[np.bool_]
    up: npt.NDArray[np.float32]
    travel: npt.NDArray[np.float32]
    speed: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def aspect(self) -> float:
        """Height divided by width, as for every sidecar; the pixels of a 360 frame are angles."""
        return self.height / self.width

    @property
    def time_s(self) -> FloatArray:
        """Seconds of each frame, (F,) float64."""
        return self.pts.astype(np.float64) * float(self.time_base)


@dataclass(frozen=True)
class FrameWarp:
    """Where each pixel of a stabilized frame comes from: a model, independent of resolution.

    Attributes:
        src_from_dst: (3, 3) float64. Rectilinear: homography from normalised output to normalised source coordinates;
            the zoom that hides the borders is part of it. Equirectangular: rotation from rays of the output to rays of
            the source.
        mesh: (rows + 1, cols + 1, 2) float32 normalised (dx, dy), or None. Defined over the whole source frame, rows
            from the top, interpolated bilinearly (clamped outside) at the position that the homography gives, and
            added to it.
        aspect: display height / display width; not used where the picture is the sphere.
        projection: of source and output alike, "rectilinear" or "equirect" (the whole sphere; no mesh).
        local: (6, 3) float32 rotation vectors in radians, each at most 1 long, in source camera coordinates, at +x, -x,
            +y, -y, +z, -z, or None; equirectangular only. Between them omega(p) is their mean over the three vertices
            of p's octant, weighted by |p_x|, |p_y|, |p_z|.
    Convention:
        a backward map. Rectilinear: src = h + mesh(h), h = src_from_dst @ dst. Equirectangular, in rays:
        src = exp(-omega(src)) src_from_dst @ dst, so that dst = src_from_dst.T @ exp(omega(src)) src.
    """

    src_from_dst: FloatArray
    aspect: float
    mesh: npt.NDArray[np.float32] | None = None
    projection: str = "rectilinear"
    local: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class WarpTrack:
    """The warp of every frame of a clip: the result of `smooth`, all that `render` needs.

    Attributes:
        width, height, aspect, pts, time_base: as in `CameraMotion`.
        src_from_dst: (F, 3, 3) float64.
        mesh: (F, rows + 1, cols + 1, 2) float32, or None where no frame has one.
        crop: (F,) float64, share of the picture's width and height that the zoom hides.
        projection: as in `FrameWarp`, of every frame.
        local: (F, 6, 3) float32, see `FrameWarp`, or None where no frame has any.
        out_pts: (F,) int64, when each frame is shown in the output, in ticks of `time_base`. Of a hyperlapse: its F
            frames are the ones used, `pts` says when they were filmed, the frames between are dropped. None: as filmed.
    """

    width: int
    height: int
    aspect: float
    pts: npt.NDArray[np.int64]
    time_base: Fraction
    src_from_dst: FloatArray
    mesh: npt.NDArray[np.float32] | None
    crop: FloatArray
    projection: str = "rectilinear"
    local: npt.NDArray[np.float32] | None = None
    out_pts: npt.NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.pts)

    def __getitem__(self, index: int) -> FrameWarp:
        mesh = None if self.mesh is None else self.mesh[index]
        local = None if self.local is None else self.local[index]
        return FrameWarp(self.src_from_dst[index], self.aspect, mesh, self.projection, local)


@dataclass(frozen=True)
class EncodeOptions:
    """What the user asked of the encoder; None keeps what suits the source.

    Attributes:
        codec: FFmpeg's encoder name (libx264, libx265, prores_ks, ...).
        crf: constant quality, the encoder's own scale.
        preset: the encoder's speed preset.
        pix_fmt: FFmpeg's pixel format name.
        extra: further encoder options, as (name, value).
    """

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    extra: Sequence[tuple[str, str]] = field(default=())
