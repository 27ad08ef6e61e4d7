"""What a file says of its sphere: read from mp4, mov, m4v, mkv and webm, and written into one that has been muxed.

V1 is XML in `moov/trak/uuid` (Matroska: the tag SPHERICAL-VIDEO); V2 the boxes `st3d` and `sv3d` of the sample entry
(Matroska: StereoMode and Projection). Where both speak, V2 wins. github.com/google/spatial-media, docs.

Convention:
    The pose turns the picture when it is shown. Its numbers are taken over as they are and never computed with: the
    documents of MP4, Matroska and FFmpeg disagree about its signs.
"""

from __future__ import annotations

import logging
import re
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape, unescape

from .errors import InputError, OutputError
from .isobmff import Box, Movie, is_movie, read_movie, write_movie
from .matroska import PLACEHOLDER, is_matroska, read_projection, write_projection

logger = logging.getLogger(__name__)

V1_UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
CONTAINERS = ("mp4", "mov", "matroska", "webm")  # FFmpeg's names of those that can hold it
_WRITER = "vstab"
_NAMESPACE = "http://ns.google.com/videos/1.0/spherical/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_ST3D = {0: ("mono", False), 1: ("top-bottom", False), 2: ("left-right", False), 3: ("custom", False),
         4: ("left-right", True)}  # fmt: skip
_STEREO_MODE = {0: ("mono", False), 1: ("left-right", False), 2: ("top-bottom", True), 3: ("top-bottom", False),
                11: ("left-right", True)}  # fmt: skip
_STEREO_MODE_NAMES = {1: "left_right", 2: "bottom_top", 3: "top_bottom", 11: "right_left"}  # FFmpeg's, of its tag
_PROJECTION_BOXES = {b"equi": "equirectangular", b"cbmp": "cubemap", b"mshp": "mesh"}
_PROJECTION_TYPES = {0: "rectilinear", 1: "equirectangular", 2: "cubemap", 3: "mesh"}
_FRONT_HALF = (0.0, 0.0, 0.25, 0.25)
_FULL_SPHERE = 1e-3  # share of the sphere that may be cut off at an edge: rounding of V1's pixels


@dataclass(frozen=True)
class SphericalMetadata:
    """What a file says of the projection of its pictures.

    Attributes:
        projection: "equirectangular", "cubemap", "mesh", "other", or "rectilinear" (an ordinary picture, in stereo).
        stereo: "mono", "top-bottom", "left-right", or "custom" (known to the mesh only).
        right_first: whether the right eye is the top or left one.
        pose_deg: yaw, pitch, roll by which a player turns the picture, as the file has them.
        bounds: share of the sphere that is missing at the top, bottom, left and right of an equirectangular picture.
        initial_view_deg: heading, pitch, roll where a player first looks, or None. V1 only.
        source: where it is written, in words.
    """

    projection: str = "equirectangular"
    stereo: str = "mono"
    right_first: bool = False
    pose_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bounds: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    initial_view_deg: tuple[float, float, float] | None = None
    source: str = ""

    @property
    def whole_sphere(self) -> bool:
        """Whether this is an equirectangular picture of everything around."""
        return self.projection == "equirectangular" and max(self.bounds) <= _FULL_SPHERE

    @property
    def half_sphere(self) -> bool:
        """Whether this is an equirectangular picture of the 180 degrees in front (VR180)."""
        off = max(abs(has - wanted) for has, wanted in zip(self.bounds, _FRONT_HALF, strict=True))
        return self.projection == "equirectangular" and off <= _FULL_SPHERE


def read_spherical(path: Path) -> SphericalMetadata | None:
    """Return what a file says of its first video track, or None where it says nothing.

    A file whose index cannot be read says nothing; the log has the reason.
    """
    path = Path(path)
    try:
        if is_matroska(path):
            return _of_matroska(path)
        return _of_movie(read_movie(path)) if is_movie(path) else None
    except (InputError, OSError, struct.error, ValueError, IndexError) as error:
        logger.info("'%s': spherical metadata cannot be read: %s", path, error)
        return None


def stereo_layout(path: Path) -> str:
    """Return where a file says that its two eyes are: "top-bottom", "left-right" or "mono".

    Known limits: which eye comes first is in `SphericalMetadata.right_first`; what only a mesh knows is "mono".
    """
    found = read_spherical(path)
    return found.stereo if found is not None and found.stereo != "custom" else "mono"


def spherical_of_output(source: Path, stereo: str, half: bool) -> SphericalMetadata:
    """Return what a stabilized 360 clip has to say of itself, beside what its source said.

    The pose becomes zero, as the rotation is in the pixels now.

    Args:
        source: the clip that was stabilized.
        stereo, half: of the frames that are written, as in `Layout`.
    """
    found = read_spherical(source) or SphericalMetadata()
    if any(found.pose_deg):
        yaw, pitch, roll = found.pose_deg
        logger.warning("'%s' says that players turn it by yaw %g, pitch %g, roll %g degrees; the result does not say "
                       "so: see --view horizon and --orientation", source, yaw, pitch, roll)  # fmt: skip
    bounds = _FRONT_HALF if half else (0.0, 0.0, 0.0, 0.0)
    right_first = found.right_first and stereo == found.stereo
    return replace(found, projection="equirectangular", stereo=stereo, right_first=right_first, bounds=bounds,
                   pose_deg=(0.0, 0.0, 0.0))  # fmt: skip


class SphericalTag:
    """The metadata of an output, on its way through a muxer: `prepare` before the header, `write` after the trailer.

    Args:
        metadata: of a whole sphere.
        container: FFmpeg's name of the muxer.
        shown: the output's name, for messages. A container that cannot hold the metadata gets a warning.
    """

    def __init__(self, metadata: SphericalMetadata, container: str, shown: Path) -> None:
        self._metadata = metadata
        self._container = container
        self._shown = shown
        if container not in CONTAINERS:
            logger.warning("'%s': this container cannot say that it holds a 360 clip, so players show it flat; "
                           "mp4, mov, mkv and webm can", shown)  # fmt: skip
        elif _stereo_loss(metadata, container):
            logger.warning("'%s': this container cannot say that the right eye is on top", shown)

    def prepare(self, tags: dict[str, str]) -> None:
        """Change the tags of the video stream, before the muxer writes its header."""
        if self._container not in ("matroska", "webm"):
            return
        tags["title"] = tags.get("title", "") + PLACEHOLDER
        tags["SPHERICAL-VIDEO"] = v1_xml(self._metadata)
        tags.pop("stereo_mode", None)
        mode = _stereo_number(_STEREO_MODE, self._metadata)
        if mode:
            tags["stereo_mode"] = _STEREO_MODE_NAMES[mode]

    def write(self, path: Path) -> None:
        """Put the metadata into the file that the muxer has closed.

        Raises:
            OutputError: the file cannot be edited, or is not what the muxer should have written.
        """
        try:
            if self._container in ("matroska", "webm"):
                write_projection(path, 1, _equi_box(self._metadata).head, self._metadata.pose_deg)
            elif self._container in CONTAINERS:
                write_spherical(path, self._metadata)
        except (InputError, OutputError) as error:
            raise OutputError(f"output '{self._shown}' could not be marked as a 360 clip: {error}") from error


def write_spherical(path: Path, metadata: SphericalMetadata) -> None:
    """Write V1 and V2 for an equirectangular picture into an mp4 or mov file, in place of what it says there.

    Raises:
        OutputError: the file cannot be edited.
        InputError: it is no such file, or damaged.
    """
    movie = read_movie(path)
    tracks = movie.tracks(b"vide")
    if not tracks:
        raise InputError(f"'{path}' has no video track")
    track, entry = tracks[0], tracks[0].need("mdia/minf/stbl/stsd/*")
    track.children = [box for box in track.children if not _is_v1(box)]
    track.children.append(Box(b"uuid", V1_UUID + b'<?xml version="1.0"?>' + v1_xml(metadata).encode()))
    entry.remove(b"st3d", b"sv3d")
    _insert_v2(entry, metadata)
    write_movie(movie)


# -- mp4 and mov ------------------------------------------------------------------------------------------------------


def _of_movie(movie: Movie) -> SphericalMetadata | None:
    tracks = movie.tracks(b"vide")
    if not tracks:
        return None
    entry = tracks[0].need("mdia/minf/stbl/stsd/*")
    xml = next((box.head[16:] for box in tracks[0].children if _is_v1(box)), None)
    found = None if xml is None else from_v1(xml.decode("utf-8", "replace"), "V1 metadata (uuid box)")
    projection = entry.first("sv3d/proj")
    if projection is not None:
        found = _from_v2(projection, found)
    stereo = entry.first("st3d")
    if stereo is not None and len(stereo.head) > 4:
        layout, right_first = _ST3D.get(stereo.head[4], ("custom", False))
        found = found or SphericalMetadata("rectilinear", source="st3d box")
        found = replace(found, stereo=layout, right_first=right_first)
    return found


def _is_v1(box: Box) -> bool:
    return box.kind == b"uuid" and box.head[:16] == V1_UUID


def _from_v2(box: Box, older: SphericalMetadata | None) -> SphericalMetadata:
    older = older or SphericalMetadata()
    kind = next((_PROJECTION_BOXES[child.kind] for child in box.children if child.kind in _PROJECTION_BOXES), "other")
    header, equi = box.first("prhd"), box.first("equi")
    pose = struct.unpack_from(">3i", header.head, 4) if header is not None else (0, 0, 0)
    yaw, pitch, roll = (angle / 65536 for angle in pose)
    bounds = _bounds(equi.head) if equi is not None else (0.0, 0.0, 0.0, 0.0)
    return replace(older, projection=kind, pose_deg=(yaw, pitch, roll), bounds=bounds, source="V2 metadata (sv3d box)")


def _bounds(content: bytes) -> tuple[float, float, float, float]:
    """Return the bounds in an `equi` box: version and flags, then top, bottom, left, right as 0.32 numbers."""
    if len(content) < 20:
        return 0.0, 0.0, 0.0, 0.0
    top, bottom, left, right = (value / 2**32 for value in struct.unpack_from(">4I", content, 4))
    return top, bottom, left, right


def _insert_v2(entry: Box, metadata: SphericalMetadata) -> None:
    yaw, pitch, roll = (round(angle * 65536) for angle in metadata.pose_deg)
    layout = _stereo_number(_ST3D, metadata)
    boxes = [
        Box(b"st3d", struct.pack(">IB", 0, layout)),
        Box(b"sv3d", children=[
            Box(b"svhd", struct.pack(">I", 0) + _WRITER.encode() + b"\0"),
            Box(b"proj", children=[Box(b"prhd", struct.pack(">I3i", 0, yaw, pitch, roll)), _equi_box(metadata)]),
        ]),
    ]  # fmt: skip
    # The standard wants them before clap and pasp; the codec's own box (avcC, hvcC ...) comes first in every file.
    optional = [i for i, box in enumerate(entry.children) if box.kind in (b"clap", b"pasp")]
    at = optional[0] if optional else len(entry.children)
    entry.children[at:at] = boxes


def _equi_box(metadata: SphericalMetadata) -> Box:
    return Box(b"equi", struct.pack(">5I", 0, *(min(round(share * 2**32), 2**32 - 1) for share in metadata.bounds)))


def _stereo_number(table: dict[int, tuple[str, bool]], metadata: SphericalMetadata) -> int:
    wanted = (metadata.stereo, metadata.right_first)
    for eyes in (wanted, (metadata.stereo, False)):
        for number, meaning in table.items():
            if meaning == eyes:
                return number
    return 0


def _stereo_loss(metadata: SphericalMetadata, container: str) -> bool:
    """Tell whether the right eye is on top, which only Matroska can say."""
    return container in ("mp4", "mov") and metadata.right_first and metadata.stereo == "top-bottom"


# -- V1 ---------------------------------------------------------------------------------------------------------------


def v1_xml(metadata: SphericalMetadata) -> str:
    """Return V1's XML, which is stored in UTF-8."""
    values: dict[str, str] = {
        "Spherical": "true", "Stitched": "true", "StitchingSoftware": _WRITER, "ProjectionType": "equirectangular",
    }  # fmt: skip
    if metadata.stereo in ("top-bottom", "left-right"):
        values["StereoMode"] = metadata.stereo
    if metadata.initial_view_deg is not None:
        for name, angle in zip(("Heading", "Pitch", "Roll"), metadata.initial_view_deg, strict=True):
            values[f"InitialView{name}Degrees"] = str(round(angle))
    fields = "".join(f"<GSpherical:{name}>{escape(value)}</GSpherical:{name}>" for name, value in values.items())
    return f'<rdf:SphericalVideo xmlns:rdf="{_RDF}" xmlns:GSpherical="{_NAMESPACE}">{fields}</rdf:SphericalVideo>'


def from_v1(xml: str, source: str) -> SphericalMetadata | None:
    """Return what V1's XML says, or None where it says that the clip is not spherical.

    Read by its tags, not as XML: files in the wild lack namespaces, or are cut off.
    """
    pairs = re.findall(r"<(?:\w+:)?(\w+)\s*>\s*([^<]*?)\s*</", xml)
    values = {name: unescape(value) for name, value in pairs}
    if values.get("Spherical", "").lower() not in ("true", "1"):
        return None
    kind = "equirectangular" if values.get("ProjectionType", "").lower() == "equirectangular" else "other"
    stereo = values.get("StereoMode", "mono").lower()
    view = [_float(values.get(f"InitialView{name}Degrees")) for name in ("Heading", "Pitch", "Roll")]
    return SphericalMetadata(
        projection=kind,
        stereo=stereo if stereo in ("top-bottom", "left-right") else "mono",
        bounds=_v1_bounds(values),
        initial_view_deg=(view[0], view[1], view[2]) if any("InitialView" in name for name in values) else None,
        source=source,
    )


def _v1_bounds(values: dict[str, str]) -> tuple[float, float, float, float]:
    """Return what V1 says is missing; a picture larger than its sphere, as in V1's own example, misses nothing."""
    names = ("FullPano{}Pixels", "CroppedAreaImage{}Pixels")
    missing = []
    for size, first in (("Height", "CroppedAreaTopPixels"), ("Width", "CroppedAreaLeftPixels")):
        full, part = (_float(values.get(name.format(size))) for name in names)
        if full <= 0 or part <= 0:
            missing += [0.0, 0.0]
            continue
        before = _float(values.get(first)) / full
        missing += [max(0.0, before), max(0.0, 1 - part / full - before)]
    top, bottom, left, right = missing
    return (top, bottom, left, right) if top + bottom < 1 and left + right < 1 else (0.0, 0.0, 0.0, 0.0)


def _float(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


# -- Matroska ---------------------------------------------------------------------------------------------------------


def _of_matroska(path: Path) -> SphericalMetadata | None:
    said = read_projection(path)
    if said is None:
        return None
    found = None if said.spherical_tag is None else from_v1(said.spherical_tag, "V1 metadata (tag SPHERICAL-VIDEO)")
    if said.kind is not None:
        found = replace(
            found or SphericalMetadata(),
            projection=_PROJECTION_TYPES.get(said.kind, "other"),
            pose_deg=said.pose_deg,
            bounds=_bounds(said.private) if said.kind == 1 else (0.0, 0.0, 0.0, 0.0),
            source="Matroska's Projection element",
        )
    if said.stereo_mode:
        layout, right_first = _STEREO_MODE.get(said.stereo_mode, ("custom", False))
        found = found or SphericalMetadata("rectilinear", source="Matroska's StereoMode")
        found = replace(found, stereo=layout, right_first=right_first)
    return found
