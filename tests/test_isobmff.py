"""The index of mp4 and mov files, edited: no sample moves, nothing is lost, damage is refused in words."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from clips import ClipSpec, packets, write_clip

from vstab_core.errors import InputError, OutputError
from vstab_core.isobmff import Box, Extent, Movie, new_media_offset, read_movie, write_movie
from vstab_core.sa3d import Ambisonics, read_ambisonics, write_ambisonics
from vstab_core.sample_table import sample_bytes, sample_times_s

MARK = Box(b"free", b"x" * 1000)  # grows the index beyond any free room


def index_of(path: Path) -> bytes:
    extent = next(extent for extent in read_movie(path).extents if extent.kind == b"moov")
    return path.read_bytes()[extent.start : extent.start + extent.size]


def mark(path: Path) -> None:
    movie = read_movie(path)
    movie.moov.children.append(MARK)
    write_movie(movie)


def clip(path: Path, **options: str) -> Path:
    return write_clip(path, ClipSpec(count=10, audio="aac", container_options=options, subtitles=[(0.0, 0.2, "hello")]))


@pytest.mark.parametrize(
    ("ending", "options"),
    [("mp4", {}), ("mov", {}), ("mp4", {"movflags": "faststart"}), ("mov", {"movflags": "faststart"})],
)
def test_an_edit_changes_the_index_only(tmp_path: Path, ending: str, options: dict[str, str]) -> None:
    path = clip(tmp_path / f"a.{ending}", **options)
    kinds = [extent.kind for extent in read_movie(path).extents]
    assert (kinds.index(b"moov") < kinds.index(b"mdat")) == bool(options)
    assert read_movie(path).moov.to_bytes() == index_of(path)  # what is not changed comes out as it was
    before = path.read_bytes()
    read = [packets(path, kind) for kind in ("video", "audio", "subtitle")]
    mark(path)
    after = path.read_bytes()
    start = next(extent.start for extent in read_movie(path).extents if extent.kind == b"free" and extent.size > 500)
    assert [i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b] == [
        start + i for i in range(4, 8)
    ]
    assert index_of(path)[-1008:] == MARK.to_bytes()
    assert after.endswith(index_of(path))
    assert [packets(path, kind) for kind in ("video", "audio", "subtitle")] == read
    mark(path)  # again, with the free room in it
    assert [packets(path, kind) for kind in ("video", "audio", "subtitle")] == read
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 10


def test_sizes_of_64_bits_and_an_open_end_are_followed(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", movflags="faststart")
    sound = packets(path, "audio")
    data = path.read_bytes()
    last = read_movie(path).extents[-1]
    assert last.kind == b"mdat"
    path.write_bytes(data[: last.start] + struct.pack(">I", 0) + data[last.start + 4 :])  # mdat to the end of the file
    assert read_movie(path).extents[-1] == Extent(b"mdat", last.start, 8, last.size, True)
    mark(path)
    assert packets(path, "audio") == sound

    movie = read_movie(path)
    moov = next(extent for extent in movie.extents if extent.kind == b"moov")
    data = path.read_bytes()
    wide = struct.pack(">I4sQ", 1, b"moov", moov.size + 8) + data[moov.start + 8 :]
    path.write_bytes(data[: moov.start] + wide)
    mark(path)
    assert packets(path, "audio") == sound
    assert [extent.header for extent in read_movie(path).extents if extent.kind == b"free"][-1] == 16


def test_a_file_beyond_4_gib_is_edited_in_no_time(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")
    video = packets(path, "video")
    hole = 5 << 30
    with path.open("r+b") as file:  # sparse: 5 GiB that take no disk
        end = file.seek(0, 2)
        file.write(struct.pack(">I4sQ", 1, b"mdat", hole))
        file.truncate(end + hole)
    mark(path)
    assert read_movie(path).extents[-1].start == end + hole
    assert path.stat().st_blocks * 512 < 1 << 20
    assert packets(path, "video") == video
    assert new_media_offset(read_movie(path)) > 1 << 32


def test_a_fragmented_file_is_read_but_not_edited(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", movflags="frag_keyframe+empty_moov")
    before = path.read_bytes()
    with pytest.raises(OutputError, match="is a fragmented mp4, whose index cannot be edited"):
        mark(path)
    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip(tmp_path / "a.mp4")
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vstab_core.isobmff.os.fsync", full)
    with pytest.raises(OutputError, match="could not be written: No space left"):
        mark(path)
    assert path.read_bytes() == before


def test_a_file_that_grew_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")
    movie = read_movie(path)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(OutputError, match="has changed while its index was edited"):
        write_movie(movie)


def test_other_files_and_damage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    for data, words in (
        (b"", "is no mp4 or mov file"),
        (b"hello world, this is text", "is no mp4 or mov file"),
        (struct.pack(">I4s", 8, b"ftyp") + b"abc", "3 bytes at 8 are no box"),
        (struct.pack(">I4s", 8, b"free"), "no mp4 or mov file with an index"),
        (struct.pack(">I4sQ", 1, b"moov", 1 << 60), "damaged file: box 'moov'"),
        (struct.pack(">I4sI4s", 16, b"moov", 4, b"trak"), "damaged index: box 'trak' says 4"),
        (
            b"".join(struct.pack(">I4s", 8 * n, b"trak" if n < 40 else b"moov") for n in range(40, 0, -1)),
            "nested without end",
        ),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=words):
            read_movie(path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_movie(tmp_path / "none.mp4")


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_flipped_bytes_never_raise_anything_else(tmp_path: Path, ending: str) -> None:
    path = clip(tmp_path / f"a.{ending}")
    data = path.read_bytes()
    at = data.index(b"moov")
    rng = np.random.default_rng(5)
    for _ in range(300):
        broken = bytearray(data)
        for place in rng.integers(at - 4, len(data), 4):
            broken[place] = rng.integers(256)
        path.write_bytes(broken)
        try:
            movie = read_movie(path)
            for track in movie.tracks():
                read_samples(movie, track)
        except (InputError, struct.error):
            pass
        read_ambisonics(path)


def read_samples(movie: Movie, track: Box) -> tuple[list[float], list[bytes]]:
    return list(sample_times_s(movie, track)), list(sample_bytes(movie, track))


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_samples_are_those_of_ffmpeg(tmp_path: Path, ending: str) -> None:
    path = clip(tmp_path / f"a.{ending}")
    movie = read_movie(path)
    times_s, samples = read_samples(movie, movie.tracks(b"soun")[0])
    expected = packets(path, "audio")
    assert samples == [data for _, data in expected]
    np.testing.assert_allclose(times_s, [time_s for time_s, _ in expected], atol=1e-6)


# -- SA3D --


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "aac"), ("mov", "aac"), ("mov", "pcm_s16le"), ("mov", "pcm_f32le")]
)
def test_ambisonics_are_written_and_read_back(tmp_path: Path, ending: str, codec: str) -> None:
    path = write_clip(tmp_path / f"a.{ending}", ClipSpec(count=10, audio=codec))
    sound = packets(path, "audio")
    assert read_ambisonics(path) == []
    for said in (Ambisonics(1, (0, 2, 3, 1)), Ambisonics(1, (4, 5, 0, 1, 2, 3), True), Ambisonics(1, tuple(range(9)))):
        write_ambisonics(path, [said])
        assert read_ambisonics(path) == [said]
    assert packets(path, "audio") == sound
    entry = read_movie(path).tracks(b"soun")[0].need("mdia/minf/stbl/stsd/*")
    assert [box.kind for box in entry.children].count(b"SA3D") == 1
    assert (Ambisonics(0, (0, 1, 2, 3)).order, Ambisonics(0, tuple(range(11)), True).order) == (1, 2)


def test_the_bytes_of_sa3d_are_those_of_the_document(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")
    write_ambisonics(path, [Ambisonics(1, (0, 2, 3, 1))])
    box = struct.pack(">I4sBBIBBI4I", 36, b"SA3D", 0, 0, 1, 0, 0, 4, 0, 2, 3, 1)
    assert box in path.read_bytes()


def test_ffmpeg_reads_the_sound_as_ambisonic(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000)  # of AAC it believes the codec rather than the box
        stream.codec_context.layout = "4.0"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4 * 1024), np.int16), "s16", "4.0")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write_ambisonics(path, [Ambisonics(0, (0, 1, 2, 3))])
    with av.open(str(path)) as container:
        assert container.streams.audio[0].layout.name == "ambisonic 1"


def test_ambisonics_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4")
    for item, words in (
        (Ambisonics(0, (0, 1, 2, 3)), "stream 0 of .* is no sound track"),
        (Ambisonics(9, (0, 1, 2, 3)), "stream 9 of .* is no sound track"),
        (Ambisonics(1, (0, 1, 2)), "no map of a whole ambisonic order"),
        (Ambisonics(1, (0, 1, 2, 2)), "no map of a whole ambisonic order"),
    ):
        with pytest.raises(OutputError, match=words):
            write_ambisonics(path, [item])


def test_spatial_audio_of_an_unknown_kind_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = clip(tmp_path / "a.mp4")
    write_ambisonics(path, [Ambisonics(1, (0, 1, 2, 3))])
    at = path.read_bytes().rindex(b"SA3D") + 4
    with path.open("r+b") as file:
        file.seek(at + 7)  # the normalization
        file.write(b"\1")
    assert read_ambisonics(path) == []
    assert "normalization 1" in caplog.text
