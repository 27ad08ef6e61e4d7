// The entry points that a frei0r host calls. No exception leaves them: what goes wrong is logged, and the picture is
// handed through.
#include <cstdio>
#include <cstring>
#include <exception>

#include "abi.h"
#include "instance.h"

using vstab::Size;
using vstab::frei0r::Instance;

namespace {

constexpr int kPathParam = 0, kTrimmedParam = 1, kParams = 2;

// What a host holds. It keeps the size so that a picture can be handed through whatever else fails.
struct Handle {
  Size size;
  Instance instance;
  bool failed = false;  // and told so
};

void tell(const char* what) { std::fprintf(stderr, "vstab: %s\n", what); }

}  // namespace

int f0r_init() { return 1; }

void f0r_deinit() {}

void f0r_get_plugin_info(vstab::frei0r::PluginInfo* info) {
  info->name = "vstab";
  info->author = "vstab";
  info->plugin_type = vstab::frei0r::kPluginFilter;
  info->color_model = vstab::frei0r::kColourRgba8888;
  info->frei0r_version = vstab::frei0r::kInterfaceVersion;
  info->major_version = 0;
  info->minor_version = 1;
  info->num_params = kParams;
  info->explanation = "Shows a clip stabilized, from the sidecar that `vstab analyze` wrote";
}

void f0r_get_param_info(vstab::frei0r::ParamInfo* info, int index) {
  if (index == kPathParam) {
    *info = {"sidecar", vstab::frei0r::kParamString, "Path of the sidecar (clip.vstab)"};
  } else if (index == kTrimmedParam) {
    *info = {"trimmed", vstab::frei0r::kParamDouble, "Seconds of the clip's beginning that were cut off"};
  }
}

void* f0r_construct(unsigned width, unsigned height) {
  try {
    const Size size{static_cast<int>(height), static_cast<int>(width)};
    return new Handle{size, Instance(size)};
  } catch (const std::exception& error) {
    tell(error.what());
  }
  return nullptr;
}

void f0r_destruct(void* instance) { delete static_cast<Handle*>(instance); }

void f0r_set_param_value(void* instance, void* value, int index) {
  if (instance == nullptr || value == nullptr) return;
  if (index == kTrimmedParam) static_cast<Handle*>(instance)->instance.set_trimmed(*static_cast<double*>(value));
  if (index != kPathParam) return;
  try {
    const char* text = *static_cast<char**>(value);
    static_cast<Handle*>(instance)->instance.set_path(text == nullptr ? "" : text);
  } catch (const std::exception& error) {
    tell(error.what());
  }
}

void f0r_get_param_value(void* instance, void* value, int index) {
  if (instance == nullptr || value == nullptr) return;
  const Instance& used = static_cast<Handle*>(instance)->instance;
  if (index == kPathParam) *static_cast<const char**>(value) = used.path().c_str();
  if (index == kTrimmedParam) *static_cast<double*>(value) = used.trimmed_s();
}

void f0r_update(void* instance, double time, const std::uint32_t* in, std::uint32_t* out) {
  if (instance == nullptr) return;
  auto& handle = *static_cast<Handle*>(instance);
  try {
    handle.instance.show(time, reinterpret_cast<const std::uint8_t*>(in), reinterpret_cast<std::uint8_t*>(out));
  } catch (const std::exception& error) {
    std::memcpy(out, in, sizeof *in * static_cast<std::size_t>(handle.size.width) *
                             static_cast<std::size_t>(handle.size.height));
    if (!handle.failed) tell(error.what());
    handle.failed = true;
  }
}
