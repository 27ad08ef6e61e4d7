"""`vstab batch --scheduler` with a scheduler and two workers of Dask on this machine, some killed in mid-job.

Skipped without Dask's `distributed` unless VSTAB_REQUIRE_HOSTS=1, then it fails.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from clips import ClipSpec, write_clip
from test_batch import children, manifest, results, sources, start, states, until, wait_for_end
from test_parts import SIZE, assert_alike, shaking

from vstab_core import pipeline
from vstab_core.batch import segments
from vstab_core.batch.manifest import FILE
from vstab_core.cli import main
from vstab_core.params import Parameters
from vstab_core.types import EncodeOptions

PATIENCE_S = 60.0
PRELOAD = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import batch_stand_in, vstab_core.batch.clip  # which runs the real command where the source is a clip
vstab_core.batch.clip.COMMAND = batch_stand_in.CHILD
"""


@dataclass
class Cluster:
    """A scheduler and two workers; the tests below take it apart, in their order."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    more: Callable[[], subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if importlib.util.find_spec("distributed") is None:
        if os.environ.get("VSTAB_REQUIRE_HOSTS") == "1":
            pytest.fail("this test needs Dask: pip install 'vstab[cluster]'")
        pytest.skip("no Dask; pip install 'vstab[cluster]'")
    folder = tmp_path_factory.mktemp("dask")
    told, preload, said = folder / "scheduler.json", folder / "stand_in.py", folder / "dask.log"
    preload.write_text(PRELOAD)
    dask, common = [sys.executable, "-m", "dask"], ["--scheduler-file", str(told), "--no-dashboard"]
    worker = [*dask, "worker", *common, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1",
              "--preload", str(preload), "--local-directory", str(folder)]  # fmt: skip
    processes = []
    with said.open("ab") as log:
        for command in ([*dask, "scheduler", *common, "--host", "127.0.0.1", "--port", "0"], worker, worker):
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log))

        def wait_for_workers() -> None:
            patience = time.monotonic() + PATIENCE_S
            while said.read_text().count("Registered to:") < len(processes) - 1:
                assert time.monotonic() < patience, said.read_text()
                assert all(process.poll() is None for process in processes), said.read_text()
                time.sleep(0.1)

        def more() -> subprocess.Popen[bytes]:
            processes.append(subprocess.Popen(worker, stdout=subprocess.DEVNULL, stderr=log))
            wait_for_workers()
            return processes[-1]

        try:
            wait_for_workers()
            yield Cluster(json.loads(told.read_text())["address"], processes[0], processes[1:], more)
        finally:
            for process in processes:
                process.kill()
                process.wait()


def test_a_long_clip_comes_out_of_parts_as_stabilize_makes_it(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_S", 5.0)
    spec = ClipSpec(SIZE, rate=Fraction(2), count=24, options={"bf": "2", "g": "5"}, audio="aac")
    source, alone, out = write_clip(tmp_path / "long.mp4", spec, shaking()), tmp_path / "alone.mp4", tmp_path / "out"
    pipeline.stabilize(source, alone, Parameters(max_crop=0.2), EncodeOptions(crf=0.0))
    arguments = ["batch", str(source), "--out", str(out), "--max-crop=0.2", "--crf=0"]
    assert main([*arguments, "--scheduler", cluster.address]) == 0, capsys.readouterr().err
    assert_alike(alone, out / "long.mp4")
    assert manifest(out)["long.mp4"]["frames"] == 24
    assert len(list((out / "logs" / "long.mp4.parts").iterdir())) == 2
    assert sorted(path.name for path in out.iterdir()) == [FILE, "logs", "long.mp4"]


def test_a_worker_that_is_killed_costs_one_part_of_a_long_clip(tmp_path: Path, cluster: Cluster) -> None:
    folder, out = sources(tmp_path / "in", long="1 ok long"), tmp_path / "out"
    victim = cluster.more()
    run = start(folder, "--out", out, "--scheduler", cluster.address, "--crf=20", "--max-crop=0.2")
    patience = time.monotonic() + PATIENCE_S
    while sum("--frames" in step for step in steps_in(folder)) < 3:  # one at each worker
        assert time.monotonic() < patience
        time.sleep(0.02)
    victim.kill()
    text = run.communicate(timeout=PATIENCE_S)[0]
    assert run.returncode == 0, text
    assert results(out)["long"][1] == "joined of --frames=0:100 --frames=100:250 --frames=250:300 --frames=300:400"
    steps = Counter(" ".join(word for word in step.split() if "=/" not in word) for step in steps_in(folder))
    assert steps.pop("analyze --max-crop=0.2") == 1
    joining = next(step for step in steps if "--join" in step)
    assert steps.pop(joining) == 1
    assert sorted(steps.values()) == [1, 1, 1, 2]
    assert all(step.endswith("--crf=20.0") for step in steps)
    assert sorted(path.name for path in out.iterdir()) == [FILE, "logs", "long.mp4"]


def steps_in(folder: Path) -> list[str]:
    """Return what the children were asked for, in the order in which they began."""
    begun = folder / "children.txt"
    return [line.split(" ", 2)[2] for line in begun.read_text().splitlines()] if begun.exists() else []


def test_a_worker_that_is_killed_loses_nothing(tmp_path: Path, cluster: Cluster) -> None:
    folder = sources(tmp_path / "in", **{f"clip{number}": "0.5 ok" for number in range(6)}, bad="0 fail")
    out = tmp_path / "out"
    run = start(folder, "--out", out, "--scheduler", cluster.address)
    until(run, lambda event: event.get("state") == "done")
    cluster.workers[0].kill()  # it is at work on a clip, and has others before it
    text = run.communicate(timeout=PATIENCE_S)[0]
    assert run.returncode == 1, text
    assert [name for name, entry in manifest(out).items() if entry["status"] == "failed"] == ["bad.mp4"]
    assert {name for name, (_, content) in results(out).items() if content == "result of 0.5 ok "} == {
        f"clip{number}" for number in range(6)
    }
    assert len(manifest(out)) == 7
    begun = [line.split()[1] for line in (folder / "children.txt").read_text().splitlines()]
    assert len(begun) >= 8  # one of them twice
    wait_for_end(children(folder))
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == [".vstab-batch.jsonl"]
    (folder / "bad.mp4").write_text("0 ok")
    again = start(folder, "--out", out, "--scheduler", cluster.address)  # one worker is left
    told = states(again.communicate(timeout=PATIENCE_S)[0])
    assert again.returncode == 0
    assert {name for name, state in told.items() if state == "kept"} == {f"clip{number}" for number in range(6)}
    assert told["bad"] == "done"


def test_ctrl_c_stops_the_clips_on_the_workers(tmp_path: Path, cluster: Cluster) -> None:
    folder, out = sources(tmp_path / "in", a="30 ok", b="30 ok long"), tmp_path / "out"
    run = start(folder, "--out", out, "--scheduler", cluster.address)
    wait_for(folder / "children.txt")
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 130
    wait_for_end(children(folder))
    assert (results(out), manifest(out)) == ({}, {})


def test_a_scheduler_that_dies_ends_the_run_with_words(tmp_path: Path, cluster: Cluster) -> None:
    folder, out = sources(tmp_path / "in", a="30 ok"), tmp_path / "out"
    run = start(folder, "--out", out, "--scheduler", cluster.address)
    wait_for(folder / "children.txt")
    cluster.scheduler.kill()
    text = run.communicate(timeout=PATIENCE_S)[0]
    assert run.returncode == 1
    assert "is gone; run the same command again to go on" in text
    wait_for_end(children(folder))
    assert results(out) == {}


def wait_for(path: Path) -> None:
    patience = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    if importlib.util.find_spec("distributed") is None:
        pytest.skip("no Dask; pip install 'vstab[cluster]'")
    folder = sources(tmp_path / "in", a="0 ok")
    run = start(folder, "--out", tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1")
    assert "no Dask scheduler answers at 'tcp://127.0.0.1:1'" in run.communicate(timeout=PATIENCE_S)[0]
    assert run.returncode == 2
