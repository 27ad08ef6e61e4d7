"""What the user sees of a run, and how it is cancelled: a window where the edition has one, else the console.

`run` drives the steps of an action: a generator that yields (text, fraction), or None to be asked again soon, and
returns (what was done, problems).
"""

import contextlib
import json
import os
import sys
import time

from . import settings

_EVERY_S = 2.0  # a line in the console
_POLL_S = 0.05
_STEPS_A_TICK = 20
_LINES = 8  # of the window with the outcome


def for_host(host):
    """Return what fits the edition."""
    return Window(host) if host.has_windows else Console()


def say(line):
    """Write a line where Resolve shows what scripts print; its console is not a whole file, and may be missing."""
    if sys.stdout is None:
        return
    line = "vstab: {}\n".format(line)
    try:
        sys.stdout.write(line)
    except UnicodeError:  # a name that the console's code page lacks
        sys.stdout.write(line.encode("ascii", "backslashreplace").decode("ascii"))
    with contextlib.suppress(AttributeError):
        sys.stdout.flush()


class Console:
    """Lines on the console and a file that other programs can read; deleting the file cancels."""

    def __init__(self):
        self.cancelled = False
        self.path = os.path.join(settings.folder(), "resolve-progress-{}.json".format(os.getpid()))
        self._told_at, self._written = 0.0, False

    def warn(self, message):
        """Show something although the run goes on."""
        say("warning: " + message)

    def run(self, steps):
        """Take the steps to the end and return what they return."""
        try:
            while True:
                try:
                    step = next(steps)
                except StopIteration as over:
                    return over.value
                except KeyboardInterrupt:  # the steps have ended with it, and their child
                    return "", ["cancelled"]
                if self._written and not os.path.exists(self.path):
                    self.cancelled = True
                if step is None:
                    time.sleep(_POLL_S)
                elif time.monotonic() - self._told_at > _EVERY_S:
                    self._tell(*step)
        finally:
            if self._written:
                with contextlib.suppress(OSError):
                    os.remove(self.path)

    def _tell(self, text, fraction):
        percent = "" if fraction is None else " {:.0f} %".format(100 * fraction)
        if not self._written:
            say("to cancel, delete '{}'".format(self.path))
        say(text + percent)
        self._told_at = time.monotonic()
        with contextlib.suppress(OSError):
            os.makedirs(settings.folder(), exist_ok=True)
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump({"text": text, "fraction": fraction}, file)
            self._written = True

    def tell(self, done, problems):
        """Show what came of it."""
        for line in [done] * bool(done) + problems:
            say(line)


class Window:
    """A small window of UIManager with a line and Cancel."""

    def __init__(self, host):
        self.cancelled = False
        self._ui = host.fusion.UIManager
        self._dispatcher = host.bmd.UIDispatcher(self._ui)
        self._warnings = []

    def warn(self, message):
        """Show something although the run goes on."""
        say("warning: " + message)
        self._warnings.append(message)

    def run(self, steps):
        """Take the steps to the end and return what they return."""
        ui = self._ui
        label = ui.Label({"ID": "Text", "Text": "vstab starts ...", "Weight": 0, "WordWrap": True})
        button = ui.Button({"ID": "Cancel", "Text": "Cancel", "Weight": 0})
        window = self._dispatcher.AddWindow(
            {"ID": "vstab", "WindowTitle": "vstab", "Geometry": [400, 300, 420, 110]}, [ui.VGroup([label, button])]
        )
        items, timer = window.GetItems(), ui.Timer({"ID": "Tick", "Interval": int(1000 * _POLL_S)})
        outcome = []

        def tick(event):
            for _ in range(_STEPS_A_TICK):  # lines that have come; None: nothing more for now
                try:
                    step = None if outcome else next(steps)
                except StopIteration as over:
                    outcome.append(over.value)
                    self._dispatcher.ExitLoop()
                except Exception as error:  # raised again below: in an event it would be lost
                    outcome.append(error)
                    self._dispatcher.ExitLoop()
                if outcome or step is None:
                    return
                if not self.cancelled:
                    percent = "" if step[1] is None else " {:.0f} %".format(100 * step[1])
                    items["Text"].Text = step[0] + percent

        def cancel(event):
            self.cancelled = True
            items["Text"].Text = "cancelling ..."
            while not outcome:  # to the end, also where no timer ticks
                tick(None)
                time.sleep(_POLL_S)

        window.On.Cancel.Clicked = cancel
        window.On.vstab.Close = cancel
        self._dispatcher.On.Timeout = self._dispatcher.On.Tick.Timeout = tick  # which one fires depends on the version
        window.Show()
        timer.Start()
        self._dispatcher.RunLoop()
        timer.Stop()
        window.Hide()
        if not outcome:  # Resolve has closed the window, perhaps itself
            steps.close()
            return "", ["cancelled"]
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def tell(self, done, problems):
        """Show what came of it; what the user should know, until it has been read."""
        lines = [done] * bool(done) + problems
        for line in lines:
            say(line)
        if not problems + self._warnings:
            return  # the timeline shows it
        ui, lines = self._ui, lines + self._warnings
        if len(lines) > _LINES:
            lines[_LINES:] = ["and {} more, on the console".format(len(lines) - _LINES)]
        label = ui.Label({"ID": "Text", "Text": "\n".join(lines), "WordWrap": True})
        window = self._dispatcher.AddWindow(
            {"ID": "vstabTold", "WindowTitle": "vstab", "Geometry": [400, 300, 520, 100 + 40 * len(lines)]},
            [ui.VGroup([label, ui.Button({"ID": "Close", "Text": "Close", "Weight": 0})])],
        )

        def close(event):
            self._dispatcher.ExitLoop()

        window.On.Close.Clicked = close
        window.On.vstabTold.Close = close
        window.Show()
        self._dispatcher.RunLoop()
        window.Hide()
