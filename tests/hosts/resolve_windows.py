"""Fusion's UIManager as scripts find it, with a user who acts: only elements, attributes and events that are known."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_ELEMENTS = ("Label", "Button", "LineEdit", "ComboBox", "VGroup", "HGroup")
_LIMIT_S = 20.0

Event = tuple[str, str]  # (ID, "Clicked" or "Close")


class _On:
    def __init__(self) -> None:
        self.__dict__["events"] = {}

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["events"].setdefault(name, _On())

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__["events"][name] = value


class Element:
    """A field of a window; `seen` gets what a label says."""

    def __init__(self, kind: str, attributes: dict[str, Any], inside: list[Element], seen: list[str]) -> None:
        self._seen = seen
        known = ("ID", "Text", "Weight", "WordWrap", "ToolTip")
        assert set(attributes) <= set(known), f"{kind} has no {set(attributes) - set(known)}"
        self.kind, self.inside, self.ID = kind, inside, attributes.get("ID", "")
        self.Text = self.CurrentText = attributes.get("Text", "")
        self.choices: list[str] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "Text" and value and self.kind == "Label":
            self._seen.append(value)
        super().__setattr__(name, value)

    def AddItems(self, choices: list[str]) -> None:
        assert self.kind == "ComboBox"
        self.choices += choices


class Timer:
    """Fires the dispatcher's Timeout while it runs."""

    def __init__(self, attributes: dict[str, Any]) -> None:
        assert set(attributes) == {"ID", "Interval"}
        self.running = False

    def Start(self) -> None:
        self.running = True

    def Stop(self) -> None:
        self.running = False


class Manager:
    """`fusion.UIManager`."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.seen: list[str] = []

    def __getattr__(self, name: str) -> Any:
        assert name in _ELEMENTS, f"UIManager has no {name}"

        def make(*given: Any) -> Element:
            attributes = next((each for each in given if isinstance(each, dict)), {})
            inside = next((each for each in given if isinstance(each, list)), [])
            return Element(name, attributes, inside, self.seen)

        return make

    def Timer(self, attributes: dict[str, Any]) -> Timer:
        self.timers.append(Timer(attributes))
        return self.timers[-1]


class Window:
    """A window of the dispatcher."""

    def __init__(self, attributes: dict[str, Any], inside: list[Element]) -> None:
        assert set(attributes) == {"ID", "WindowTitle", "Geometry"}
        self.ID, self.On, self.shown, self._items = attributes["ID"], _On(), False, dict[str, Element]()
        self.geometry: list[int] = attributes["Geometry"]  # [left, top, width, height]
        self._collect(inside)

    def _collect(self, elements: list[Element]) -> None:
        for element in elements:
            if element.ID:
                self._items[element.ID] = element
            self._collect(element.inside)

    def GetItems(self) -> dict[str, Element]:
        return self._items

    def Show(self) -> None:
        self.shown = True

    def Hide(self) -> None:
        self.shown = False


class Dispatcher:
    """`bmd.UIDispatcher(ui)`; `user(window)` says what the user does next, None for nothing."""

    def __init__(self, manager: Manager, user: Callable[[Window], Event | None]) -> None:
        self._manager, self._user = manager, user
        self.On, self._windows, self._looping = _On(), list[Window](), False

    def AddWindow(self, attributes: dict[str, Any], inside: list[Element]) -> Window:
        self._windows.append(Window(attributes, inside))
        return self._windows[-1]

    def ExitLoop(self) -> None:
        self._looping = False

    def RunLoop(self) -> None:
        self._looping = True
        until = time.monotonic() + _LIMIT_S
        while self._looping:
            assert time.monotonic() < until, "the window is never closed"
            window = next(window for window in reversed(self._windows) if window.shown)
            event = self._user(window)
            if event is not None:
                getattr(getattr(window.On, event[0]), event[1])({"who": event[0]})
            if self._looping and any(timer.running for timer in self._manager.timers):
                self.On.Timeout({"who": "Tick"})
                time.sleep(0.005)


class Fusion:
    """The global `fusion`; `bmd` is its own. `seen` are the texts that windows have shown."""

    def __init__(self, user: Callable[[Window], Event | None]) -> None:
        self.UIManager, self._user = Manager(), user
        self.seen = self.UIManager.seen

    def UIDispatcher(self, manager: Manager) -> Dispatcher:
        assert manager is self.UIManager
        return Dispatcher(manager, self._user)
