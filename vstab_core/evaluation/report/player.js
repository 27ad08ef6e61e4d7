"use strict";

/* Two videos as one. The first is the master; the second is held to its time. Times are seconds from the first compared
 * frame, in both. A frame is shown by going to its middle, where no rounding can give its neighbour. */

const HARD_DRIFT_S = 0.25; // beyond this a jump is quicker than running faster or slower
const CORRECTION_PER_S = 6; // a drift of d seconds changes the speed by this times d
const MOST_CORRECTION = 0.5; // of the speed

function createPlayer(master, follower, frames, onChange) {
  const steps = frames.slice(1).map((time, index) => time - frames[index]).sort((a, b) => a - b);
  const usual = steps.length ? steps[steps.length >> 1] : 0.04;
  const last = frames.length - 1;
  let current = 0;
  let playing = false;
  let attempt = 0;
  let speed = 1;

  function frameAt(time) {
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (frames[middle] <= time + 1e-5) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function nearest(time) {
    const index = frameAt(time);
    return index < last && frames[index + 1] - time < time - frames[index] ? index + 1 : index;
  }

  function middleOf(index) {
    return frames[index] + Math.min(usual, index < last ? frames[index + 1] - frames[index] : usual) / 2;
  }

  function show(index) {
    current = Math.max(0, Math.min(last, index));
    seek(master, middleOf(current));
    seek(follower, middleOf(current));
    onChange(current, playing);
  }

  async function play() {
    const own = ++attempt;
    if (current >= last || master.ended) show(0);
    playing = true;
    onChange(current, playing);
    await Promise.all([ready(master), ready(follower)]);
    if (own !== attempt) return;
    try {
      await Promise.all([master.play(), follower.ended ? null : follower.play()]);
    } catch (error) {
      if (own === attempt && error.name !== "AbortError") pause(); // aborted: one of them was at its end already
    }
    if (own === attempt) requestAnimationFrame(() => follow(own));
  }

  function pause() {
    attempt += 1;
    playing = false;
    const index = master.seeking ? current : frameAt(master.currentTime);
    master.pause();
    follower.pause();
    follower.playbackRate = speed;
    show(index);
  }

  function follow(own) {
    if (own !== attempt) return;
    const time = master.currentTime;
    if (!master.seeking && (master.ended || time >= frames[last] + usual)) {
      pause();
      show(last);
      return;
    }
    if (!master.seeking && !follower.seeking && !follower.ended) hold(follower.currentTime - time, time);
    const index = frameAt(time);
    if (index !== current && !master.seeking) {
      current = index;
      onChange(current, playing);
    }
    requestAnimationFrame(() => follow(own));
  }

  function hold(drift, time) {
    if (Math.abs(drift) > HARD_DRIFT_S) {
      seek(follower, time);
      follower.playbackRate = speed;
      return;
    }
    const change = Math.abs(drift) < usual / 8 ? 0 : -drift * CORRECTION_PER_S;
    const rate = speed * (1 + Math.max(-MOST_CORRECTION, Math.min(MOST_CORRECTION, change)));
    if (Math.abs(rate - follower.playbackRate) > 0.01) follower.playbackRate = rate;
  }

  function setSpeed(value) {
    speed = value;
    master.playbackRate = value;
    follower.playbackRate = value;
  }

  return {
    show,
    pause,
    setSpeed,
    nearest,
    toggle: () => (playing ? pause() : play()),
    step: (count) => {
      if (playing) pause();
      show(current + count);
    },
    jump: (seconds) => show(nearest(frames[current] + seconds)),
    get current() { return current; },
    last,
  };
}

/* Go to a time; while a video is still on its way, only remember the newest one. Chromium can hang in seeks that
 * overtake each other, and a drag would show nothing until its end. */
const waiting = new WeakMap();

function seek(video, time) {
  if (waiting.has(video)) { // even if it has just arrived: its event will take the newest time
    waiting.set(video, time);
  } else if (video.seeking) {
    waiting.set(video, time);
    video.addEventListener("seeked", () => goOn(video), { once: true });
  } else {
    video.currentTime = time;
  }
}

function goOn(video) {
  if (video.seeking) { // that was the arrival before
    video.addEventListener("seeked", () => goOn(video), { once: true });
    return;
  }
  const time = waiting.get(video);
  waiting.delete(video);
  if (Math.abs(video.currentTime - time) > 1e-4) video.currentTime = time;
}

/* Resolves when a video can go on from where it is. */
function ready(video) {
  if (!video.seeking && video.readyState >= 3) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (video.seeking || waiting.has(video) || video.readyState < 3) return;
      for (const name of ["seeked", "canplay"]) video.removeEventListener(name, look);
      resolve();
    };
    for (const name of ["seeked", "canplay"]) video.addEventListener(name, look);
  });
}

/* Some browsers cannot seek in a data: URL; every one can in a blob. */
function intoBlob(video) {
  const text = video.getAttribute("src");
  const bytes = atob(text.slice(text.indexOf(",") + 1));
  const data = new Uint8Array(bytes.length);
  for (let index = 0; index < bytes.length; index += 1) data[index] = bytes.charCodeAt(index);
  video.src = URL.createObjectURL(new Blob([data], { type: "video/mp4" }));
}
