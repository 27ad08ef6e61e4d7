"""The frei0r plug-in: ffmpeg with it against our own renderer, and a host in ctypes that calls it as MLT does."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ffmpeg_bridge import frei0r_filter
from tests.clips import ClipSpec, write_clip
from tests.hosts.frei0r_host import Host, Picture, shake, write_warps
from tests.scenes import world
from vstab_core import rotation
from vstab_core.decode import read_frames
from vstab_core.params import Parameters
from vstab_core.render import render_frames, warp_frame
from vstab_core.sidecar import read_sidecar
from vstab_core.types import Frame

COUNT, SIZE = 6, (72, 128)
BASE = Fraction(1, 25)
RNG = np.random.default_rng(12)
INK, PAPER = [255, 210, 0, 255], [20, 20, 20, 255]


def pictures(size: tuple[int, int] = SIZE, count: int = COUNT) -> list[Picture]:
    """Coarse noise with sharp edges and every alpha."""
    small = np.random.default_rng(3).integers(0, 256, (count, size[0] // 4 + 1, size[1] // 4 + 1, 4), np.uint8)
    return [np.ascontiguousarray(p.repeat(4, 0).repeat(4, 1)[: size[0], : size[1]]) for p in small]


def bend(count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(9).uniform(-0.02, 0.02, (count, 5, 5, 2)).astype(np.float32)


def ours(sidecar: Path, sources: list[Picture]) -> list[Picture]:
    """Our own renderer; the sidecar's frames are `sources`."""
    stored = read_sidecar(sidecar)
    assert stored.warps is not None
    frames = [Frame((p,), "rgba", int(t), float(t * BASE)) for p, t in zip(sources, stored.warps.pts, strict=True)]
    new = lambda frame: replace(frame, planes=(np.empty_like(frame.planes[0]),))  # noqa: E731
    done = render_frames(frames, stored.warps, None, stored.parameters or Parameters(), new)
    return [frame.planes[0] for frame in done]


def through_ffmpeg(ffmpeg: str, plugin: Path, clip: Path, chain: str, size: tuple[int, int]) -> tuple[np.ndarray, str]:
    command = [
        ffmpeg,
        "-v",
        "error",
        "-nostdin",
        "-i",
        str(clip),
        "-vf",
        chain,
        "-pix_fmt",
        "rgba",
        "-f",
        "rawvideo",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, check=True, env={"FREI0R_PATH": str(plugin.parent)})
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, *size, 4), done.stderr.decode()


@pytest.mark.parametrize("border", ["crop", "black", "mirror"])
@pytest.mark.parametrize("interpolation", ["auto", "bilinear", "bicubic", "lanczos3"])
def test_ffmpeg_shows_what_our_renderer_shows(
    ffmpeg: str, plugin: Path, tmp_path: Path, border: str, interpolation: str
) -> None:
    parameters = Parameters(border=border, interpolation=interpolation)
    sidecar = write_warps(tmp_path / "c.vstab", SIZE, shake(COUNT), range(COUNT), BASE, parameters, mesh=bend())
    spec = ClipSpec(size=SIZE, pixel_format="rgba", codec="rawvideo", time_base=BASE, pts=range(COUNT))
    clip = write_clip(tmp_path / "clip.nut", spec, ((p,) for p in pictures()))
    assert [frame.pixel_format for frame in read_frames(clip)] == ["rgba"] * COUNT
    shown, log = through_ffmpeg(ffmpeg, plugin, clip, frei0r_filter(sidecar), SIZE)
    assert log == ""
    wanted = np.array(ours(sidecar, pictures()))
    assert shown.shape == wanted.shape
    assert np.abs(shown.astype(int) - wanted).max() <= 1
    assert np.abs(wanted.astype(int) - pictures()).mean() > 10  # the warps do something
    if border == "black":
        assert (shown[..., 3] == 0).any()  # transparent outside


@pytest.mark.parametrize("border", ["crop", "black", "mirror"])
def test_an_opaque_picture_is_warped_by_a_shorter_way_to_the_same_bytes(
    plugin: Path, tmp_path: Path, hosts: list[Host], border: str
) -> None:
    sidecar = write_warps(tmp_path / "c.vstab", SIZE, shake(COUNT), range(COUNT), BASE, Parameters(border=border))
    sources = pictures()
    for source in sources:
        source[..., 3] = 255
    hosts.append(Host(plugin, SIZE, sidecar))
    for index, wanted in enumerate(ours(sidecar, sources)):
        assert np.array_equal(hosts[0].show(index / 25, sources[index]), wanted)


@pytest.mark.parametrize(("projection", "usual"), [("rectilinear", "lanczos3"), ("equirect", "bicubic")])
def test_a_sidecar_that_says_auto_or_no_filter_shows_our_renderers(
    plugin: Path, tmp_path: Path, hosts: list[Host], projection: str, usual: str
) -> None:
    source = pictures()[0]
    source[..., 3] = 255
    turn = np.array([[1, 0, 0], [0, 0.96, -0.28], [0, 0.28, 0.96]])[None]
    warps = shake(1) if projection == "rectilinear" else turn
    shown = {}
    for interpolation in ("auto", None, "lanczos3", "bicubic"):
        parameters = None if interpolation is None else Parameters(interpolation=interpolation)
        path = tmp_path / f"{interpolation}.vstab"
        sidecar = write_warps(path, SIZE, warps, [0], BASE, parameters, projection=projection)
        hosts.append(Host(plugin, SIZE, sidecar))
        shown[interpolation] = hosts[-1].show(0, source)
        assert np.array_equal(shown[interpolation], ours(sidecar, [source])[0])
    assert np.array_equal(shown["auto"], shown[usual])
    assert np.array_equal(shown[None], shown[usual])
    assert not np.array_equal(shown["lanczos3"], shown["bicubic"])


@pytest.fixture
def hosts(plugin: Path) -> Iterator[list[Host]]:
    opened: list[Host] = []
    yield opened
    for host in opened:
        host.close()


def test_fill_falls_back_to_mirror(plugin: Path, tmp_path: Path, hosts: list[Host]) -> None:
    shown = []
    for border in ("fill", "mirror"):
        sidecar = write_warps(
            tmp_path / f"{border}.vstab", SIZE, shake(COUNT), range(COUNT), BASE, Parameters(border=border)
        )
        hosts.append(Host(plugin, SIZE, sidecar))
        shown.append(hosts[-1].show(0.04, pictures()[1]))
    assert np.array_equal(*shown)


@pytest.mark.parametrize("stereo", ["mono", "top-bottom", "left-right"])
def test_both_eyes_of_a_360_clip_are_turned_alike(plugin: Path, tmp_path: Path, hosts: list[Host], stereo: str) -> None:
    eye = world(height=64)
    eye = np.stack([eye, 255 - eye, eye // 2, np.full_like(eye, 255)], axis=-1)
    parts = {"mono": [eye], "top-bottom": [eye, eye[:, ::-1]], "left-right": [eye, eye[:, ::-1]]}[stereo]
    frame = np.concatenate(parts, axis=1 if stereo == "left-right" else 0)
    size = frame.shape[:2]
    turns = rotation.matrix(rotation.from_yaw_pitch_roll(np.radians([[20.0, 10, -5], [0, 40, 30], [170, -80, 10]])))
    local = RNG.uniform(-0.03, 0.03, (3, 6, 3)).astype(np.float32)
    parameters = Parameters(projection="equirect", stereo=stereo)
    sidecar = write_warps(
        tmp_path / "c.vstab", size, turns, range(3), BASE, parameters, local=local, projection="equirect"
    )
    hosts.append(Host(plugin, size, sidecar))
    for index, wanted in enumerate(ours(sidecar, [frame] * 3)):
        shown = hosts[-1].show(index / 25, frame)
        assert np.abs(shown.astype(int) - wanted).max() <= 1
        assert np.abs(shown.astype(int) - frame).mean() > 3


@pytest.mark.parametrize("scale", [0.25, 0.5, 0.7, 2.0])
def test_a_preview_of_another_size_shows_the_same_warp(
    plugin: Path, tmp_path: Path, hosts: list[Host], scale: float
) -> None:
    """The model does not depend on the size: the preview is what our renderer makes of the preview's picture."""
    sidecar = write_warps(
        tmp_path / "c.vstab", SIZE, shake(COUNT), range(COUNT), BASE, Parameters(border="mirror"), mesh=bend()
    )
    size = (round(SIZE[0] * scale), round(SIZE[1] * scale))
    picture = pictures(size, 1)[0]
    hosts.append(Host(plugin, size, sidecar))
    track = read_sidecar(sidecar).warps
    assert track is not None
    target = Frame((np.empty_like(picture),), "rgba", 0, 0.0)
    wanted = warp_frame(replace(target, planes=(picture,)), track[3], Parameters(border="mirror"), lambda _: target)
    assert np.abs(hosts[-1].show(3 / 25, picture).astype(int) - wanted.planes[0]).max() <= 1


def test_square_pixels_of_an_editor_fit_an_anamorphic_clip(plugin: Path, tmp_path: Path, hosts: list[Host]) -> None:
    sidecar = write_warps(tmp_path / "c.vstab", (576, 720), shake(COUNT), range(COUNT), BASE, aspect=576 / 1024)
    for size in ((144, 180), (144, 256)):  # as stored, as shown
        hosts.append(Host(plugin, size, sidecar))
        assert not box_of(hosts[-1].show(0.04, pictures(size, 1)[0]))


def test_a_warp_that_does_nothing_hands_the_picture_through(plugin: Path, tmp_path: Path, hosts: list[Host]) -> None:
    still = np.tile(np.eye(3), (COUNT, 1, 1))
    sidecar = write_warps(
        tmp_path / "c.vstab", SIZE, still, range(COUNT), BASE, mesh=np.zeros((COUNT, 5, 5, 2), np.float32)
    )
    hosts.append(Host(plugin, SIZE, sidecar))
    assert np.array_equal(hosts[-1].show(0.08, pictures()[2]), pictures()[2])


def test_instances_on_many_threads_and_frames_in_any_order(plugin: Path, tmp_path: Path) -> None:
    """As MLT renders: an instance a thread, the parameter set before every frame, seconds, sizes of their own."""
    count = 40
    sidecars = {}
    for size in (SIZE, (90, 160)):
        path = tmp_path / f"{size[0]}.vstab"
        sidecars[size] = write_warps(path, size, shake(count), range(count), BASE, Parameters(border="black"))
    sources = {size: pictures(size, count) for size in sidecars}
    wanted = {size: ours(path, sources[size]) for size, path in sidecars.items()}
    wrong: list[str] = []

    def work(seed: int) -> None:
        size = list(sidecars)[seed % 2]
        host = Host(plugin, size)
        for frame in np.random.default_rng(seed).permutation(count):
            host.set(sidecars[size])
            shown = host.show(frame / 25, sources[size][frame])
            if np.abs(shown.astype(int) - wanted[size][frame]).max() > 1:
                wrong.append(f"thread {seed}, frame {frame}")
        host.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def box_of(shown: Picture) -> tuple[int, int] | None:
    """Return (height, width) of the notice in the top left corner, or None where there is none."""
    ink = (shown == INK).all(-1)
    if not ink[0, 0]:
        return None
    height = int(np.argmin(ink[:, 0])) or shown.shape[0]
    width = int(np.argmin(ink[0])) or shown.shape[1]
    assert set(map(tuple, shown[:height, :width].reshape(-1, 4).tolist())) == {tuple(INK), tuple(PAPER)}
    return height, width


def damaged(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


WIDE = (180, 320)


def bad_sidecar(kind: str, folder: Path) -> str | Path:
    path = folder / "clip.vstab"
    still = np.tile(np.eye(3), (3, 1, 1))
    if kind == "none":
        return ""
    if kind == "foreign":
        return write_warps(path, (320, 180), still, range(3), BASE)
    if kind == "no sidecar":
        path.write_bytes(b"RIFF....AVI LIST")
    if kind == "damaged":
        damaged(write_warps(path, WIDE, still, range(3), BASE))
    if kind == "folder":
        path.mkdir()
    if kind in ("vr180", "cubemap"):
        parameters = Parameters(projection=kind)
        write_warps(path, WIDE, still, range(3), BASE, parameters, projection="equirect")
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("none", "no sidecar is given"),
        ("missing", "clip.vstab': No such file"),
        ("folder", "clip.vstab': "),
        ("no sidecar", "cannot read sidecar"),
        ("damaged", "cannot read sidecar"),
        ("foreign", "made for 180x320, the picture is 320x180"),
        ("vr180", "does not know the projection vr180"),
        ("cubemap", "does not know the projection cubemap"),
    ],
)
def test_without_a_fitting_sidecar_the_picture_stays_with_a_notice_and_one_line_of_log(
    plugin: Path, tmp_path: Path, hosts: list[Host], capfd: pytest.CaptureFixture[str], kind: str, said: str
) -> None:
    sidecar = bad_sidecar(kind, tmp_path)
    host = Host(plugin, WIDE)
    hosts.append(host)
    picture = pictures(WIDE, 1)[0]
    for time in (0.0, 0.04, 1e9, float("nan")):
        host.set(sidecar)
        shown = host.show(time, picture)
        box = box_of(shown)
        assert box is not None
        assert 6 < box[0] < 40
        assert 60 < box[1] < 250
        outside = np.ones(WIDE, bool)
        outside[: box[0], : box[1]] = False
        assert np.array_equal(shown[outside], picture[outside])
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("vstab: ")
    assert said in lines[0]


def test_the_notice_can_be_read(plugin: Path, hosts: list[Host]) -> None:
    """The dots of "SID", as they are drawn on a picture where a dot is a pixel."""
    hosts.append(Host(plugin, (12, 170)))
    shown = hosts[-1].show(0, np.zeros((12, 170, 4), np.uint8))
    ink = (shown == INK).all(-1)[3:8]
    text = "VSTAB: NO SIDECAR"
    rows = ["".join(".#"[int(dot)] for dot in row[3 + 4 * text.index("SID") :][:11]) for row in ink]
    assert rows == [
        ".##.###.##.",
        "#....#..#.#",
        ".#...#..#.#",
        "..#..#..#.#",
        "##..###.##.",
    ]


def test_ffmpeg_goes_on_without_a_sidecar(ffmpeg: str, plugin: Path, tmp_path: Path) -> None:
    spec = ClipSpec(size=SIZE, pixel_format="rgba", codec="rawvideo", time_base=BASE, pts=range(COUNT))
    clip = write_clip(tmp_path / "clip.nut", spec, ((p,) for p in pictures()))
    shown, log = through_ffmpeg(ffmpeg, plugin, clip, frei0r_filter(tmp_path / "none.vstab"), SIZE)
    assert len(shown) == COUNT
    assert all(box_of(picture) for picture in shown)
    assert log.count("\n") == 1
    assert "none.vstab': No such file" in log


def test_a_sidecar_is_read_again_only_when_it_changes(plugin: Path, tmp_path: Path, hosts: list[Host]) -> None:
    path = tmp_path / "clip.vstab"
    write_warps(path, SIZE, shake(COUNT), range(COUNT), BASE)
    hosts.append(Host(plugin, SIZE, path))
    host, picture = hosts[0], pictures()[2]
    before = host.show(2 / 25, picture)
    assert host.get() == str(path)
    write_warps(path, SIZE, np.tile(np.eye(3), (COUNT + 1, 1, 1)), range(COUNT + 1), BASE)
    assert np.array_equal(host.show(2 / 25, picture), before)  # nobody has set it
    host.set(path)
    assert np.array_equal(host.show(2 / 25, picture), picture)
    path.unlink()
    host.set(path)
    assert box_of(host.show(2 / 25, picture))
    write_warps(path, SIZE, shake(COUNT), range(COUNT), BASE)
    host.set(path)
    assert np.array_equal(host.show(2 / 25, picture), before)
    host.set("")
    assert host.get() == ""
    assert box_of(host.show(2 / 25, picture))


def test_a_padded_frame_is_warped_as_the_clip_in_it(plugin: Path, tmp_path: Path, hosts: list[Host]) -> None:
    size = (60, 100)
    sidecar = write_warps(tmp_path / "c.vstab", size, shake(COUNT), range(COUNT), BASE, Parameters(border="mirror"))
    sources = pictures(size)
    hosts.append(Host(plugin, (60, 128), sidecar))
    for index, wanted in enumerate(ours(sidecar, sources)):
        padded = np.pad(sources[index], ((0, 0), (0, 28), (0, 0)))
        shown = hosts[0].show(index / 25, padded)
        assert np.abs(shown[:, :100].astype(int) - wanted).max() <= 1
        assert not shown[:, 100:].any()


def test_no_bytes_and_no_size_bring_it_down(plugin: Path, tmp_path: Path, hosts: list[Host]) -> None:
    path = write_warps(tmp_path / "c.vstab", SIZE, shake(COUNT), range(COUNT), BASE, mesh=bend())
    whole = path.read_bytes()
    hosts.append(Host(plugin, SIZE))
    for seed in range(60):
        rng = np.random.default_rng(seed)
        content = bytearray(whole[: rng.integers(len(whole))] if seed % 2 else whole)
        for at in rng.integers(0, max(len(content), 1), 3) if content else ():
            content[at] = rng.integers(256)
        bad = tmp_path / f"{seed}.vstab"
        bad.write_bytes(content)
        hosts[0].set(bad)
        hosts[0].show(0.04, pictures()[1])
    for size in ((1, 1), (1, 64), (64, 1), (2, 3)):
        hosts.append(Host(plugin, size, path))
        hosts[-1].show(0.04, np.zeros((*size, 4), np.uint8))
