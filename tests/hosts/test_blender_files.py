"""File names of the Blender extension, without Blender."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

import pytest

import vstab_core.params

ADDON = Path(__file__).parents[2] / "blender_addon" / "vstab"


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    package = types.ModuleType("addon")
    package.__path__ = [str(ADDON)]
    monkeypatch.setitem(sys.modules, "addon", package)
    monkeypatch.setitem(sys.modules, "addon.params", vstab_core.params)  # as the zip holds it
    monkeypatch.delitem(sys.modules, "addon.files", raising=False)
    return importlib.import_module("addon.files")


def test_an_analysis_is_named_after_what_it_depends_on(files: types.ModuleType) -> None:
    usual = dict(vstab_core.params.DEFAULTS)
    name = files.analysis_file("/clips/a.mp4", "", usual, False)
    assert name == "/clips/a.mp4.vstab"
    assert files.analysis_file("/clips/a.mp4", "", {**usual, "smoothness": 0.9}, False) == name
    others = [{"input_space": "ARRI LogC4"}, {"ocio": "/configs/a b.ocio"}, {"projection": "equirect"}]
    others.append({"method": next(m for m in vstab_core.params.PARAMS["method"].choices if m != usual["method"])})
    names = [files.analysis_file("/clips/a.mp4", "", {**usual, **other}, False) for other in others]
    assert len({name, *names}) == 5
    assert {Path(other).parent for other in names} == {Path("/clips")}
