"""The OpenFX plug-in: which frame is shown, in whatever piece and layout a host asks for it, and bad input."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.hosts import ofx_abi as abi
from tests.hosts.frei0r_host import write_warps
from tests.hosts.ofx_clips import (
    BASE,
    COUNT,
    FLAT,
    SIZE,
    SPHERE,
    Array,
    far_apart,
    flat_sidecar,
    ours,
    picture,
    ruler_at,
    ruler_sidecar_at,
    sphere_sidecar,
)
from tests.hosts.ofx_host import Host, Instance, Layout
from vstab_core.params import Parameters

NOTICE = (1.0, 210 / 255, 0.0)  # the colour of a notice's border


def has_notice(shown: Array) -> bool:
    return bool(np.allclose(shown[0, 0, :3], NOTICE, atol=1e-6))


def test_a_resolve_host_says_the_frame_of_the_file(host: Host, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mov"
    clip.touch()
    ruler_sidecar_at(tmp_path / "clip.vstab", range(30))
    instance = host.plugins[FLAT].create(source_path=str(clip), frame_range=(100.0, 200.0))
    for time, source_frame in ((0.0, 7), (500.0, 0), (3.0, 29), (-4.0, 12)):  # trimmed, slowed, backwards
        assert ruler_at(instance, time, source_frame=source_frame) == source_frame
    shutil.move(tmp_path / "clip.vstab", tmp_path / "other.vstab")
    instance.edit("reload")
    assert "No such file" in instance.value("status")
    instance.edit("sidecar", str(tmp_path / "other.vstab"))
    assert ruler_at(instance, 0.0, source_frame=5) == 5


@pytest.mark.parametrize("first", [0.0, 1.0, 86400.0])
def test_other_hosts_count_from_the_first_frame_of_the_clip(host: Host, tmp_path: Path, first: float) -> None:
    sidecar = ruler_sidecar_at(tmp_path / "c.vstab", range(50, 80))
    instance = host.plugins[FLAT].create(sidecar=sidecar, frame_range=(first, first + 29), frame_rate=24.0)
    for frame in (0, 29, 11):
        assert ruler_at(instance, first + frame) == frame
    assert ruler_at(instance, first + 10.5) == 11  # the later of two equally near
    assert ruler_at(instance, first + 10.4) == 10
    instance.edit("offset", 3.0)
    assert ruler_at(instance, first + 11) == 14


def test_a_host_without_range_and_rate_counts_from_zero(host: Host, tmp_path: Path) -> None:
    sidecar = ruler_sidecar_at(tmp_path / "c.vstab", range(30))
    for range_ in (None, (-1e30, 1e30)):
        instance = host.plugins[FLAT].create(sidecar=sidecar, frame_range=range_, frame_rate=None)
        assert ruler_at(instance, 9) == 9


def test_an_uneven_clip_is_looked_up_by_time(host: Host, tmp_path: Path) -> None:
    pts = [0, 1, 2, 3, 23, 24, 25, 26]  # of 1/25 s: a pause of 20 frames
    instance = host.plugins[FLAT].create(sidecar=ruler_sidecar_at(tmp_path / "c.vstab", pts), frame_rate=25.0)
    shown = [ruler_at(instance, time) for time in (0, 3, 4, 12, 13, 23, 26)]
    assert shown == [0, 3, 3, 3, 4, 4, 7]


def test_frames_outside_the_analyzed_range_are_passed_through_with_a_notice(host: Host, tmp_path: Path) -> None:
    instance = host.plugins[FLAT].create(sidecar=flat_sidecar(tmp_path / "c.vstab"), frame_range=(0.0, 9.0))
    for time in (-1, COUNT, 9, float("nan"), 1e30):
        source = picture(1)
        shown = instance.render(time, source)
        assert has_notice(shown)
        assert np.array_equal(shown[30:], source[30:])
        assert not instance.is_identity(time)


def test_identity_is_told_and_only_identity(host: Host, tmp_path: Path) -> None:
    warps = np.tile(np.eye(3), (COUNT, 1, 1))
    warps[2, 0, 2] = 0.01
    sidecar = write_warps(tmp_path / "c.vstab", SIZE, warps, range(COUNT), BASE)
    instance = host.plugins[FLAT].create(sidecar=sidecar)
    assert [instance.is_identity(t) for t in range(COUNT)] == [True, True, False, True]
    source = picture()
    assert instance.render(1, source).tobytes() == source.tobytes()


LAYOUTS = [
    Layout(),
    Layout(origin=(-37, 1000), padding=52),
    Layout(top_down=True),
    Layout(origin=(5, -3), top_down=True, padding=4),
]


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_any_layout_and_any_tiles_give_the_same_bytes(host: Host, tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(5)
    for border in ("crop", "black"):
        sidecar = flat_sidecar(tmp_path / f"{border}.vstab", Parameters(border=border))
        instance = host.plugins[FLAT].create(sidecar=sidecar)
        source = picture(2, dtype)
        whole = instance.render(2, source)
        for seen, given in itertools.product(LAYOUTS, LAYOUTS):
            output = Layout(seen.origin, given.padding, given.top_down)
            x, y = seen.origin
            left, bottom = rng.integers(0, [SIZE[1] - 1, SIZE[0] - 1])
            right, top = rng.integers([left + 1, bottom + 1], [SIZE[1] + 1, SIZE[0] + 1])
            window = [x + int(left), y + int(bottom), x + int(right), y + int(top)]
            shown = instance.render(2, source, source=seen, output=output, window=window)
            rows, columns = np.s_[SIZE[0] - top : SIZE[0] - bottom], np.s_[left:right]
            assert shown[rows, columns].tobytes() == whole[rows, columns].tobytes()
            assert (np.delete(shown.reshape(-1, 4), inside(window, seen.origin), axis=0) == 7).all()


def inside(window: list[int], origin: tuple[int, int]) -> Array:
    mask = np.zeros(SIZE, bool)
    x1, y1, x2, y2 = (window[i] - origin[i % 2] for i in range(4))
    mask[SIZE[0] - y2 : SIZE[0] - y1, x1:x2] = True
    return np.flatnonzero(mask)


def test_tiles_of_a_sphere_give_the_same_bytes(host: Host, tmp_path: Path) -> None:
    size = (80, 160)
    sidecar = sphere_sidecar(tmp_path / "c.vstab", size, Parameters(projection="equirect"))
    instance = host.plugins[SPHERE].create(sidecar=sidecar, region=(0, 0, 160, 80))
    source = picture(1, size=size)
    whole = instance.render(1, source)
    tiled = np.empty_like(whole)
    for y, x in itertools.product(range(0, 80, 27), range(0, 160, 33)):
        window = [x, y, min(x + 33, 160), min(y + 27, 80)]
        shown = instance.render(1, source, window=window)
        rows, columns = np.s_[80 - window[3] : 80 - window[1]], np.s_[window[0] : window[2]]
        tiled[rows, columns] = shown[rows, columns]
    assert tiled.tobytes() == whole.tobytes()


def test_a_source_that_lacks_pixels_is_black_there(host: Host, tmp_path: Path) -> None:
    sidecar = flat_sidecar(tmp_path / "c.vstab", Parameters(border="black"))
    instance = host.plugins[FLAT].create(sidecar=sidecar)
    source = picture(1)
    cut = source.copy()
    cut[:3], cut[-5:], cut[:, :2], cut[:, -7:] = 0, 0, 0, 0
    shown = instance.render(1, source, source=Layout(missing=(2, 5, 7, 3)))
    assert not far_apart(shown, ours(sidecar, [cut] * COUNT)[1])


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_a_proxy_is_the_warp_at_its_size(host: Host, tmp_path: Path, scale: int) -> None:
    sidecar = flat_sidecar(tmp_path / "c.vstab")
    small = picture(1, size=(SIZE[0] * 2 // scale, SIZE[1] * 2 // scale))
    instance = host.plugins[FLAT].create(sidecar=sidecar)
    assert not far_apart(instance.render(1, small), ours(sidecar, [small] * COUNT)[1])


def test_odd_sizes(host: Host, tmp_path: Path) -> None:
    for size in ((1, 1), (1, 9), (9, 1), (17, 31), (65, 127)):
        warps = np.tile(np.eye(3), (COUNT, 1, 1))
        warps[:, 0, 2] = 0.1
        sidecar = write_warps(tmp_path / f"{size[1]}.vstab", size, warps, range(COUNT), BASE)
        instance = host.plugins[FLAT].create(sidecar=sidecar)
        source = picture(size=size)
        assert not far_apart(instance.render(1, source), ours(sidecar, [source] * COUNT)[1])


@pytest.mark.parametrize("dtype", ["float32", "uint16", "uint8"])
def test_straight_alpha_does_not_bleed(host: Host, tmp_path: Path, dtype: str) -> None:
    """A red square on transparent green: straight colour must not turn its edge brown."""
    most = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    source = np.zeros((*SIZE, 4), dtype)
    source[..., 1] = most
    source[20:40, 30:60] = [most, 0, 0, most]
    sidecar = flat_sidecar(tmp_path / "c.vstab", Parameters(interpolation="bilinear"))
    instance = host.plugins[FLAT].create(sidecar=sidecar)
    shown = instance.render(1, source, premultiplication="OfxImageAlphaUnPremultiplied") / most
    seen = shown[..., 3] > 0.1
    assert seen.sum() > 400
    assert shown[seen][:, 1].max() < 0.02
    assert shown[seen][:, 0].min() > 0.98
    as_it_is = instance.render(1, source, premultiplication="OfxImageAlphaPremultiplied") / most
    assert as_it_is[seen][:, 1].max() > 0.3


def test_fields_are_refused(host: Host, tmp_path: Path) -> None:
    instance = host.plugins[FLAT].create(sidecar=flat_sidecar(tmp_path / "c.vstab"))
    for field in ("OfxFieldLower", "OfxFieldUpper"):
        instance.render(1, picture(), field=field, status=abi.FAILED)
    instance.render(1, picture(), field="OfxFieldBoth")


def test_the_regions_are_the_sources(host: Host, tmp_path: Path) -> None:
    instance = host.plugins[FLAT].create(sidecar=flat_sidecar(tmp_path / "c.vstab"), region=(3.0, 4.0, 99.0, 58.0))
    name = "OfxImageEffectActionGetRegionOfDefinition"
    assert instance.region(name, "OfxImageEffectPropRegionOfDefinition") == (abi.OK, [3.0, 4.0, 99.0, 58.0])
    name = "OfxImageEffectActionGetRegionsOfInterest"
    more = {"OfxImageEffectPropRegionOfInterest": [5.0, 5.0, 9.0, 9.0]}
    assert instance.region(name, "OfxImageClipPropRoI_Source", **more) == (abi.OK, [3.0, 4.0, 99.0, 58.0])
    for action in ("OfxImageEffectActionGetClipPreferences", "OfxImageEffectActionGetTimeDomain", "OfxNoSuchAction"):
        assert instance.plugin.call(action, instance.handle) == abi.DEFAULT
    unconnected = host.plugins[FLAT].create(region=None)
    assert unconnected.region("OfxImageEffectActionGetRegionOfDefinition", "")[0] == abi.DEFAULT


def test_a_fresh_instance_says_what_to_do(host: Host) -> None:
    source = picture()
    shown = host.plugins[FLAT].create().render(0, source)
    assert has_notice(shown)
    assert np.array_equal(shown[30:], source[30:])
    sixteen = host.plugins[FLAT].create().render(0, picture(0, "uint16", 3))
    assert sixteen[0, 0].tolist() == [65535, 210 * 257, 0]


def test_bad_sidecars_become_notices(host: Host, tmp_path: Path) -> None:
    good = flat_sidecar(tmp_path / "good.vstab").read_bytes()
    folder = tmp_path / "folder.vstab"
    folder.mkdir()
    (tmp_path / "empty.vstab").touch()
    (tmp_path / "cut.vstab").write_bytes(good[:-9])
    (tmp_path / "foreign.vstab").write_bytes(os.urandom(500))
    (tmp_path / "changed.vstab").write_bytes(good[:200] + bytes([good[200] ^ 1]) + good[201:])
    sphere = sphere_sidecar(tmp_path / "sphere.vstab", (40, 80), Parameters(projection="equirect"))
    source = picture()
    bad = [*(tmp_path / f"{n}.vstab" for n in ("folder", "empty", "cut", "foreign", "changed")), sphere]
    for path in [*bad, "/no/such/file", "\x01" * 5000, str(tmp_path / "ü日.vstab")]:
        instance = host.plugins[FLAT].create(sidecar=path)
        assert has_notice(instance.render(0, source)), path
        assert instance.value("status"), path
        assert not instance.is_identity(0)
        instance.destroy()
    instance = host.plugins[SPHERE].create(sidecar=tmp_path / "good.vstab")
    assert has_notice(instance.render(0, source))
    assert "use vstab Stabilize" in instance.value("status")


def test_a_sidecar_of_another_shape_is_refused_but_fitted_where_the_host_is_resolve(host: Host, tmp_path: Path) -> None:
    sidecar = flat_sidecar(tmp_path / "c.vstab")
    wide = picture(1, size=(54, 120))
    instance = host.plugins[FLAT].create(sidecar=sidecar)
    assert has_notice(instance.render(1, wide))
    shown = instance.render(1, wide, source_frame=1)  # a timeline of another shape
    assert np.array_equal(shown[:, :12], wide[:, :12])
    assert np.array_equal(shown[:, 108:], wide[:, 108:])
    assert not far_apart(shown[:, 12:108], ours(sidecar, [np.ascontiguousarray(wide[:, 12:108])] * COUNT)[1])


def test_absent_empty_and_unsuitable_pictures(host: Host, tmp_path: Path) -> None:
    instance = host.plugins[FLAT].create(sidecar=flat_sidecar(tmp_path / "c.vstab"))
    instance.render(1, None, like=picture(), status=abi.FAILED)
    instance.render(1, np.zeros((0, 0, 4), np.float32), status=abi.OK)
    instance.render(1, np.zeros((0, 0, 4), np.float32), like=picture(), status=abi.FAILED)
    instance.render(1, picture(), like=picture(0, "uint8"), status=abi.IMAGE_FORMAT)
    instance.render(1, picture(), like=picture(0, channels=3), status=abi.IMAGE_FORMAT)
    instance.render(1, picture()[..., :1].copy(), status=abi.IMAGE_FORMAT)
    assert instance.render(1, picture(), window=(5, 5, 5, 9)).min() == 7
    host.abort_after = 1
    instance.render(1, picture())
    host.abort_after = -1


@pytest.mark.parametrize("without", [("OfxMultiThreadSuite",), ("OfxMessageSuite", "OfxMultiThreadSuite")])
def test_optional_suites_may_be_missing(binary: Path, tmp_path: Path, without: tuple[str, ...]) -> None:
    host = Host(binary, without=without, refuse_names=("OfxPropPluginDescription", "OfxParamPropCacheInvalidation"))
    plugin = host.plugins[FLAT]
    assert plugin.load() == abi.OK
    plugin.describe()
    sidecar = flat_sidecar(tmp_path / "c.vstab")
    sources = [picture(i, size=(540, 960)) for i in range(COUNT)]
    instance = plugin.create(sidecar=sidecar)
    assert not far_apart(instance.render(1, sources[1]), ours(sidecar, sources)[1])
    instance.edit("analyze")
    assert instance.value("status")
    instance.destroy()
    plugin.unload()
    assert host.violations == []


@pytest.mark.parametrize("suite", ["OfxPropertySuite", "OfxImageEffectSuite", "OfxParameterSuite"])
def test_a_host_without_a_necessary_suite_is_refused(binary: Path, suite: str) -> None:
    host = Host(binary, without=(suite,))
    for plugin in host.plugins.values():
        assert plugin.load() == abi.MISSING_FEATURE
        assert plugin.call("OfxActionUnload") == abi.OK
    assert host.violations == []


def test_many_instances_in_many_threads_and_any_order(host: Host, tmp_path: Path) -> None:
    sidecars = [flat_sidecar(tmp_path / f"{b}.vstab", Parameters(border=b)) for b in ("crop", "black", "mirror")]
    sources = [picture(i) for i in range(COUNT)]
    wanted = [ours(sidecar, sources) for sidecar in sidecars]
    instances = [host.plugins[FLAT].create(sidecar=sidecar) for sidecar in sidecars]
    wrong: list[object] = []

    def render(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(25):
            which, time = rng.integers(len(instances)), int(rng.integers(COUNT))
            try:
                layout = LAYOUTS[rng.integers(len(LAYOUTS))]
                shown = instances[which].render(time, sources[time], source=layout, output=layout)
                if far_apart(shown, wanted[which][time]):
                    wrong.append((which, time))
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=render, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_ten_thousand_random_calls(host: Host, tmp_path: Path) -> None:
    """Whatever comes, in any order: a status, never a crash."""
    rng = np.random.default_rng(12)
    good = flat_sidecar(tmp_path / "good.vstab")
    data = good.read_bytes()
    hostile = []
    for i in range(20):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            broken[at] = rng.integers(256)
        hostile.append(tmp_path / f"{i}.vstab")
        hostile[-1].write_bytes(bytes(broken[: rng.integers(1, len(data) + 1)]))
    paths = [good, *hostile, "", tmp_path, sphere_sidecar(tmp_path / "s.vstab", (20, 40))]
    plugin = host.plugins[FLAT]
    instances: list[Instance] = []
    calls = 0
    while calls < 10_000:
        kind = rng.integers(8)
        if kind == 0 or not instances:
            instances.append(plugin.create(region=None if rng.random() < 0.1 else (0, 0, 16, 9)))
        elif kind == 1 and len(instances) > 3:
            instances.pop(int(rng.integers(len(instances)))).destroy()
        else:
            instance = instances[rng.integers(len(instances))]
            time = float(rng.choice([0, 1, 2.5, -3, 1e9, np.nan, np.inf]))
            if kind == 2:
                instance.edit("sidecar", str(paths[rng.integers(len(paths))]), time=time)
            elif kind == 3:
                instance.edit(str(rng.choice(["reload", "cancel", "offset", "status", "clip"])), time=time)
            elif kind == 4:
                instance.is_identity(time)
            elif kind == 5:
                instance.plugin.call(
                    str(rng.choice(["OfxActionPurgeCaches", "OfxActionSyncPrivateData", ""])), instance.handle
                )
            else:
                size = (int(rng.integers(0, 12)), int(rng.integers(0, 18)))
                source = rng.integers(0, 256, (*size, int(rng.choice([3, 4])))).astype(np.uint8)
                layout = LAYOUTS[rng.integers(len(LAYOUTS))]
                instance.render(time, source, output=layout, source=layout)
        calls += 1
    for instance in instances:
        instance.destroy()
