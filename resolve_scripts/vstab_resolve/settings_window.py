"""*vstab Settings*: a window with every parameter of `vstab`; without windows, the file in the user's editor."""

import contextlib
import json
import os
import subprocess
import sys
import threading

from . import locate, settings
from .child import ask, clean_environment
from .refused import Refused

_OWN = (  # setting, label, tip
    ("folder", settings.PATHS["folder"], "Where rendered files and analyses go; empty: beside the clip."),
    ("codec", "Codec", "FFmpeg's encoder, as prores_ks or dnxhd, in a .mov; empty: as the original."),
    ("executable", settings.PATHS["executable"], "Its full path; empty: the one that installed the scripts."),
    (
        "color",
        "Clip color",
        "What Stabilize Selected Clips takes before Resolve 21.0.4, which do not tell the selection.",
    ),
)
# Not for a clip on a timeline: it would have to become shorter, or is decided by Resolve or by the menu entry.
_HIDDEN = ("hyperlapse", "hyperlapse_audio", "fps", "missing_frames")


def edit(host, chosen):
    """Let the user change the settings; return what was done, and what to read."""
    try:
        rows, why = _rows(chosen), ""
    except Refused as refused:  # where vstab is may be what has to be corrected
        rows, why = [], str(refused)
    if host.has_windows:
        saved = _window(host, chosen, rows, why)
        return "settings saved" if saved else "settings left as they were", []
    settings.save(chosen)
    _open(settings.path())
    done = "this edition of Resolve gives scripts no windows; change the settings in '{}'".format(settings.path())
    lines = ['"result": one of {}'.format(", ".join(settings.RESULTS))]
    lines.append('"parameters": names and values, as {"smoothness": 0.8}; there are:')
    return done, [why] * bool(why) + lines + [
        "  {} {}: {}".format(row["name"], _values(row), row["help"]) for row in rows
    ]


def check(parameters, rows):
    """Return parameters as vstab takes them, those at their defaults left out.

    Raises:
        Refused: a value is not allowed.
    """
    kept = {}
    for row in rows:
        text = str(parameters.get(row["name"], row["default"])).strip()
        if row.get("choices"):
            value, right = text, text in row["choices"]
        elif "minimum" in row:
            value, right = _number(text), False
            if value is not None:
                right = row["minimum"] <= value <= row["maximum"]
        else:
            value, right = text, bool(text)
        if not right:
            raise Refused("{} must be {}; got '{}'".format(row["label"], _values(row), text))
        if value != row["default"]:
            kept[row["name"]] = value
    return kept


def _rows(chosen):
    program = locate.find_checked(chosen["executable"])
    rows = json.loads(ask(program, ["params", "--json"]))
    return [
        row
        for row in rows
        if row["name"] not in _HIDDEN and not row.get("streaming") and len(row.get("choices") or (1, 2)) > 1
    ]


def _number(text):
    text = text.replace(",", ".")  # as much of the world writes it
    try:
        return int(text) if "." not in text else float(text)
    except ValueError:
        return None


def _values(row):
    if row.get("choices"):
        return "one of " + ", ".join(row["choices"])
    if "minimum" in row:
        return "{:g} to {:g}".format(row["minimum"], row["maximum"])
    return "text"


def _window(host, chosen, rows, why):
    """Show the window, with a problem if there is one, until it is closed; whether settings were saved."""
    ui, dispatcher = host.fusion.UIManager, host.bmd.UIDispatcher(host.fusion.UIManager)
    lines = [_line(ui, "result", "Result", ui.ComboBox({"ID": "result"}), "What becomes of a stabilized clip.")]
    for name, label, tip in _OWN:
        lines.append(_line(ui, name, label, ui.LineEdit({"ID": name, "Text": chosen[name]}), tip))
    for row in rows:
        value = str(chosen["parameters"].get(row["name"], row["default"]))
        field = (
            ui.ComboBox({"ID": row["name"]}) if row.get("choices") else ui.LineEdit({"ID": row["name"], "Text": value})
        )
        lines.append(_line(ui, row["name"], row["label"], field, row["help"]))
    problem = ui.Label({"ID": "Problem", "Text": why, "WordWrap": True, "Weight": 0})
    buttons = ui.HGroup(
        {"Weight": 0}, [ui.Button({"ID": "Save", "Text": "Save"}), ui.Button({"ID": "Close", "Text": "Close"})]
    )
    half = (len(lines) + 1) // 2  # in one column Save would be below the screen of a laptop
    columns = ui.HGroup([ui.VGroup(lines[:half]), ui.VGroup(lines[half:])])
    window = dispatcher.AddWindow(
        {"ID": "vstabSettings", "WindowTitle": "vstab Settings", "Geometry": [150, 120, 960, 28 * half + 90]},
        [ui.VGroup([columns, problem, buttons])],
    )
    items = window.GetItems()
    _fill(
        items["result"],
        [settings.RESULT_WORDS[name] for name in settings.RESULTS],
        settings.RESULT_WORDS[chosen["result"]],
    )
    for row in rows:
        if row.get("choices"):
            _fill(items[row["name"]], row["choices"], str(chosen["parameters"].get(row["name"], row["default"])))
    saved = []

    def save(event):
        words = {words: name for name, words in settings.RESULT_WORDS.items()}
        given = {row["name"]: _said(items[row["name"]], row) for row in rows}
        try:
            values = {name: str(items[name].Text).strip() for name, _, _ in _OWN}
            unseen = _HIDDEN if rows else chosen["parameters"]  # what the window does not show stays
            kept = {name: chosen["parameters"][name] for name in unseen if name in chosen["parameters"]}
            values["parameters"] = dict(kept, **check(given, rows))
            values["result"] = words[items["result"].CurrentText]
            for name, label in settings.PATHS.items():
                values[name] = settings.full_path(label, values[name])
            if values["executable"]:
                locate.find(values["executable"])
            settings.save(values)
        except (Refused, OSError) as error:
            items["Problem"].Text = str(error)
            return
        saved.append(True)
        dispatcher.ExitLoop()

    def close(event):
        dispatcher.ExitLoop()

    window.On.Save.Clicked = save
    window.On.Close.Clicked = close
    window.On.vstabSettings.Close = close
    window.Show()
    dispatcher.RunLoop()
    window.Hide()
    return bool(saved)


def _line(ui, name, label, field, tip):
    words = ui.Label({"ID": name + "Label", "Text": label, "ToolTip": tip, "Weight": 0.4})
    return ui.HGroup({"Weight": 0}, [words, field])


def _fill(box, choices, current):
    box.AddItems(list(choices))
    box.CurrentText = current


def _said(item, row):
    return item.CurrentText if row.get("choices") else item.Text


def _open(path):
    """Open a file in the program that the system has for it; the path is also said, so failing is no harm."""
    try:
        if sys.platform == "win32":
            os.startfile(path)
        else:
            opener = "open" if sys.platform == "darwin" else "xdg-open"
            command = {"args": [opener, path], "env": clean_environment(), "stderr": subprocess.DEVNULL}
            threading.Thread(target=_quietly, kwargs=command, daemon=True).start()  # some wait for the editor
    except OSError:
        pass


def _quietly(**command):
    with contextlib.suppress(OSError):
        subprocess.call(**command)
