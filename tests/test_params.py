"""The table of parameters: what it takes, what it refuses and in which words, and the page made from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vstab_core import params
from vstab_core.command.describe import params_markdown, params_values
from vstab_core.errors import UsageError
from vstab_core.params import DEFAULTS, PARAMS, Parameters, parameters_from

ROOT = Path(__file__).parents[1]


def test_defaults_are_allowed_values() -> None:
    assert Parameters().as_dict() == DEFAULTS


def test_words_become_values_of_the_right_kind() -> None:
    chosen = parameters_from({"max_crop": "0.2", "look_ahead": "12", "lock": "on"})
    assert chosen.max_crop == 0.2
    assert chosen.look_ahead == 12
    assert isinstance(chosen.look_ahead, int)
    assert chosen.lock == "on"


@pytest.mark.parametrize("name", [name for name, row in PARAMS.items() if row.maximum])
def test_both_ends_of_a_range_are_allowed_and_what_lies_outside_is_refused(name: str) -> None:
    row = PARAMS[name]
    parameters_from({name: row.minimum})
    parameters_from({name: row.maximum})
    for value in (row.minimum - 1, row.maximum + 1):
        with pytest.raises(UsageError, match=rf"must be between {row.minimum:g} and {row.maximum:g}, got"):
            parameters_from({name: value})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("max_crop", "nan", r"--max-crop must be between 0 and 0\.5, got nan"),
        ("max_crop", float("inf"), r"--max-crop must be between 0 and 0\.5, got inf"),
        ("max_crop", 10**400, r"--max-crop must be between 0 and 0\.5"),
        ("max_crop", "much", r"--max-crop must be a number, got 'much'"),
        ("max_crop", None, r"--max-crop must be a number, got None"),
        ("max_crop", True, r"--max-crop must be a number, got True"),
        ("look_ahead", 2.5, r"--look-ahead must be a whole number, got 2\.5"),
        ("lock", "maybe", r"--lock must be one of off, on; got 'maybe'"),
        ("lock", ["on"], r"--lock must be one of off, on; got \['on'\]"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(name: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parameters_from({name: value})


def test_an_unknown_parameter_is_refused_with_its_nearest_neighbours() -> None:
    with pytest.raises(UsageError, match="unknown parameter 'max_crp'; did you mean max_crop"):
        parameters_from({"max_crp": 0.2})
    with pytest.raises(UsageError, match="unknown parameter 'qqq'; known parameters: projection, method"):
        parameters_from({"qqq": 1})


def test_a_copy_of_the_file_works_alone_in_a_python_that_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "vstab_params.py").write_text(Path(params.__file__).read_text())
    code = """
import vstab_params as p
assert p.parameters_from({"max_crop": "0.2"}).max_crop == 0.2
try:
    p.Parameters(max_crop=2)
except ValueError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "--max-crop must be between 0 and 0.5, got 2\n"


def test_values_for_programs_are_complete() -> None:
    rows = {row["name"]: row for row in params_values()}
    assert list(rows) == list(PARAMS)
    assert rows["max_crop"]["type"] == "number"
    assert rows["look_ahead"] | {"help": "", "label": ""} == {
        "name": "look_ahead",
        "flag": "--look-ahead",
        "label": "",
        "help": "",
        "stage": "render",
        "advanced": False,
        "streaming": True,
        "default": 30,
        "type": "integer",
        "minimum": 0,
        "maximum": 240,
        "unit": "frames",
    }
    assert rows["zoom"]["choices"] == ["none", "static", "dynamic"]


def test_the_page_of_parameters_is_not_stale() -> None:
    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    assert page == params_markdown() + "\n", "run: .venv/bin/vstab params --markdown > docs/parameters.md"
