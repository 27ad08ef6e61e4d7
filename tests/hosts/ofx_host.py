"""A strict OpenFX host in ctypes.

It notes every use of a suite, a property or an action outside the specification in `violations`, surrounds pictures
with guards, and overwrites what a plug-in may no longer read: texts at the next call, pictures when they are released.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
import time as time_
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_char_p, c_double, c_int, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.hosts import ofx_abi as abi

Array = npt.NDArray[Any]
GUARD_BYTES = 4096
GUARD, FREED = 0xAB, 0xDD
DEPTHS = {"uint8": "OfxBitDepthByte", "uint16": "OfxBitDepthShort", "float32": "OfxBitDepthFloat"}
COMPONENTS = {4: "OfxImageComponentRGBA", 3: "OfxImageComponentRGB", 1: "OfxImageComponentAlpha"}
DESCRIBING = ("OfxActionDescribe", "OfxImageEffectActionDescribeInContext")


@dataclass
class Layout:
    """How a picture lies in memory and in the plane.

    Attributes:
        origin: (x, y) of the frame's bottom left pixel.
        padding: bytes behind each row; a multiple of a sample.
        top_down: rows are stored from the top, so the stride is negative.
        missing: pixels of the frame that the host leaves out at (left, bottom, right, top).
    """

    origin: tuple[int, int] = (0, 0)
    padding: int = 0
    top_down: bool = False
    missing: tuple[int, int, int, int] = (0, 0, 0, 0)


class PropertySet:
    def __init__(self, host: Host, kind: str, values: dict[str, Any] | None = None, number: str = "") -> None:
        self.host, self.kind = host, kind
        self.number = number  # what "?" stands for
        self.values = {name: v if isinstance(v, list) else [v] for name, v in (values or {}).items()}
        self.texts: list[Any] = []
        self.image: Any = None  # whose properties these are
        self.handle = host.add(self)

    def check(self, name: str, wanted: str) -> bool:
        if name not in abi.SETS[self.kind]:
            self.host.violate(f"{name} is no property of a set of kind {self.kind!r}")
            return False
        kind = abi.PROPERTIES[name][0]
        if (self.number if kind == "?" else kind) != wanted:
            self.host.violate(f"{name} of {self.kind!r} has type {kind}, not {wanted}")
            return False
        return True

    def get(self, name: str, index: int, wanted: str) -> Any:
        if not self.check(name, wanted):
            return None
        values = self.values.get(name)
        if values is None:
            return None
        if not 0 <= index < len(values):
            self.host.violate(f"{name}[{index}] of {len(values)}")
            return None
        return values[index]

    def set(self, name: str, index: int, wanted: str, value: Any) -> int:
        if not self.check(name, wanted):
            return abi.UNKNOWN
        action = self.host.action()
        writable = abi.WRITABLE.get(self.kind, set())
        of_description = action in DESCRIBING and not self.kind.startswith(("in ", "effect instance", "image", "host"))
        if not (of_description or name in writable or self.kind == f"out {action}"):
            self.host.violate(f"{name} of {self.kind!r} may not be written in {action}")
            return abi.FAILED
        values = self.values.setdefault(name, [])
        most = abi.PROPERTIES[name][1] or 1000
        if not 0 <= index <= min(len(values), most - 1):
            self.host.violate(f"{name}[{index}] cannot be written, there are {len(values)}")
            return abi.BAD_INDEX
        values[index : index + 1] = [value]
        return abi.OK

    def expire_texts(self) -> None:
        for text in self.texts:
            ctypes.memset(text, FREED, len(text))
        self.host.graveyard.extend(self.texts)
        self.texts = []


def aligned(size: int) -> Array:
    """Return bytes that begin with a line of the cache, as those of real hosts."""
    memory = np.full(size + 63, GUARD, np.uint8)
    return memory[-memory.ctypes.data % 64 :][:size]


class Image:
    """A picture in memory of its own, between guards."""

    def __init__(self, host: Host, picture: Array, layout: Layout, premultiplication: str, scale: float) -> None:
        left, bottom, right, top = layout.missing
        height, width, channels = picture.shape
        shown = picture[top : height - bottom, left : width - right]
        self.shape = shown.shape
        row = shown.shape[1] * shown.shape[2] * shown.itemsize
        self.stride = row + layout.padding
        self.memory = aligned(2 * GUARD_BYTES + self.stride * max(len(shown), 1))
        self.layout, self.dtype = layout, picture.dtype
        self.rows()[...] = shown
        self.before = self.memory.copy()
        self.released = False
        self.clip: Any = None  # that handed it out
        x, y = layout.origin
        bounds = [x + left, y + bottom, x + width - right, y + height - top]
        first = len(shown) - 1 if layout.top_down else 0
        values = {
            "OfxPropType": "OfxTypeImage",
            "OfxImageEffectPropPixelDepth": DEPTHS[picture.dtype.name],
            "OfxImageEffectPropComponents": COMPONENTS[channels],
            "OfxImageEffectPropPreMultiplication": premultiplication,
            "OfxImageEffectPropRenderScale": [scale, scale],
            "OfxImagePropPixelAspectRatio": 1.0,
            "OfxImagePropData": self.memory.ctypes.data + GUARD_BYTES + first * self.stride,
            "OfxImagePropBounds": bounds,
            "OfxImagePropRegionOfDefinition": [x, y, x + width, y + height],
            "OfxImagePropRowBytes": -self.stride if layout.top_down else self.stride,
            "OfxImagePropField": "OfxFieldNone",
            "OfxImagePropUniqueIdentifier": "a picture",
        }
        self.properties = PropertySet(host, "image", values)
        self.properties.image = self

    def rows(self) -> Array:
        """The pixels as a viewer sees them, the top row first."""
        height, width, channels = self.shape
        body = self.memory[GUARD_BYTES : GUARD_BYTES + self.stride * height].reshape(height, self.stride)
        pixels = body[:, : width * channels * self.dtype.itemsize].view(self.dtype).reshape(self.shape)
        return pixels if self.layout.top_down else pixels[::-1]

    def check_guards(self, host: Host) -> None:
        mask = np.ones(len(self.memory), bool)
        height, width, channels = self.shape
        body = mask[GUARD_BYTES : GUARD_BYTES + self.stride * height].reshape(height, self.stride)
        body[:, : width * channels * self.dtype.itemsize] = False
        if (self.memory[mask] != GUARD).any():
            host.violate("bytes outside a picture's rows were written")

    def free(self) -> None:
        self.result = self.rows().copy()
        self.memory[...] = FREED

    def check_freed(self, host: Host) -> None:
        if self.released and (self.memory != FREED).any():
            host.violate("a picture was written to after it was released")


@dataclass
class ParamInstance:
    name: str
    kind: str
    properties: PropertySet
    value: Any
    handle: int = 0
    texts: list[Any] = field(default_factory=list)


class Host:
    """The host: suites, handles, and what is allowed when."""

    def __init__(
        self, plugin: Path, *, without: Sequence[str] = (), threads: int = 2, refuse_names: Sequence[str] = ()
    ) -> None:
        self.violations: list[str] = []
        self.messages: list[str] = []
        self.graveyard: list[Any] = []
        self.alive: list[Instance] = []
        self.threads, self.without, self.refuse_names = threads, without, refuse_names
        self._handles: dict[int, Any] = {}
        self._numbers = itertools.count(0x10000, 16)
        self._doing = threading.local()
        self._lock = threading.RLock()
        self._functions: list[Any] = []
        self._tables: dict[tuple[str, int], Any] = {}
        self.abort_after = -1
        self.unguarded = False  # for the benchmark: released pictures are not looked at, which would be timed too
        self.library = ctypes.CDLL(str(plugin))
        self.library.OfxGetPlugin.restype = ctypes.POINTER(abi.PluginStruct)
        self.properties = PropertySet(self, "host", {"OfxPropName": "vstab.tests"})
        self._fetch = abi.FetchSuite(self._fetch_suite)
        self.struct = abi.HostStruct(self.properties.handle, self._fetch)
        count = self.library.OfxGetNumberOfPlugins()
        self.plugins = {p.identifier: p for p in (Plugin(self, self.library.OfxGetPlugin(i)) for i in range(count))}

    # handles
    def add(self, thing: Any) -> int:
        with self._lock:
            handle = next(self._numbers)
            self._handles[handle] = thing
        return handle

    def drop(self, handle: int) -> None:
        self._handles[handle] = None

    def find(self, handle: int | None, kind: type) -> Any:
        thing = self._handles.get(handle or 0, Host)
        if not isinstance(thing, kind):
            self.violate(
                f"handle {handle} is no {kind.__name__}" if thing is not None else f"a dead handle was used: {handle}"
            )
            return None
        return thing

    # what is going on in this thread
    def action(self) -> str:
        stack = getattr(self._doing, "stack", [])
        return stack[-1] if stack else "no action"

    @contextmanager
    def doing(self, action: str) -> Iterator[None]:
        if not hasattr(self._doing, "stack"):
            self._doing.stack = []
        self._doing.stack.append(action)
        try:
            yield
        finally:
            self._doing.stack.pop()

    def violate(self, text: str) -> None:
        self.violations.append(f"{text} [{self.action()}]")

    def expect(self, *actions: str) -> bool:
        if self.action() not in actions:
            self.violate(f"a call that is for {actions} only")
            return False
        return True

    # suites
    def _fetch_suite(self, host: int, name: bytes, version: int) -> int | None:
        key = (name.decode(), version)
        if host != self.properties.handle:
            self.violate("fetchSuite with another host's handle")
        if self.action() == "no action":
            self.violate("fetchSuite outside an action")
        if key not in abi.SUITES:
            self.violate(f"there is no suite {key}")
            return None
        if key[0] in self.without:
            return None
        if key not in self._tables:
            self._tables[key] = self._table(key)
        return ctypes.addressof(self._tables[key])

    def _table(self, key: tuple[str, int]) -> Any:
        functions = []
        for name, arguments in abi.SUITES[key]:
            call = getattr(self, name, None) or self._unused(name)
            function = abi.prototype(arguments)(self._guarded(name, call))
            self._functions.append(function)
            functions.append(ctypes.cast(function, c_void_p))
        return (c_void_p * len(functions))(*functions)

    def _guarded(self, name: str, call: Callable[..., int]) -> Callable[..., int]:
        def guarded(*arguments: Any) -> int:
            try:
                if name in ("multiThread", "abort"):
                    return call(*arguments)
                with self._lock:
                    return call(*arguments)
            except Exception as error:
                self.violate(f"{name}: {type(error).__name__}: {error}")
                return abi.FAILED

        return guarded

    def _unused(self, name: str) -> Callable[..., int]:
        def unused(*_: Any) -> int:
            self.violate(f"{name} is not for this plug-in")
            return abi.FAILED

        return unused

    # the property suite
    def _write(self, handle: int, name: bytes, index: int, kind: str, value: Any) -> int:
        properties = self.find(handle, PropertySet)
        if properties is None:
            return abi.BAD_HANDLE
        if name.decode() in self.refuse_names:
            return abi.UNKNOWN
        return int(properties.set(name.decode(), index, kind, value))

    def propSetPointer(self, handle: int, name: bytes, index: int, value: int | None) -> int:  # noqa: N802
        return self._write(handle, name, index, "p", value)

    def propSetString(self, handle: int, name: bytes, index: int, value: bytes) -> int:  # noqa: N802
        return self._write(handle, name, index, "s", value.decode())

    def propSetDouble(self, handle: int, name: bytes, index: int, value: float) -> int:  # noqa: N802
        return self._write(handle, name, index, "d", value)

    def propSetInt(self, handle: int, name: bytes, index: int, value: int) -> int:  # noqa: N802
        return self._write(handle, name, index, "i", value)

    def _read(self, handle: int, name: bytes, index: int, kind: str) -> Any:
        properties = self.find(handle, PropertySet)
        if properties is None or name.decode() in self.refuse_names:
            return None
        properties.expire_texts()
        return properties.get(name.decode(), index, kind)

    def propGetPointer(self, handle: int, name: bytes, index: int, to: Any) -> int:  # noqa: N802
        value = self._read(handle, name, index, "p")
        to[0] = value
        return abi.OK if value is not None else abi.UNKNOWN

    def propGetString(self, handle: int, name: bytes, index: int, to: Any) -> int:  # noqa: N802
        value = self._read(handle, name, index, "s")
        if value is None:
            return abi.UNKNOWN
        text = abi.pointer_to(value.encode())
        self._handles[handle].texts.append(text)
        to[0] = ctypes.addressof(text)
        return abi.OK

    def propGetDouble(self, handle: int, name: bytes, index: int, to: Any) -> int:  # noqa: N802
        value = self._read(handle, name, index, "d")
        if value is None:
            return abi.UNKNOWN
        to[0] = value
        return abi.OK

    def propGetInt(self, handle: int, name: bytes, index: int, to: Any) -> int:  # noqa: N802
        value = self._read(handle, name, index, "i")
        if value is None:
            return abi.UNKNOWN
        to[0] = value
        return abi.OK

    # the image effect suite
    def getPropertySet(self, effect: int, to: Any) -> int:  # noqa: N802
        found = self.find(effect, Effect)
        if found is None:
            return abi.BAD_HANDLE
        to[0] = found.properties.handle
        return abi.OK

    def getParamSet(self, effect: int, to: Any) -> int:  # noqa: N802
        found = self.find(effect, Effect)
        if found is None:
            return abi.BAD_HANDLE
        to[0] = found.params_handle
        return abi.OK

    def clipDefine(self, effect: int, name: bytes, to: Any) -> int:  # noqa: N802
        found = self.find(effect, Effect)
        if found is None or not self.expect("OfxImageEffectActionDescribeInContext"):
            return abi.BAD_HANDLE
        if name.decode() in found.clips:
            self.violate(f"clip {name.decode()} is defined twice")
        found.clips[name.decode()] = PropertySet(self, "clip descriptor")
        to[0] = found.clips[name.decode()].handle
        return abi.OK

    def clipGetHandle(self, effect: int, name: bytes, to: Any, properties: Any) -> int:  # noqa: N802
        instance = self.find(effect, Instance)
        if instance is None:
            return abi.BAD_HANDLE
        clip = instance.clip_instances.get(name.decode())
        if clip is None:
            return abi.UNKNOWN
        to[0] = clip.handle
        if properties:
            properties[0] = clip.properties.handle
        return abi.OK

    def clipGetPropertySet(self, clip: int, to: Any) -> int:  # noqa: N802
        found = self.find(clip, ClipInstance)
        if found is None:
            return abi.BAD_HANDLE
        to[0] = found.properties.handle
        return abi.OK

    def clipGetImage(self, clip: int, time: float, region: Any, to: Any) -> int:  # noqa: N802
        found = self.find(clip, ClipInstance)
        if found is None or not self.expect("OfxImageEffectActionRender"):
            return abi.BAD_HANDLE
        image = found.images.get(threading.get_ident())
        if image is None:
            return abi.FAILED
        if image.properties.handle in self._handles and self._handles[image.properties.handle] is None:
            self.violate("a picture was fetched again after its release")
        found.fetched += 1
        to[0] = image.properties.handle
        image.clip = found
        return abi.OK

    def clipReleaseImage(self, handle: int) -> int:  # noqa: N802
        properties = self.find(handle, PropertySet)
        if properties is None or properties.kind != "image":
            self.violate("clipReleaseImage of what is no picture")
            return abi.BAD_HANDLE
        image: Image = properties.image
        if not self.unguarded:
            image.check_guards(self)
            image.free()
            image.released = True
        image.clip.fetched -= 1
        self.drop(handle)
        return abi.OK

    def clipGetRegionOfDefinition(self, clip: int, time: float, to: Any) -> int:  # noqa: N802
        found = self.find(clip, ClipInstance)
        if found is None:
            return abi.BAD_HANDLE
        if found.region is None:
            return abi.FAILED
        to[0].x1, to[0].y1, to[0].x2, to[0].y2 = found.region
        return abi.OK

    def abort(self, effect: int) -> int:
        self.find(effect, Instance)
        if self.abort_after > 0:
            self.abort_after -= 1
        return int(self.abort_after == 0)

    # the parameter suite
    def paramDefine(self, params: int, kind: bytes, name: bytes, to: Any) -> int:  # noqa: N802
        effect = self.find(params, ParamSet)
        if effect is None or not self.expect("OfxImageEffectActionDescribeInContext"):
            return abi.BAD_HANDLE
        text, type_name = name.decode(), kind.decode()
        if text in effect.owner.params:
            self.violate(f"parameter {text} is defined twice")
            return abi.FAILED
        if type_name not in abi.SETS:
            self.violate(f"there is no parameter type {type_name}")
            return abi.UNKNOWN
        values = {"OfxPropName": text, "OfxPropType": "OfxTypeParameter", "OfxParamPropType": type_name}
        effect.owner.params[text] = PropertySet(self, type_name, values, abi.PARAM_TYPE.get(type_name, ""))
        if to:
            to[0] = effect.owner.params[text].handle
        return abi.OK

    def paramGetHandle(self, params: int, name: bytes, to: Any, properties: Any) -> int:  # noqa: N802
        found = self.find(params, ParamSet)
        if found is None:
            return abi.BAD_HANDLE
        param = found.owner.param_instances.get(name.decode())
        if param is None:
            self.violate(f"there is no parameter {name.decode()}")
            return abi.UNKNOWN
        to[0] = param.handle
        if properties:
            properties[0] = param.properties.handle
        return abi.OK

    def paramGetValue(self, handle: int, to: int) -> int:  # noqa: N802
        return self._param_value(handle, to) if self.expect("OfxActionInstanceChanged") else abi.FAILED

    def paramGetValueAtTime(self, handle: int, time: float, to: int) -> int:  # noqa: N802
        return self._param_value(handle, to)

    def _param_value(self, handle: int, to: int) -> int:
        param = self.find(handle, ParamInstance)
        if param is None:
            return abi.BAD_HANDLE
        kind = abi.PARAM_TYPE.get(param.kind)
        if kind == "d":
            ctypes.cast(to, ctypes.POINTER(c_double))[0] = param.value
        elif kind == "i":
            ctypes.cast(to, ctypes.POINTER(c_int))[0] = param.value
        elif kind == "s":
            for text in param.texts:
                ctypes.memset(text, FREED, len(text))
            self.graveyard.extend(param.texts)
            param.texts = [abi.pointer_to(param.value.encode())]
            ctypes.cast(to, ctypes.POINTER(c_void_p))[0] = ctypes.addressof(param.texts[0])
        else:
            self.violate(f"parameter {param.name} has no value")
            return abi.FAILED
        return abi.OK

    def paramSetValue(self, handle: int, word: int | None, number: float) -> int:  # noqa: N802
        param = self.find(handle, ParamInstance)
        if param is None or not self.expect("OfxActionInstanceChanged"):
            return abi.BAD_HANDLE
        kind = abi.PARAM_TYPE.get(param.kind)
        if kind == "d":
            value: Any = number
        elif kind == "i":
            value = c_int((word or 0) & 0xFFFFFFFF).value
        else:
            value = (ctypes.cast(word, c_char_p).value or b"").decode()
        param.value = value
        return abi.OK

    # the other suites
    def multiThread(self, function: int, count: int, argument: int) -> int:  # noqa: N802
        call = abi.THREAD_FUNCTION(function)
        action = self.action()
        if count < 1:
            self.violate("multiThread with no thread")

        def run(index: int) -> None:
            with self.doing(action):
                call(index, count, argument)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return abi.OK

    def multiThreadNumCPUs(self, to: Any) -> int:  # noqa: N802
        to[0] = self.threads
        return abi.OK

    def message(self, effect: int, kind: bytes, identifier: bytes, form: bytes, text: bytes) -> int:
        if kind.decode() not in ("OfxMessageError", "OfxMessageWarning", "OfxMessageMessage", "OfxMessageLog"):
            self.violate(f"there is no message of kind {kind.decode()}")
        if form != b"%s":
            self.violate(f"a message's format is {form!r}")
        self.messages.append(text.decode())
        return abi.OK


@dataclass
class ParamSet:
    owner: Any


class Effect:
    """A descriptor."""

    def __init__(self, host: Host, kind: str, values: dict[str, Any]) -> None:
        self.host = host
        self.properties = PropertySet(host, kind, values)
        self.clips: dict[str, PropertySet] = {}
        self.params: dict[str, PropertySet] = {}
        self.param_instances: dict[str, ParamInstance] = {}
        self.handle = host.add(self)
        self.params_handle = host.add(ParamSet(self))


class ClipInstance:
    def __init__(self, host: Host, name: str, region: Sequence[float] | None, values: dict[str, Any]) -> None:
        self.properties = PropertySet(
            host, "clip instance", {"OfxPropName": name, "OfxPropType": "OfxTypeClip", **values}
        )
        self.region = region
        self.images: dict[int, Image] = {}
        self.fetched = 0
        self.handle = host.add(self)


class Plugin:
    def __init__(self, host: Host, struct: Any) -> None:
        self.host, self.struct = host, struct.contents
        self.identifier = self.struct.identifier.decode()
        assert self.struct.api == b"OfxImageEffectPluginAPI"
        assert self.struct.api_version == 1
        self.contexts: dict[str, Effect] = {}
        self.loaded = False

    def call(
        self, action: str, handle: int = 0, in_args: PropertySet | None = None, out: PropertySet | None = None
    ) -> int:
        """Call the plug-in; a negative status never comes from one that follows the specification."""
        with self.host.doing(action):
            status = self.struct.mainEntry(
                action.encode(), handle or None, in_args.handle if in_args else None, out.handle if out else None
            )
        for properties in (in_args, out):
            if properties is not None:
                properties.expire_texts()
                self.host.drop(properties.handle)
        return int(status)

    def load(self) -> int:
        self.struct.setHost(ctypes.byref(self.host.struct))
        status = self.call("OfxActionLoad")
        self.loaded = status in (abi.OK, abi.DEFAULT)
        return status

    def describe(self) -> Effect:
        self.descriptor = Effect(self.host, "effect descriptor", {})
        assert self.call("OfxActionDescribe", self.descriptor.handle) == abi.OK
        for context in self.descriptor.properties.values["OfxImageEffectPropSupportedContexts"]:
            effect = Effect(self.host, "effect descriptor", {})
            args = PropertySet(
                self.host, "in OfxImageEffectActionDescribeInContext", {"OfxImageEffectPropContext": context}
            )
            assert self.call("OfxImageEffectActionDescribeInContext", effect.handle, args) == abi.OK
            self.contexts[context] = effect
        return self.descriptor

    def unload(self) -> None:
        assert self.call("OfxActionUnload") in (abi.OK, abi.DEFAULT)
        self.loaded = False

    def create(self, **more: Any) -> Instance:
        return Instance(self, **more)


class Instance(Effect):
    """An effect on a clip.

    Args:
        plugin: it.
        region: of the source, canonical; None: there is none.
        frame_range, frame_rate: of the source clip; None: the host does not say.
        source_path: what Resolve says of the clip's file.
    """

    def __init__(
        self,
        plugin: Plugin,
        *,
        context: str = "OfxImageEffectContextFilter",
        region: Sequence[float] | None = (0.0, 0.0, 96.0, 54.0),
        frame_range: tuple[float, float] | None = (0.0, 1e6),
        frame_rate: float | None = 25.0,
        source_path: str | None = None,
        sidecar: Path | str | None = None,
    ) -> None:
        values = {"OfxPropType": "OfxTypeImageEffectInstance", "OfxImageEffectPropContext": context}
        if source_path is not None:
            values["OfxImageEffectPropSrcFilePath"] = source_path
        super().__init__(plugin.host, "effect instance", values)
        self.plugin = plugin
        described = plugin.contexts[context]
        clip: dict[str, Any] = {}
        if frame_range is not None:
            clip["OfxImageEffectPropFrameRange"] = list(frame_range)
        if frame_rate is not None:
            clip["OfxImageEffectPropFrameRate"] = frame_rate
        self.clip_instances = {name: ClipInstance(self.host, name, region, clip) for name in described.clips}
        for name, properties in described.params.items():
            kind = properties.kind
            empty = {"s": "", "i": 0, "d": 0.0}.get(abi.PARAM_TYPE.get(kind, ""))
            value = properties.values.get("OfxParamPropDefault", [empty])[0]
            param = ParamInstance(name, kind, PropertySet(self.host, kind, None, properties.number), value)
            param.handle = self.host.add(param)
            self.param_instances[name] = param
        assert plugin.call("OfxActionCreateInstance", self.handle) == abi.OK
        self.host.alive.append(self)
        if sidecar is not None:
            self.edit("sidecar", str(sidecar))

    def value(self, name: str) -> Any:
        return self.param_instances[name].value

    def edit(self, name: str, value: Any = None, *, reason: str = "OfxChangeUserEdited", time: float = 0.0) -> int:
        """Change a parameter (or press a button) as a user does."""
        if value is not None:
            self.param_instances[name].value = value
        values = {
            "OfxPropType": "OfxTypeParameter",
            "OfxPropName": name,
            "OfxPropChangeReason": reason,
            "OfxPropTime": time,
            "OfxImageEffectPropRenderScale": [1.0, 1.0],
        }
        return self.plugin.call(
            "OfxActionInstanceChanged", self.handle, PropertySet(self.host, "in OfxActionInstanceChanged", values)
        )

    def choose(self, name: str, word: str) -> int:
        options = self.plugin.contexts["OfxImageEffectContextFilter"].params[name].values["OfxParamPropChoiceOption"]
        return self.edit(name, options.index(word))

    def _render_values(
        self, time: float, window: Sequence[int], field_: str, source_frame: int | None
    ) -> dict[str, Any]:
        values: dict[str, Any] = {
            "OfxPropTime": time,
            "OfxImageEffectPropFieldToRender": field_,
            "OfxImageEffectPropRenderWindow": list(window),
            "OfxImageEffectPropRenderScale": [1.0, 1.0],
        }
        if source_frame is not None:
            values["OfxImageEffectPropSrcFrame"] = source_frame
        return values

    def render(
        self,
        time: float,
        picture: Array | None,
        *,
        window: Sequence[int] | None = None,
        source: Layout | None = None,
        output: Layout | None = None,
        premultiplication: str = "OfxImageAlphaPremultiplied",
        field: str = "OfxFieldNone",
        source_frame: int | None = None,
        like: Array | None = None,
        status: int = abi.OK,
    ) -> Array:
        """Render a frame; return the output with 7s where the window does not reach.

        Args:
            picture: (H, W, C), the top row first; None: the source has no picture.
            window: (x1, y1, x2, y2), y up; None: the whole.
            like: gives size and type of the output; None: as the source.
            status: what the plug-in must return.
        """
        source, output = source or Layout(), output or Layout()
        blank = np.full_like(like if like is not None else picture, 7)
        me = threading.get_ident()
        images = {"Output": Image(self.host, blank, output, premultiplication, 1.0)}
        if picture is not None:
            images["Source"] = Image(self.host, picture, source, premultiplication, 1.0)
        bounds = images["Output"].properties.values["OfxImagePropBounds"]
        window = bounds if window is None else window
        for name, clip in self.clip_instances.items():
            if name in images:
                clip.images[me] = images[name]
        values = self._render_values(time, window, field, source_frame)
        args = PropertySet(self.host, "in OfxImageEffectActionRender", values)
        started, cpu_started = time_.perf_counter(), time_.process_time()
        got = self.plugin.call("OfxImageEffectActionRender", self.handle, args)
        self.render_s, self.render_cpu_s = time_.perf_counter() - started, time_.process_time() - cpu_started
        for name, clip in self.clip_instances.items():
            clip.images.pop(me, None)
            if clip.fetched and threading.active_count() == 1:
                self.host.violate(f"{clip.fetched} pictures of clip {name} were not released")
        for image in images.values():
            image.check_freed(self.host)
        shown = images["Output"]
        result: Array = shown.result if shown.released else shown.rows()
        outside = np.ones(result.shape, bool)
        height = result.shape[0]
        left, bottom, right, top = (
            window[0] - bounds[0],
            window[1] - bounds[1],
            window[2] - bounds[0],
            window[3] - bounds[1],
        )
        outside[max(height - top, 0) : max(height - bottom, 0), max(left, 0) : max(right, 0)] = False
        if (result[outside] != blank[: len(result), : result.shape[1]][outside]).any():
            self.host.violate("pixels outside the render window were written")
        assert got == status, f"render returned {got}"
        return result

    def is_identity(self, time: float, window: Sequence[int] = (0, 0, 96, 54), source_frame: int | None = None) -> bool:
        args = PropertySet(
            self.host,
            "in OfxImageEffectActionIsIdentity",
            self._render_values(time, window, "OfxFieldNone", source_frame),
        )
        out = PropertySet(self.host, "out OfxImageEffectActionIsIdentity", {"OfxPropName": "", "OfxPropTime": time})
        status = self.plugin.call("OfxImageEffectActionIsIdentity", self.handle, args, out)
        assert status in (abi.OK, abi.DEFAULT)
        if status == abi.OK:
            assert out.values == {"OfxPropName": ["Source"], "OfxPropTime": [time]}
        return status == abi.OK

    def region(self, action: str, name: str, **more: Any) -> tuple[int, list[float] | None]:
        values = {"OfxPropTime": 0.0, "OfxImageEffectPropRenderScale": [1.0, 1.0], **more}
        out = PropertySet(self.host, f"out {action}")
        status = self.plugin.call(action, self.handle, PropertySet(self.host, f"in {action}", values), out)
        return status, out.values.get(name)

    def destroy(self) -> None:
        assert self.plugin.call("OfxActionDestroyInstance", self.handle) == abi.OK
        self.host.alive.remove(self)
        for clip in self.clip_instances.values():
            self.host.drop(clip.handle)
        self.host.drop(self.handle)
        self.host.drop(self.params_handle)
        self.host.drop(self.properties.handle)
