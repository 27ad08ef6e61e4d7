"""The fit of the weights that movements are weighed by: it finds those that made the choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.believe import FIRST_SEED, FITTED, Choice, choices_of, fitted, main, share_right
from benchmarks.films import HARD
from tests.synthetic import scene
from vstab_core.motion import believe, match
from vstab_core.motion.guide import NetworkGuide

TRUE = np.array([2.0, 0.5, 2.5, -2.0, 2.2, 1.3])


def chosen_by(weights: np.ndarray, count: int) -> list[Choice]:
    """Return choices between two movements and the network, of which one is right as likely as the weights say."""
    rng = np.random.default_rng(7)
    choices = []
    for _ in range(count):
        evidence = np.zeros((3, 6))
        evidence[:2, :3], evidence[:2, 3] = rng.uniform(0, 1.4, (2, 3)), rng.random(2) < 0.3
        evidence[2, 4:] = 1, rng.random()
        given = np.array([0.3, 0.1, 0.2])
        right = (evidence @ weights + given + rng.gumbel(size=3)).argmax()
        choices.append(Choice(evidence, given, np.where(np.arange(3) == right, 0.1, 9.0)))
    return choices


def test_the_weights_that_made_the_choices_are_found() -> None:
    choices = chosen_by(TRUE, 3000)
    found = fitted(choices, np.zeros(6))
    assert found == pytest.approx(TRUE, abs=0.25)  # two deviations of 3000 choices
    assert share_right(choices, found) > share_right(choices, np.zeros(6)) + 0.1


def test_what_no_pair_tells_stays() -> None:
    choices = [Choice(each.evidence * [1, 1, 1, 0, 1, 1], each.given, each.off_px) for each in chosen_by(TRUE, 40)]
    assert fitted(choices, TRUE)[FITTED.index("STILL")] == pytest.approx(TRUE[3], abs=1e-6)


def test_a_films_choices_are_those_that_are_made_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[float] = []

    def belief_in(*of: Any) -> float:
        weighed.append(believe.belief_in(*of))
        return weighed[-1]

    monkeypatch.setattr(match, "belief_in", belief_in)
    film = HARD["foreground over half"]
    choices = list(choices_of(film, scene(31), scene(32), FIRST_SEED, 4, NetworkGuide()))
    assert choices
    weights = np.array([getattr(believe, name) for name in FITTED])
    for choice in choices:
        logits = choice.evidence @ weights + choice.given
        assert len(logits) > 1
        assert all(np.isclose(logit, weighed).any() for logit in logits[:-1])
        assert not choice.evidence[:-1, 4:].any()
        assert not choice.evidence[-1, :4].any()
        assert choice.off_px.min() < 2  # px; the background is among them
    assert share_right(choices, weights) == 1


def test_one_scene_is_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--scenes", "1"])
    assert "one to fit and one to judge by; got 1" in capsys.readouterr().err
