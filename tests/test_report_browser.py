"""The report's page as a browser shows it: Chromium plays it, and the pictures say which frames are seen.

Skipped without Chromium and playwright unless VSTAB_REQUIRE_HOSTS=1, then it fails.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_clips import BITS, coded_clip, evaluation_of

from vstab_core.evaluation.report.make import page_for
from vstab_core.evaluation.types import Evaluation, Reading

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
FRAMES = 250
STEP_TICKS = 3600  # of 1/90000 s: 25 frames a second
LATE = 60  # this frame comes two steps after the one before: an uneven rate
CUT = 100
HALF_FRAME_S = 0.02
WAIT_S = 10
STANDING = """[...document.querySelectorAll('video')].every((video) =>
  !video.seeking && video.readyState >= 2 && video.paused)"""
STATE = """[...document.querySelectorAll('video')].map((video) =>
  [video.currentTime, video.seeking, video.readyState, video.paused, video.ended, video.playbackRate])"""
NASTY = """<img src=x onerror="window.harmed=1">&amp;'"<b>.mp4"""
NASTIER = """</script><script>window.harmed=1</script><!-- <script> {{data}} & \u2028 "quoted" """


def _missing() -> str:
    """Return why no browser can be driven, or nothing."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: make test installs it"
    path = _browser()
    if path is None:
        return f"no Chromium: none of {', '.join(BROWSERS)} is installed (Debian: apt-get install chromium)"
    if subprocess.run([path, "--version"], capture_output=True, check=False).returncode:
        return f"'{path}' does not start"
    return ""


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def series(time_s: np.ndarray) -> np.ndarray:
    """Return a path with a shake that no scale or shift can hide."""
    return 40 * np.sin(2 * np.pi * 0.4 * time_s) + 7 * np.sin(2 * np.pi * 3 * time_s)


def known(original: Path, stabilized: Path, time_s: np.ndarray) -> Evaluation:
    plain = evaluation_of(original, stabilized, time_s)
    before = dict(plain.before) | {"x_px": series(time_s)}
    before["x_px"][CUT:] -= before["x_px"][CUT]
    before["x_px"][20:25] = np.nan
    readings = dict(plain.readings) | {
        "jitter_percent": Reading(1.234, 0.0432),
        "fov": Reading(None, 0.931),
        "wobble_px": Reading(None, None, f"nothing to see {NASTIER}"),
    }
    return dataclasses.replace(
        plain, before=before, readings=readings, cuts=[CUT], warnings=[f"beware of {NASTIER}", "second warning"]
    )


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluation]:
    folder = tmp_path_factory.mktemp("report")
    ticks = STEP_TICKS * np.arange(FRAMES)
    ticks[LATE:] += STEP_TICKS
    # the original's clock begins elsewhere: equal lengths, so both count from their first frames
    original = coded_clip(folder / NASTY, range(FRAMES), [*(ticks + 54321)], audio="aac", audio_start_s=0.6)
    stabilized = coded_clip(folder / "steady.mp4", range(FRAMES), [*ticks])
    evaluation = known(original, stabilized, ticks / 90000)
    file = folder / "report.html"
    file.write_text(page_for(evaluation), encoding="utf-8")
    return file, evaluation


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    reason = _missing()
    if reason and os.environ.get("VSTAB_REQUIRE_HOSTS") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=_browser(), headless=True, args=list(FLAGS))
        yield running
        running.close()


class Seen:
    """An open page, with what it said and asked for."""

    def __init__(self, browser: Any, file: Path, **settings: Any) -> None:
        self.page = browser.new_page(viewport={"width": 1200, "height": 1000}, **settings)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.goto(file.as_uri())
        self.page.set_default_timeout(1000 * WAIT_S)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true; the page's policy lets no other way of waiting run."""
        ends_at_s = time.monotonic() + WAIT_S
        while not self.page.evaluate(expression):
            assert time.monotonic() < ends_at_s, f"not within {WAIT_S} s: {expression}; {self.page.evaluate(STATE)}"
            self.page.wait_for_timeout(20)

    def codes(self) -> list[int]:
        """Wait until both videos stand, and return the frames that their pictures spell."""
        before = None
        while before != (before := self.times()):
            self.page.wait_for_timeout(40)  # after a seek the next one, which waited for it, may begin
            self.until(STANDING)
        return self.page.evaluate(
            """(bits) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(
              [...document.querySelectorAll('video')].map((video) => {
                const canvas = document.createElement('canvas');
                canvas.width = video.videoWidth; canvas.height = video.videoHeight;
                const ink = canvas.getContext('2d', { willReadFrequently: true });
                ink.drawImage(video, 0, 0);
                let code = 0;
                for (let bit = 0; bit < bits; bit += 1) {
                  const x = Math.floor((2 * bit + 1) * canvas.width / (2 * bits));
                  if (ink.getImageData(x, canvas.height >> 1, 1, 1).data[1] > 125) code |= 1 << bit;
                }
                return code;
              })))))""",
            BITS,
        )

    def drifts(self, seconds: float) -> list[float]:
        """Return the second video's time minus the first's, at every frame of the screen for some time."""
        return self.page.evaluate(
            """(ms) => new Promise((done) => {
              const [first, second] = document.querySelectorAll('video');
              const found = []; const end = performance.now() + ms;
              const look = () => {
                found.push(second.currentTime - first.currentTime);
                if (performance.now() < end) requestAnimationFrame(look); else done(found);
              };
              requestAnimationFrame(look);
            })""",
            1000 * seconds,
        )

    def comes_into_sync(self) -> bool:
        """Tell whether, soon, the videos run within half a frame of one another for a while.

        Two decoders never start at once, and a busy machine shows one of them late: some time to catch up is allowed.
        """
        for _ in range(9):
            drifts = np.abs(self.drifts(0.35))
            assert self.page.get_attribute("#play", "aria-label") == "Pause"  # two that stand are always in sync
            if np.quantile(drifts, 0.9) <= HALF_FRAME_S:
                return True
        return False

    def times(self) -> list[float]:
        return self.page.evaluate("[...document.querySelectorAll('video')].map((video) => video.currentTime)")

    def frame(self) -> int:
        """Return the frame that the clock names, from 0."""
        found = re.search(r"frame (\d+) of", self.page.inner_text("#clock"))
        assert found
        return int(found.group(1)) - 1


@pytest.fixture(scope="module")
def shared(browser: Any, page_file: tuple[Path, Evaluation]) -> Iterator[Seen]:
    seen = Seen(browser, page_file[0])
    yield seen
    # whatever the tests did to it
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith(("blob:", "data:"))] == [page_file[0].as_uri()]
    assert seen.page.evaluate("window.harmed") is None
    seen.page.close()


@pytest.fixture
def seen(shared: Seen) -> Seen:
    """The page at its beginning, paused, with nothing focused."""
    shared.page.evaluate("document.activeElement.blur()")
    if shared.page.get_attribute("#play", "aria-label") == "Pause":
        shared.press("Space")
    shared.press("Home")
    return shared


def test_both_play_in_sync_and_stop_on_the_same_frame(seen: Seen) -> None:
    seen.press("Space")
    assert seen.page.get_attribute("#play", "aria-label") == "Pause"
    seen.until("[...document.querySelectorAll('video')].every(v => v.currentTime > 0.5)")
    assert seen.comes_into_sync()
    seen.press("Space")
    first, second = seen.codes()
    assert first == second == seen.frame() > 20
    assert np.ptp(seen.times()) < 1e-6


def test_a_drift_is_caught_up(seen: Seen) -> None:
    seen.press("Space")
    seen.until("document.querySelector('#stabilized').currentTime > 0.3")
    for off_s in (0.12, -0.5):  # by another speed, and by a jump
        seen.page.evaluate(f"document.querySelector('#stabilized').currentTime += {off_s}")
        assert max(map(abs, seen.drifts(0.1))) > 2 * HALF_FRAME_S or off_s < 0
        assert seen.comes_into_sync()
    seen.press("Space")
    assert seen.page.evaluate("document.querySelector('#stabilized').playbackRate") == 1


def test_playing_ends_at_the_last_frame_and_begins_anew(seen: Seen) -> None:
    seen.press("End", "ArrowLeft", "ArrowLeft", "Space")
    seen.until("document.querySelector('#play').getAttribute('aria-label') === 'Play'")
    assert seen.codes() == [FRAMES - 1, FRAMES - 1]
    seen.press("Space")
    seen.until("document.querySelector('#original').currentTime < 2")
    seen.until("!document.querySelector('#original').paused")
    seen.press("Space")


def test_keys_step_frames_seconds_and_ends(seen: Seen) -> None:
    assert seen.codes() == [0, 0]
    seen.press("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    assert (seen.codes(), seen.frame()) == ([2, 2], 2)
    seen.press("Shift+ArrowRight")
    assert (seen.codes(), seen.frame()) == ([27, 27], 27)
    seen.press("Shift+ArrowRight", "Shift+ArrowLeft", "Shift+ArrowLeft")
    assert seen.frame() == 2
    seen.press("End")
    assert (seen.codes(), seen.frame()) == ([FRAMES - 1, FRAMES - 1], FRAMES - 1)
    seen.press("ArrowRight")
    assert seen.frame() == FRAMES - 1
    seen.press("Home")
    assert seen.codes() == [0, 0]


def test_seeks_that_overtake_each_other_end_where_the_last_one_went(seen: Seen) -> None:
    rng = np.random.default_rng(17)
    for _ in range(12):
        frames = rng.integers(0, FRAMES, 3).tolist()
        steps = [(0, 0), *((frame, int(wait)) for frame, wait in zip((1, 2, 3, 2), rng.integers(0, 9, 4), strict=True))]
        steps += [(frame, int(wait)) for frame, wait in zip(frames, rng.integers(0, 15, 3), strict=True)]
        steps += [(frames[-1] // 2, 0)]
        seen.page.evaluate(
            """async (steps) => {
              const slider = document.querySelector('#position');
              for (const [frame, wait] of steps) {
                if (wait) await new Promise((done) => setTimeout(done, wait));
                slider.value = frame;
                slider.dispatchEvent(new Event('input'));
              }
            }""",
            steps,
        )
        assert (seen.frame(), seen.codes()) == (frames[-1] // 2, [frames[-1] // 2] * 2)


def test_every_frame_of_an_uneven_rate_can_be_reached(seen: Seen) -> None:
    seen.press("Shift+ArrowRight", "Shift+ArrowRight", *["ArrowRight"] * 8)
    for index in (58, 59, 60, 61):
        assert (seen.frame(), seen.codes()) == (index, [index, index])
        seen.press("ArrowRight")


def test_a_click_and_a_drag_in_a_plot_seek(seen: Seen, page_file: tuple[Path, Evaluation]) -> None:
    time_s = page_file[1].time_s
    for key in ("x_px", "confidence"):
        svg = seen.page.locator(f'[data-plot="{key}"] svg')
        svg.scroll_into_view_if_needed()
        axis, box = Axes(seen, key), svg.bounding_box()
        for index in (37, 61, 120):
            svg.click(position={"x": axis.x_of(time_s[index]), "y": 60})
            assert (seen.frame(), seen.codes()) == (index, [index, index])
            assert axis.time_of(float(seen.page.get_attribute(f'[data-plot="{key}"] .cursor', "x1") or 0)) == (
                pytest.approx(time_s[index], abs=0.01)
            )
        seen.page.mouse.move(box["x"] + axis.x_of(1.0), box["y"] + 60)
        seen.page.mouse.down()
        seen.page.mouse.move(box["x"] + axis.x_of(2.0), box["y"] + 70, steps=5)
        assert seen.frame() == 50
        seen.page.mouse.move(box["x"] + 5000, box["y"] + 70)  # held outside
        seen.page.mouse.up()
        assert seen.frame() == FRAMES - 1


class Axes:
    """What the labels of a plot's axes say about its coordinates."""

    def __init__(self, seen: Seen, key: str) -> None:
        self._time = self._fit(seen, f'[data-plot="{key}"] .time-tick', "x")
        self._value = self._fit(seen, f'[data-plot="{key}"] .value-tick', "y")

    @staticmethod
    def _fit(seen: Seen, selector: str, name: str) -> np.poly1d:
        ticks = seen.page.eval_on_selector_all(
            selector, f"all => all.map(tick => [Number(tick.getAttribute('{name}')), tick.textContent])"
        )
        places = np.array([place - (4 if name == "y" else 0) for place, _ in ticks])  # text hangs 4 px below its line
        values = np.array([float(text.replace("−", "-")) for _, text in ticks])
        assert len(values) >= 2
        line = np.poly1d(np.polyfit(places, values, 1))
        assert np.allclose(line(places), values, atol=1e-6 * np.ptp(values))
        return line

    def time_of(self, x: float) -> float:
        return float(self._time(x))

    def x_of(self, time_s: float) -> float:
        return float((time_s - self._time[0]) / self._time[1])

    def value_of(self, y: float) -> float:
        return float(self._value(y))

    @property
    def pixel(self) -> float:
        return abs(float(self._value[1]))


def test_curves_are_the_series(seen: Seen, page_file: tuple[Path, Evaluation]) -> None:
    evaluation = page_file[1]
    for key in evaluation.before:
        axes = Axes(seen, key)
        for kind, signals in (("before", evaluation.before), ("after", evaluation.after)):
            drawn = seen.page.get_attribute(f'[data-plot="{key}"] path.curve.{kind}', "d") or ""
            points = re.findall(r"([ML])([-\d.]+) ([-\d.]+)", drawn)
            there = np.flatnonzero(np.isfinite(signals[key]))
            assert len(points) == len(there)
            for index, (_, x, y) in zip(there, points, strict=True):
                assert axes.time_of(float(x)) == pytest.approx(evaluation.time_s[index], abs=0.001)
                assert axes.value_of(float(y)) == pytest.approx(signals[key][index], abs=0.02 * axes.pixel + 1e-4)
            breaks = [index for index, point in zip(there, points, strict=True) if point[0] == "M"]
            assert breaks == ([0, 25, CUT] if (key, kind) == ("x_px", "before") else [0, CUT])
        cut = float(seen.page.get_attribute(f'[data-plot="{key}"] line.cut', "x1") or 0)
        assert axes.time_of(cut) == pytest.approx(evaluation.time_s[CUT], abs=0.001)


def test_readouts_follow_the_cursor(seen: Seen, page_file: tuple[Path, Evaluation]) -> None:
    seen.press("Shift+ArrowRight", "ArrowRight")
    before, after = page_file[1].before["x_px"][26], page_file[1].after["x_px"][26]
    texts = seen.page.locator('[data-plot="x_px"] .values span').all_inner_texts()
    assert texts == [f"original {before:.1f}".replace("-", "−"), f"stabilized {after:.1f}".replace("-", "−")]
    seen.press(*["ArrowLeft"] * 4)  # frame 22: a gap
    assert seen.page.locator('[data-plot="x_px"] .values .before').inner_text() == "original –"


def test_a_window_of_time_follows_the_cursor(seen: Seen, page_file: tuple[Path, Evaluation]) -> None:
    seen.page.select_option("#window", "3")
    for keys, index in (([], 0), (["End"], FRAMES - 1)):
        seen.press(*keys)
        axes = Axes(seen, "x_px")
        cursor = float(seen.page.get_attribute('[data-plot="x_px"] .cursor', "x1") or 0)
        assert axes.time_of(cursor) == pytest.approx(page_file[1].time_s[index], abs=0.01)
        drawn = seen.page.get_attribute('[data-plot="x_px"] path.curve.after', "d") or ""
        assert 70 <= len(re.findall("[ML]", drawn)) <= 78  # 75 frames in 3 s
    seen.page.select_option("#window", "0")


def test_tables_summary_and_warnings_say_what_was_found(seen: Seen, page_file: tuple[Path, Evaluation]) -> None:
    page = seen.page
    assert page.inner_text(".summary").startswith(
        "The shake fell from 1.2 % to 0.043 % of the diagonal; 93 % of width and height are kept."
    )
    cells = page.locator('[data-metric="jitter_percent"] td').all_inner_texts()
    assert cells == ["1.234", "0.043", "−96 %, better", "lower"]
    assert page.locator('[data-metric="fov"] td').all_inner_texts() == ["–", "0.931", "", "higher"]
    wobble = page.locator('[data-metric="wobble_px"] td').all_inner_texts()
    assert wobble[0].startswith("could not be measured: nothing to see </script>")
    formula = page.locator('[data-metric="jitter_percent"] details p').first
    assert not formula.is_visible()
    page.locator('[data-metric="jitter_percent"] summary').click()
    assert "RMS above 1 Hz" in formula.inner_text()
    assert not page.locator('[data-metric="jerk_px"]').is_visible()
    page.check("#all")
    assert page.locator('[data-metric="jerk_px"]').is_visible()
    assert page.locator(".warnings li").all_inner_texts() == [text.strip() for text in page_file[1].warnings]


def test_html_in_names_and_notes_is_inert(seen: Seen) -> None:
    page = seen.page
    assert page.inner_text("h1") == NASTY
    assert page.title() == f"{NASTY} – stabilization report"
    assert page.get_attribute("#original", "aria-label") == f"Original: {NASTY}"
    assert page.locator("img, b, iframe, main script").count() == 0
    assert page.locator("script").count() == 2
    assert page.evaluate("window.harmed") is None


def test_the_tab_key_reaches_everything_and_focus_is_seen(browser: Any, page_file: tuple[Path, Evaluation]) -> None:
    seen = Seen(browser, page_file[0])
    reached = []
    for _ in range(40):
        seen.press("Tab")
        identity, outline = seen.page.evaluate(
            "[document.activeElement.id || document.activeElement.tagName,"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        if identity == "BODY":
            break
        assert outline not in ("none", ""), identity
        reached.append(identity)
        if identity == "play":
            seen.press("Enter")
            assert seen.page.get_attribute("#play", "aria-label") == "Pause"
            seen.press("Space")  # on the button: its own click, once
            assert seen.page.get_attribute("#play", "aria-label") == "Play"
    assert reached[:8] == ["play", "back", "forward", "sound", "position", "speed", "view", "window"]
    assert {"all", "SUMMARY"} <= set(reached)
    seen.page.close()


def test_keys_belong_to_the_control_that_has_the_focus(seen: Seen) -> None:
    seen.page.focus("#speed")
    seen.press("ArrowLeft")
    assert seen.frame() == 0
    assert seen.page.input_value("#speed") == "0.5"
    seen.page.select_option("#speed", "1")
    seen.page.focus("#position")
    seen.press("ArrowRight", "ArrowRight")
    assert seen.frame() == 2  # once each, not by the slider and by the page


def test_the_wipe_uncovers_the_original_from_the_left(seen: Seen) -> None:
    seen.page.select_option("#view", "wipe")
    seen.page.evaluate("w => { w.value = 30; w.dispatchEvent(new Event('input')); }", seen.page.query_selector("#wipe"))
    assert (
        seen.page.evaluate("getComputedStyle(document.querySelector('#stabilized')).clipPath")
        == "inset(0px 0px 0px 30%)"
    )
    one, other = (seen.page.locator(name).bounding_box() for name in ("#original", "#stabilized"))
    assert one == other
    seen.page.select_option("#view", "side")
    assert seen.page.evaluate("getComputedStyle(document.querySelector('#stabilized')).clipPath") == "none"


def test_the_original_is_heard_on_request(seen: Seen) -> None:
    muted = "document.querySelector('#original').muted"
    assert seen.page.evaluate(muted) is True
    seen.page.click("#sound")
    assert seen.page.evaluate(muted) is False
    assert seen.page.get_attribute("#sound", "aria-pressed") == "true"
    seen.page.click("#sound")


def test_a_narrow_window_needs_no_scrolling_sideways(seen: Seen) -> None:
    seen.page.set_viewport_size({"width": 360, "height": 700})
    wide = seen.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1]
    first, second = (seen.page.locator(name).bounding_box() for name in ("#original", "#stabilized"))
    assert second["y"] > first["y"]
    seen.page.set_viewport_size({"width": 1200, "height": 1000})


def test_dark_light_and_print(seen: Seen) -> None:
    def luminance(what: str) -> float:
        colour = seen.page.evaluate(f"getComputedStyle(document.body).{what}")
        return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3

    seen.page.emulate_media(color_scheme="dark")
    assert luminance("backgroundColor") < 60 < 180 < luminance("color")
    seen.page.emulate_media(color_scheme="light")
    assert luminance("color") < 60 < 180 < luminance("backgroundColor")
    seen.page.emulate_media(media="print", color_scheme="dark")
    assert luminance("color") < 60
    assert not seen.page.is_visible(".controls")
    assert seen.page.is_visible('[data-plot="x_px"] path.curve.after')
    seen.page.emulate_media(media="screen", color_scheme="light")


def test_without_scripts_the_figures_and_the_clips_are_there(browser: Any, page_file: tuple[Path, Evaluation]) -> None:
    plain = Seen(browser, page_file[0], java_script_enabled=False)
    assert plain.page.inner_text('[data-metric="jitter_percent"] td >> nth=0') == "1.234"
    assert plain.page.locator("video[controls]").count() == 2
    assert not plain.page.is_visible(".controls")
    plain.page.close()


def test_a_sphere_has_yaw_pitch_and_roll(browser: Any, page_file: tuple[Path, Evaluation], tmp_path: Path) -> None:
    flat = page_file[1]
    sphere = evaluation_of(flat.original.path, flat.stabilized.path, flat.time_s, "equirect")
    file = tmp_path / "sphere.html"
    file.write_text(page_for(sphere), encoding="utf-8")
    seen = Seen(browser, file)
    titles = seen.page.locator(".plot h3").all_inner_texts()
    assert titles == ["Yaw (°)", "Pitch (°)", "Roll (°)", "Confidence (0 to 1)"]
    axes = Axes(seen, "pitch_deg")
    x, y = re.findall(
        r"[ML]([-\d.]+) ([-\d.]+)", seen.page.get_attribute('[data-plot="pitch_deg"] .before.curve', "d") or ""
    )[31]
    assert axes.time_of(float(x)) == pytest.approx(sphere.time_s[31], abs=0.001)
    assert axes.value_of(float(y)) == pytest.approx(sphere.before["pitch_deg"][31], abs=0.02 * axes.pixel)
    assert seen.said == []
    seen.page.close()
