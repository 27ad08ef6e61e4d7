"use strict";

/* The page put together: player, plots and controls, all driven by the number of the frame that is shown. */

function start() {
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const videos = [find("original"), find("stabilized")];
  for (const video of videos) {
    intoBlob(video);
    video.controls = false;
    video.addEventListener("error", () => fail("This browser cannot play the embedded clips (H.264 in MP4)."));
  }
  for (const hidden of document.querySelectorAll(".controls, .hint")) hidden.hidden = false;

  const length = data.frames[data.frames.length - 1];
  const long = length >= 120;
  const controls = { play: find("play"), position: find("position"), clock: find("clock"), window: find("window") };
  const player = createPlayer(videos[0], videos[1], data.frames, update);
  const plots = data.plots.map((plot) => createPlot(find("plots"), plot, data, (time) => player.show(player.nearest(time))));
  let shown = [0, length || 1];

  function update(index, playing) {
    const time = data.frames[index];
    const text = `${timeText(time, 0.01, long)} s`.replace(/(:.*) s$/, "$1");
    controls.position.value = index;
    controls.position.setAttribute("aria-valuetext", `frame ${index + 1} of ${data.frames.length}, ${text}`);
    controls.clock.textContent = `${text} · frame ${index + 1} of ${data.frames.length}`;
    controls.play.classList.toggle("playing", playing);
    controls.play.setAttribute("aria-label", playing ? "Pause" : "Play");
    if (turnTo(time)) draw();
    for (const plot of plots) plot.point(time);
  }

  /* Bring the shown stretch of time to where the cursor is; tell whether it moved. */
  function turnTo(time) {
    const wanted = Number(controls.window.value);
    const span = wanted && wanted < length ? wanted : length || 1;
    const wide = shown[1] - shown[0];
    if (Math.abs(wide - span) < 1e-6 && time >= shown[0] - 1e-6 && time <= shown[1] + 1e-6) return false;
    const begin = Math.max(0, Math.min(time - 0.1 * span, (length || 1) - span));
    shown = [begin, begin + span];
    return true;
  }

  function draw() {
    for (const plot of plots) plot.draw(...shown);
  }

  function wire() {
    controls.position.max = player.last;
    controls.position.addEventListener("input", () => player.show(Number(controls.position.value)));
    controls.play.addEventListener("click", () => player.toggle());
    find("back").addEventListener("click", () => player.step(-1));
    find("forward").addEventListener("click", () => player.step(1));
    find("speed").addEventListener("change", (event) => player.setSpeed(Number(event.target.value)));
    controls.window.addEventListener("change", () => update(player.current, controls.play.classList.contains("playing")));
    for (const option of controls.window.options) option.disabled = option.value >= length && option.value > 0;
    const sound = find("sound");
    sound.hidden = !data.sound;
    sound.addEventListener("click", () => {
      videos[0].muted = !videos[0].muted;
      sound.setAttribute("aria-pressed", String(!videos[0].muted));
    });
    const table = find("metrics");
    table.classList.add("short");
    find("all-label").hidden = !table.querySelector(".more");
    find("all").addEventListener("change", (event) => table.classList.toggle("short", !event.target.checked));
    for (const item of document.querySelectorAll("[data-needs]")) item.hidden = !has(item.dataset.needs);
    wireView();
    document.addEventListener("keydown", onKey);
    new ResizeObserver(() => {
      draw();
      for (const plot of plots) plot.point(data.frames[player.current]);
    }).observe(find("plots"));
  }

  function has(what) {
    if (what === "solver") return data.plots.some((plot) => plot.curves.some((curve) => curve.key === "solver"));
    return data[what].length > 0;
  }

  function wireView() {
    const [stage, wipe, view] = [find("stage"), find("wipe"), find("view")];
    const apply = () => {
      const wiping = view.value === "wipe";
      stage.className = view.value;
      wipe.hidden = !wiping;
      videos[1].style.clipPath = wiping ? `inset(0 0 0 ${wipe.value}%)` : "";
    };
    view.addEventListener("change", apply);
    wipe.addEventListener("input", apply);
    apply();
  }

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const own = event.target.closest("select, button, summary, a, input:not(#position)");
    if (own && (event.key === " " || !own.matches("button, summary, a"))) return;
    const act = {
      " ": () => player.toggle(),
      ArrowLeft: () => (event.shiftKey ? player.jump(-1) : player.step(-1)),
      ArrowRight: () => (event.shiftKey ? player.jump(1) : player.step(1)),
      Home: () => player.show(0),
      End: () => player.show(player.last),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  draw();
  wire();
  player.show(0);
}

function fail(text) {
  const place = document.getElementById("failure");
  place.textContent = text;
  place.hidden = false;
}

try {
  start();
} catch (error) {
  fail(`This page could not be set up: ${error.message}`);
  throw error;
}
