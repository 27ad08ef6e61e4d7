// The part of the OpenFX 1.4 interface (openfx.org) that the plug-ins use, declared from its specification: the order of
// the functions and the texts are the interface.
#pragma once

#include <cstddef>

#if defined(_WIN32)
#define VSTAB_OFX_ENTRY extern "C" __declspec(dllexport)
#else
#define VSTAB_OFX_ENTRY extern "C" __attribute__((visibility("default")))
#endif

namespace vstab::ofx {

using Status = int;
constexpr Status kOk = 0, kFailed = 1, kErrFatal = 2, kErrUnknown = 3, kErrMissingHostFeature = 4, kErrUnsupported = 5,
                 kErrMemory = 8, kErrBadHandle = 9, kErrValue = 11, kReplyNo = 13, kReplyDefault = 14,
                 kErrImageFormat = 1000;

using PropertySet = struct PropertySetStruct*;
using ImageEffect = struct ImageEffectStruct*;
using ImageClip = struct ImageClipStruct*;
using ParamSet = struct ParamSetStruct*;
using Param = struct ParamStruct*;

struct RectD {
  double x1, y1, x2, y2;
};

extern "C" {

struct HostStruct {
  PropertySet host;
  const void* (*fetchSuite)(PropertySet host, const char* name, int version);
};

struct PluginStruct {
  const char* api;
  int api_version;
  const char* identifier;
  unsigned version_major, version_minor;
  void (*setHost)(HostStruct* host);
  Status (*mainEntry)(const char* action, const void* handle, PropertySet in, PropertySet out);
};

struct PropertySuite {
  Status (*setPointer)(PropertySet, const char*, int index, void*);
  Status (*setString)(PropertySet, const char*, int index, const char*);
  Status (*setDouble)(PropertySet, const char*, int index, double);
  Status (*setInt)(PropertySet, const char*, int index, int);
  Status (*setPointerN)(PropertySet, const char*, int count, void* const*);
  Status (*setStringN)(PropertySet, const char*, int count, const char* const*);
  Status (*setDoubleN)(PropertySet, const char*, int count, const double*);
  Status (*setIntN)(PropertySet, const char*, int count, const int*);
  Status (*getPointer)(PropertySet, const char*, int index, void**);
  Status (*getString)(PropertySet, const char*, int index, char**);
  Status (*getDouble)(PropertySet, const char*, int index, double*);
  Status (*getInt)(PropertySet, const char*, int index, int*);
  Status (*getPointerN)(PropertySet, const char*, int count, void**);
  Status (*getStringN)(PropertySet, const char*, int count, char**);
  Status (*getDoubleN)(PropertySet, const char*, int count, double*);
  Status (*getIntN)(PropertySet, const char*, int count, int*);
  Status (*reset)(PropertySet, const char*);
  Status (*getDimension)(PropertySet, const char*, int* count);
};

struct ImageEffectSuite {
  Status (*getPropertySet)(ImageEffect, PropertySet*);
  Status (*getParamSet)(ImageEffect, ParamSet*);
  Status (*clipDefine)(ImageEffect, const char* name, PropertySet*);
  Status (*clipGetHandle)(ImageEffect, const char* name, ImageClip*, PropertySet*);
  Status (*clipGetPropertySet)(ImageClip, PropertySet*);
  Status (*clipGetImage)(ImageClip, double time, const RectD* region, PropertySet* image);
  Status (*clipReleaseImage)(PropertySet image);
  Status (*clipGetRegionOfDefinition)(ImageClip, double time, RectD*);
  int (*abort)(ImageEffect);
  Status (*imageMemoryAlloc)(ImageEffect, std::size_t, void**);
  Status (*imageMemoryFree)(void*);
  Status (*imageMemoryLock)(void*, void**);
  Status (*imageMemoryUnlock)(void*);
};

// The functions that end in ... take or fill values of the parameter's type: int, double or char*.
struct ParameterSuite {
  Status (*define)(ParamSet, const char* type, const char* name, PropertySet*);
  Status (*getHandle)(ParamSet, const char* name, Param*, PropertySet*);
  Status (*setGetPropertySet)(ParamSet, PropertySet*);
  Status (*getPropertySet)(Param, PropertySet*);
  Status (*getValue)(Param, ...);
  Status (*getValueAtTime)(Param, double time, ...);
  Status (*getDerivative)(Param, double time, ...);
  Status (*getIntegral)(Param, double from, double to, ...);
  Status (*setValue)(Param, ...);
  Status (*setValueAtTime)(Param, double time, ...);
  Status (*getNumKeys)(Param, unsigned*);
  Status (*getKeyTime)(Param, unsigned, double*);
  Status (*getKeyIndex)(Param, double, int, int*);
  Status (*deleteKey)(Param, double);
  Status (*deleteAllKeys)(Param);
  Status (*copy)(Param, Param, double, const void*);
  Status (*editBegin)(ParamSet, const char*);
  Status (*editEnd)(ParamSet);
};

using ThreadFunction = void (*)(unsigned index, unsigned count, void* argument);

struct MultiThreadSuite {
  Status (*multiThread)(ThreadFunction, unsigned count, void* argument);
  Status (*numCpus)(unsigned*);
  Status (*threadIndex)(unsigned*);
  int (*isSpawnedThread)();
  Status (*mutexCreate)(void**, int);
  Status (*mutexDestroy)(void*);
  Status (*mutexLock)(void*);
  Status (*mutexUnLock)(void*);
  Status (*mutexTryLock)(void*);
};

struct MessageSuite {
  Status (*message)(void* effect, const char* type, const char* id, const char* format, ...);
};

}  // extern "C"
}  // namespace vstab::ofx

VSTAB_OFX_ENTRY int OfxGetNumberOfPlugins();
VSTAB_OFX_ENTRY vstab::ofx::PluginStruct* OfxGetPlugin(int nth);
VSTAB_OFX_ENTRY vstab::ofx::Status OfxSetHost(const vstab::ofx::HostStruct* host);
