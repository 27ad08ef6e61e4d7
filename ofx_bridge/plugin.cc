// The entry points that an OpenFX host calls. No exception leaves them: what goes wrong becomes a status, and a line in
// the log.
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "abi.h"
#include "describe.h"
#include "host.h"
#include "instance.h"

namespace vstab::ofx {
namespace {

// What a host's use of one of the two plug-ins keeps, from Load to Unload.
struct Loaded {
  explicit Loaded(const HostStruct& host) : suites(Suites::fetch(host)) {}
  Suites suites;
  ClipStore clips;
  std::mutex mutex;
  std::vector<std::unique_ptr<Job>> stopping;  // of instances that are gone
};

struct Slot {
  const HostStruct* host = nullptr;
  std::unique_ptr<Loaded> loaded;
};
Slot slots[2];

Slot& slot_of(Kind kind) { return slots[kind == Kind::flat ? 0 : 1]; }

Instance& instance_of(const Suites& suites, ImageEffect effect) {
  PropertySet set = nullptr;
  void* data = nullptr;
  if (suites.effect->getPropertySet(effect, &set) == kOk) data = Properties(suites, set).pointer("OfxPropInstanceData");
  if (data == nullptr) throw Failure{kErrBadHandle, "the host asks for an instance that was not made"};
  return *static_cast<Instance*>(data);
}

void create(Loaded& loaded, Kind kind, ImageEffect effect) {
  PropertySet set = nullptr;
  if (loaded.suites.effect->getPropertySet(effect, &set) != kOk) throw Failure{kErrBadHandle, "no properties"};
  auto instance = std::make_unique<Instance>(loaded.suites, loaded.clips, kind, effect);
  Properties(loaded.suites, set).set("OfxPropInstanceData", static_cast<void*>(instance.get()));
  instance.release();
}

void destroy(Loaded& loaded, ImageEffect effect) {
  Instance* const instance = &instance_of(loaded.suites, effect);
  std::unique_ptr<Job> job = instance->release_job();
  delete instance;
  PropertySet set = nullptr;
  if (loaded.suites.effect->getPropertySet(effect, &set) == kOk) {
    Properties(loaded.suites, set).set("OfxPropInstanceData", static_cast<void*>(nullptr));
  }
  job->cancel();
  // A child takes up to half a second to stop; the host is not to wait for it.
  const std::lock_guard lock(loaded.mutex);
  std::vector<std::unique_ptr<Job>> still;
  loaded.stopping.push_back(std::move(job));
  for (auto& each : loaded.stopping) {
    if (each->progress().busy) still.push_back(std::move(each));
  }
  loaded.stopping = std::move(still);
}

Status act(Kind kind, const std::string& action, ImageEffect effect, PropertySet in_set, PropertySet out_set) {
  Slot& slot = slot_of(kind);
  if (action == "OfxActionLoad") {
    if (slot.host == nullptr) throw Failure{kErrMissingHostFeature, "the host did not set itself"};
    slot.loaded = std::make_unique<Loaded>(*slot.host);
    return kOk;
  }
  if (!slot.loaded) return action == "OfxActionUnload" ? kOk : kFailed;
  Loaded& loaded = *slot.loaded;
  const Suites& suites = loaded.suites;
  const Properties in(suites, in_set), out(suites, out_set);
  if (action == "OfxActionUnload") {
    slot.loaded.reset();
    return kOk;
  }
  if (action == "OfxActionDescribe") {
    describe(suites, kind, effect);
    return kOk;
  }
  if (action == "OfxImageEffectActionDescribeInContext") {
    describe_in_context(suites, kind, effect);
    return kOk;
  }
  if (action == "OfxActionCreateInstance") {
    create(loaded, kind, effect);
    return kOk;
  }
  if (action == "OfxActionDestroyInstance") {
    destroy(loaded, effect);
    return kOk;
  }
  if (action == "OfxImageEffectActionRender") return instance_of(suites, effect).render(in);
  if (action == "OfxImageEffectActionIsIdentity") return instance_of(suites, effect).is_identity(in, out);
  if (action == "OfxImageEffectActionGetRegionOfDefinition") {
    return instance_of(suites, effect).region_of_definition(in, out);
  }
  if (action == "OfxImageEffectActionGetRegionsOfInterest") return instance_of(suites, effect).regions_of_interest(in, out);
  if (action == "OfxActionInstanceChanged") return instance_of(suites, effect).changed(in);
  return kReplyDefault;
}

Status enter(Kind kind, const char* action, const void* handle, PropertySet in, PropertySet out) noexcept {
  const auto effect = static_cast<ImageEffect>(const_cast<void*>(handle));
  try {
    try {
      return action == nullptr ? kFailed : act(kind, action, effect, in, out);
    } catch (const Failure& failure) {
      log(failure.message);
      return failure.status;
    } catch (const Refusal& refusal) {
      log(refusal.log);
    } catch (const std::bad_alloc&) {
      log("there is not enough memory");
      return kErrMemory;
    } catch (const std::exception& error) {
      log(error.what());
    }
  } catch (...) {  // the log itself
  }
  return kFailed;
}

template <Kind kKind>
Status main_entry(const char* action, const void* handle, PropertySet in, PropertySet out) {
  return enter(kKind, action, handle, in, out);
}

template <Kind kKind>
void set_host(HostStruct* host) {
  slot_of(kKind).host = host;
}

constexpr unsigned kMajor = 1, kMinor = 0;  // of the plug-in, not of vstab: hosts keep projects of one major version

template <Kind kKind>
PluginStruct plugin() {
  return {"OfxImageEffectPluginAPI", 1, identifier_of(kKind), kMajor, kMinor, &set_host<kKind>, &main_entry<kKind>};
}

PluginStruct plugins[] = {plugin<Kind::flat>(), plugin<Kind::sphere>()};

}  // namespace
}  // namespace vstab::ofx

int OfxGetNumberOfPlugins() { return 2; }

vstab::ofx::PluginStruct* OfxGetPlugin(int nth) { return nth == 0 || nth == 1 ? &vstab::ofx::plugins[nth] : nullptr; }

vstab::ofx::Status OfxSetHost(const vstab::ofx::HostStruct* host) {
  for (auto& slot : vstab::ofx::slots) slot.host = host;
  return vstab::ofx::kOk;
}
