// The part of the frei0r 1.2 interface (https://dyne.org/software/frei0r) that a filter with a number and a text needs,
// declared from its specification.
#pragma once

#include <cstdint>

#if defined(_WIN32)
#define VSTAB_FREI0R_ENTRY extern "C" __declspec(dllexport)
#else
#define VSTAB_FREI0R_ENTRY extern "C" __attribute__((visibility("default")))
#endif

namespace vstab::frei0r {

constexpr int kInterfaceVersion = 1;
constexpr int kPluginFilter = 0;
constexpr int kColourRgba8888 = 1;  // bytes R, G, B, A, rows without gaps
constexpr int kParamDouble = 1;    // values are passed as double*
constexpr int kParamString = 4;     // values are passed as char**

struct PluginInfo {
  const char* name;
  const char* author;
  int plugin_type;
  int color_model;
  int frei0r_version;
  int major_version;
  int minor_version;
  int num_params;
  const char* explanation;
};

struct ParamInfo {
  const char* name;
  int type;
  const char* explanation;
};

}  // namespace vstab::frei0r

VSTAB_FREI0R_ENTRY int f0r_init();
VSTAB_FREI0R_ENTRY void f0r_deinit();
VSTAB_FREI0R_ENTRY void f0r_get_plugin_info(vstab::frei0r::PluginInfo* info);
VSTAB_FREI0R_ENTRY void f0r_get_param_info(vstab::frei0r::ParamInfo* info, int index);
VSTAB_FREI0R_ENTRY void* f0r_construct(unsigned width, unsigned height);
VSTAB_FREI0R_ENTRY void f0r_destruct(void* instance);
VSTAB_FREI0R_ENTRY void f0r_set_param_value(void* instance, void* value, int index);
VSTAB_FREI0R_ENTRY void f0r_get_param_value(void* instance, void* value, int index);
VSTAB_FREI0R_ENTRY void f0r_update(void* instance, double time, const std::uint32_t* in, std::uint32_t* out);
