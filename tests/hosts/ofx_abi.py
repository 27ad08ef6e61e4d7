"""The C side of OpenFX for the test host, from the specification: structs, suites, and where a property may stand."""

from __future__ import annotations

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int, c_size_t, c_uint, c_void_p

OK, FAILED, FATAL, UNKNOWN, MISSING_FEATURE = 0, 1, 2, 3, 4
UNSUPPORTED, MEMORY, BAD_HANDLE, BAD_INDEX, VALUE, DEFAULT = 5, 8, 9, 10, 11, 14
IMAGE_FORMAT = 1000


class RectD(Structure):
    _fields_ = [(name, c_double) for name in ("x1", "y1", "x2", "y2")]


FetchSuite = CFUNCTYPE(c_void_p, c_void_p, c_char_p, c_int)


class HostStruct(Structure):
    _fields_ = [("host", c_void_p), ("fetchSuite", FetchSuite)]


SetHost = CFUNCTYPE(None, POINTER(HostStruct))
MainEntry = CFUNCTYPE(c_int, c_char_p, c_void_p, c_void_p, c_void_p)


class PluginStruct(Structure):
    _fields_ = [
        ("api", c_char_p),
        ("api_version", c_int),
        ("identifier", c_char_p),
        ("major", c_uint),
        ("minor", c_uint),
        ("setHost", SetHost),
        ("mainEntry", MainEntry),
    ]


_SET = [c_void_p, c_char_p, c_int]
THREAD_FUNCTION = CFUNCTYPE(None, c_uint, c_uint, c_void_p)

# Suite -> its functions in order, with result and arguments. A variadic function is declared with what may come: whole
# numbers and pointers in the general registers, a double in the first vector register (x86-64 System V, 64-bit Arm).
SUITES: dict[tuple[str, int], list[tuple[str, list[object]]]] = {
    ("OfxPropertySuite", 1): [
        ("propSetPointer", [*_SET, c_void_p]),
        ("propSetString", [*_SET, c_char_p]),
        ("propSetDouble", [*_SET, c_double]),
        ("propSetInt", [*_SET, c_int]),
        ("propSetPointerN", [*_SET, POINTER(c_void_p)]),
        ("propSetStringN", [*_SET, POINTER(c_char_p)]),
        ("propSetDoubleN", [*_SET, POINTER(c_double)]),
        ("propSetIntN", [*_SET, POINTER(c_int)]),
        ("propGetPointer", [*_SET, POINTER(c_void_p)]),
        ("propGetString", [*_SET, POINTER(c_void_p)]),
        ("propGetDouble", [*_SET, POINTER(c_double)]),
        ("propGetInt", [*_SET, POINTER(c_int)]),
        ("propGetPointerN", [*_SET, POINTER(c_void_p)]),
        ("propGetStringN", [*_SET, POINTER(c_void_p)]),
        ("propGetDoubleN", [*_SET, POINTER(c_double)]),
        ("propGetIntN", [*_SET, POINTER(c_int)]),
        ("propReset", [c_void_p, c_char_p]),
        ("propGetDimension", [c_void_p, c_char_p, POINTER(c_int)]),
    ],
    ("OfxImageEffectSuite", 1): [
        ("getPropertySet", [c_void_p, POINTER(c_void_p)]),
        ("getParamSet", [c_void_p, POINTER(c_void_p)]),
        ("clipDefine", [c_void_p, c_char_p, POINTER(c_void_p)]),
        ("clipGetHandle", [c_void_p, c_char_p, POINTER(c_void_p), POINTER(c_void_p)]),
        ("clipGetPropertySet", [c_void_p, POINTER(c_void_p)]),
        ("clipGetImage", [c_void_p, c_double, POINTER(RectD), POINTER(c_void_p)]),
        ("clipReleaseImage", [c_void_p]),
        ("clipGetRegionOfDefinition", [c_void_p, c_double, POINTER(RectD)]),
        ("abort", [c_void_p]),
        ("imageMemoryAlloc", [c_void_p, c_size_t, POINTER(c_void_p)]),
        ("imageMemoryFree", [c_void_p]),
        ("imageMemoryLock", [c_void_p, POINTER(c_void_p)]),
        ("imageMemoryUnlock", [c_void_p]),
    ],
    ("OfxParameterSuite", 1): [
        ("paramDefine", [c_void_p, c_char_p, c_char_p, POINTER(c_void_p)]),
        ("paramGetHandle", [c_void_p, c_char_p, POINTER(c_void_p), POINTER(c_void_p)]),
        ("paramSetGetPropertySet", [c_void_p, POINTER(c_void_p)]),
        ("paramGetPropertySet", [c_void_p, POINTER(c_void_p)]),
        ("paramGetValue", [c_void_p, c_void_p]),
        ("paramGetValueAtTime", [c_void_p, c_double, c_void_p]),
        ("paramGetDerivative", [c_void_p]),
        ("paramGetIntegral", [c_void_p]),
        ("paramSetValue", [c_void_p, c_void_p, c_double]),
        ("paramSetValueAtTime", [c_void_p]),
        ("paramGetNumKeys", [c_void_p]),
        ("paramGetKeyTime", [c_void_p]),
        ("paramGetKeyIndex", [c_void_p]),
        ("paramDeleteKey", [c_void_p]),
        ("paramDeleteAllKeys", [c_void_p]),
        ("paramCopy", [c_void_p]),
        ("paramEditBegin", [c_void_p, c_char_p]),
        ("paramEditEnd", [c_void_p]),
    ],
    ("OfxMultiThreadSuite", 1): [
        ("multiThread", [c_void_p, c_uint, c_void_p]),
        ("multiThreadNumCPUs", [POINTER(c_uint)]),
        ("multiThreadIndex", [POINTER(c_uint)]),
        ("multiThreadIsSpawnedThread", []),
        ("mutexCreate", [POINTER(c_void_p), c_int]),
        ("mutexDestroy", [c_void_p]),
        ("mutexLock", [c_void_p]),
        ("mutexUnLock", [c_void_p]),
        ("mutexTryLock", [c_void_p]),
    ],
    ("OfxMessageSuite", 1): [("message", [c_void_p, c_char_p, c_char_p, c_char_p, c_char_p])],
    ("OfxMessageSuite", 2): [
        ("message", [c_void_p, c_char_p, c_char_p, c_char_p, c_char_p]),
        ("setPersistentMessage", [c_void_p, c_char_p, c_char_p, c_char_p, c_char_p]),
        ("clearPersistentMessage", [c_void_p]),
    ],
    ("OfxProgressSuite", 1): [
        ("progressStart", [c_void_p, c_char_p]),
        ("progressUpdate", [c_void_p, c_double]),
        ("progressEnd", [c_void_p]),
    ],
}
NEEDED = {("OfxPropertySuite", 1), ("OfxImageEffectSuite", 1), ("OfxParameterSuite", 1)}

# name -> (type, number of values; 0: any number). `i`nt, `d`ouble, `s`tring, `p`ointer; of OfxParamPropDefault, Min and
# Max the type is the parameter's.
PROPERTIES = {
    "OfxPropType": ("s", 1),
    "OfxPropName": ("s", 1),
    "OfxPropLabel": ("s", 1),
    "OfxPropShortLabel": ("s", 1),
    "OfxPropLongLabel": ("s", 1),
    "OfxPropPluginDescription": ("s", 1),
    "OfxPropTime": ("d", 1),
    "OfxPropIsInteractive": ("i", 1),
    "OfxPropInstanceData": ("p", 1),
    "OfxPropChangeReason": ("s", 1),
    "OfxPluginPropFilePath": ("s", 1),
    "OfxImageEffectPluginPropGrouping": ("s", 1),
    "OfxImageEffectPropSupportedContexts": ("s", 0),
    "OfxImageEffectPropSupportedPixelDepths": ("s", 0),
    "OfxImageEffectPropSupportedComponents": ("s", 0),
    "OfxImageEffectPluginRenderThreadSafety": ("s", 1),
    "OfxImageEffectPluginPropHostFrameThreading": ("i", 1),
    "OfxImageEffectPluginPropSingleInstance": ("i", 1),
    "OfxImageEffectPropSupportsMultiResolution": ("i", 1),
    "OfxImageEffectPropSupportsTiles": ("i", 1),
    "OfxImageEffectPropTemporalClipAccess": ("i", 1),
    "OfxImageEffectPluginPropFieldRenderTwiceAlways": ("i", 1),
    "OfxImageEffectPropSupportsMultipleClipPARs": ("i", 1),
    "OfxImageEffectPropMultipleClipDepths": ("i", 1),
    "OfxImageEffectPropContext": ("s", 1),
    "OfxImageClipPropOptional": ("i", 1),
    "OfxImageClipPropIsMask": ("i", 1),
    "OfxImageClipPropConnected": ("i", 1),
    "OfxImageEffectPropFrameRate": ("d", 1),
    "OfxImageEffectPropFrameRange": ("d", 2),
    "OfxImageEffectPropPixelDepth": ("s", 1),
    "OfxImageEffectPropComponents": ("s", 1),
    "OfxImageEffectPropPreMultiplication": ("s", 1),
    "OfxImagePropData": ("p", 1),
    "OfxImagePropBounds": ("i", 4),
    "OfxImagePropRegionOfDefinition": ("i", 4),
    "OfxImagePropRowBytes": ("i", 1),
    "OfxImagePropField": ("s", 1),
    "OfxImagePropPixelAspectRatio": ("d", 1),
    "OfxImagePropUniqueIdentifier": ("s", 1),
    "OfxImageEffectPropRenderScale": ("d", 2),
    "OfxImageEffectPropRenderWindow": ("i", 4),
    "OfxImageEffectPropFieldToRender": ("s", 1),
    "OfxImageEffectPropSequentialRenderStatus": ("i", 1),
    "OfxImageEffectPropInteractiveRenderStatus": ("i", 1),
    "OfxImageEffectPropRegionOfDefinition": ("d", 4),
    "OfxImageEffectPropRegionOfInterest": ("d", 4),
    "OfxImageClipPropRoI_Source": ("d", 4),
    "OfxParamPropType": ("s", 1),
    "OfxParamPropScriptName": ("s", 1),
    "OfxParamPropHint": ("s", 1),
    "OfxParamPropParent": ("s", 1),
    "OfxParamPropSecret": ("i", 1),
    "OfxParamPropEnabled": ("i", 1),
    "OfxParamPropGroupOpen": ("i", 1),
    "OfxParamPropAnimates": ("i", 1),
    "OfxParamPropCanUndo": ("i", 1),
    "OfxParamPropPersistant": ("i", 1),
    "OfxParamPropEvaluateOnChange": ("i", 1),
    "OfxParamPropCacheInvalidation": ("s", 1),
    "OfxParamPropStringMode": ("s", 1),
    "OfxParamPropStringFilePathExists": ("i", 1),
    "OfxParamPropDoubleType": ("s", 1),
    "OfxParamPropChoiceOption": ("s", 0),
    "OfxParamPropDefault": ("?", 1),
    "OfxParamPropMin": ("?", 1),
    "OfxParamPropMax": ("?", 1),
    "OfxParamPropDisplayMin": ("?", 1),
    "OfxParamPropDisplayMax": ("?", 1),
    # Blackmagic's, of Resolve 20 and later
    "OfxImageEffectPropSrcFilePath": ("s", 1),
    "OfxImageEffectPropSrcFrame": ("i", 1),
}

_LABELS = {"OfxPropType", "OfxPropName", "OfxPropLabel", "OfxPropShortLabel", "OfxPropLongLabel"}
_CLIP = {
    *_LABELS,
    "OfxImageEffectPropSupportedComponents",
    "OfxImageEffectPropTemporalClipAccess",
    "OfxImageClipPropOptional",
    "OfxImageClipPropIsMask",
    "OfxImageEffectPropSupportsTiles",
}
_ANY_PARAM = {
    *_LABELS,
    "OfxParamPropType",
    "OfxParamPropSecret",
    "OfxParamPropHint",
    "OfxParamPropScriptName",
    "OfxParamPropParent",
    "OfxParamPropEnabled",
}
_VALUE_PARAM = {
    *_ANY_PARAM,
    "OfxParamPropAnimates",
    "OfxParamPropPersistant",
    "OfxParamPropEvaluateOnChange",
    "OfxParamPropCacheInvalidation",
    "OfxParamPropCanUndo",
    "OfxParamPropDefault",
}
_RANGE = {"OfxParamPropMin", "OfxParamPropMax", "OfxParamPropDisplayMin", "OfxParamPropDisplayMax"}
_RENDER = {
    "OfxPropTime",
    "OfxImageEffectPropFieldToRender",
    "OfxImageEffectPropRenderWindow",
    "OfxImageEffectPropRenderScale",
    "OfxImageEffectPropSrcFrame",
}

# kind of property set -> the properties it may have
SETS: dict[str, set[str]] = {
    "host": {*_LABELS},
    "effect descriptor": {
        "OfxPropType",
        "OfxPropLabel",
        "OfxPropShortLabel",
        "OfxPropLongLabel",
        "OfxPropPluginDescription",
        "OfxPluginPropFilePath",
        "OfxImageEffectPluginPropGrouping",
        "OfxImageEffectPropSupportedContexts",
        "OfxImageEffectPropSupportedPixelDepths",
        "OfxImageEffectPluginRenderThreadSafety",
        "OfxImageEffectPluginPropHostFrameThreading",
        "OfxImageEffectPluginPropSingleInstance",
        "OfxImageEffectPropSupportsMultiResolution",
        "OfxImageEffectPropSupportsTiles",
        "OfxImageEffectPropTemporalClipAccess",
        "OfxImageEffectPluginPropFieldRenderTwiceAlways",
        "OfxImageEffectPropSupportsMultipleClipPARs",
        "OfxImageEffectPropMultipleClipDepths",
    },
    "effect instance": {
        "OfxPropType",
        "OfxImageEffectPropContext",
        "OfxPropInstanceData",
        "OfxPropIsInteractive",
        "OfxImageEffectPropFrameRate",
        "OfxImageEffectPropSupportsTiles",
        "OfxImageEffectPropSrcFilePath",
    },
    "clip descriptor": _CLIP,
    "clip instance": {
        *_CLIP,
        "OfxImageEffectPropPixelDepth",
        "OfxImageEffectPropComponents",
        "OfxImageEffectPropPreMultiplication",
        "OfxImageEffectPropFrameRate",
        "OfxImageEffectPropFrameRange",
        "OfxImageClipPropConnected",
        "OfxImagePropPixelAspectRatio",
    },
    "image": {
        "OfxPropType",
        "OfxImageEffectPropPixelDepth",
        "OfxImageEffectPropComponents",
        "OfxImageEffectPropPreMultiplication",
        "OfxImageEffectPropRenderScale",
        "OfxImagePropPixelAspectRatio",
        "OfxImagePropData",
        "OfxImagePropBounds",
        "OfxImagePropRegionOfDefinition",
        "OfxImagePropRowBytes",
        "OfxImagePropField",
        "OfxImagePropUniqueIdentifier",
    },
    "OfxParamTypePushButton": _ANY_PARAM - {"OfxParamPropParent"}
    | {"OfxParamPropParent", "OfxParamPropEvaluateOnChange"},
    "OfxParamTypeGroup": {*_ANY_PARAM, "OfxParamPropGroupOpen"},
    "OfxParamTypeString": {*_VALUE_PARAM, "OfxParamPropStringMode", "OfxParamPropStringFilePathExists"},
    "OfxParamTypeChoice": {*_VALUE_PARAM, "OfxParamPropChoiceOption"},
    "OfxParamTypeInteger": {*_VALUE_PARAM, *_RANGE},
    "OfxParamTypeDouble": {*_VALUE_PARAM, *_RANGE, "OfxParamPropDoubleType"},
    # of actions
    "in OfxImageEffectActionDescribeInContext": {"OfxImageEffectPropContext"},
    "in OfxActionInstanceChanged": {
        "OfxPropType",
        "OfxPropName",
        "OfxPropChangeReason",
        "OfxPropTime",
        "OfxImageEffectPropRenderScale",
    },
    "in OfxImageEffectActionGetRegionOfDefinition": {"OfxPropTime", "OfxImageEffectPropRenderScale"},
    "out OfxImageEffectActionGetRegionOfDefinition": {"OfxImageEffectPropRegionOfDefinition"},
    "in OfxImageEffectActionGetRegionsOfInterest": {
        "OfxPropTime",
        "OfxImageEffectPropRenderScale",
        "OfxImageEffectPropRegionOfInterest",
    },
    "out OfxImageEffectActionGetRegionsOfInterest": {"OfxImageClipPropRoI_Source"},
    "in OfxImageEffectActionIsIdentity": _RENDER,
    "out OfxImageEffectActionIsIdentity": {"OfxPropName", "OfxPropTime"},
    "in OfxImageEffectActionRender": {
        *_RENDER,
        "OfxImageEffectPropSequentialRenderStatus",
        "OfxImageEffectPropInteractiveRenderStatus",
    },
}

# What the plug-in may write, beside everything of a descriptor while it describes itself.
WRITABLE = {"effect instance": {"OfxPropInstanceData"}}

PARAM_TYPE = {
    "OfxParamTypeString": "s",
    "OfxParamTypeChoice": "i",
    "OfxParamTypeInteger": "i",
    "OfxParamTypeDouble": "d",
}


def prototype(arguments: list[object]) -> type:
    """Return the C type of a suite's function."""
    return CFUNCTYPE(c_int, *arguments)  # type: ignore[arg-type, unused-ignore]


def pointer_to(text: bytes) -> ctypes.Array[ctypes.c_char]:
    """Return memory that holds a text until we overwrite it."""
    return ctypes.create_string_buffer(text)
