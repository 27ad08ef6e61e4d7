#include "host.h"

#include <cstdio>

namespace vstab::ofx {
namespace {

void check(Status status, const char* name) {
  if (status == kErrBadHandle || status == kErrMemory) {
    throw Failure{status, std::string("the host refused property ") + name + " with status " + std::to_string(status)};
  }
}

}  // namespace

void log(const std::string& line) { std::fprintf(stderr, "vstab: %s\n", line.c_str()); }

Suites Suites::fetch(const HostStruct& host) {
  Suites suites;
  const auto suite = [&](const char* name) { return host.fetchSuite(host.host, name, 1); };
  suites.property = static_cast<const PropertySuite*>(suite("OfxPropertySuite"));
  suites.effect = static_cast<const ImageEffectSuite*>(suite("OfxImageEffectSuite"));
  suites.parameter = static_cast<const ParameterSuite*>(suite("OfxParameterSuite"));
  if (suites.property == nullptr || suites.effect == nullptr || suites.parameter == nullptr) {
    throw Failure{kErrMissingHostFeature, "the host lacks the property, image effect or parameter suite of OpenFX"};
  }
  suites.threads = static_cast<const MultiThreadSuite*>(suite("OfxMultiThreadSuite"));
  suites.message = static_cast<const MessageSuite*>(suite("OfxMessageSuite"));
  return suites;
}

std::optional<int> Properties::integer(const char* name, int index) const {
  int value = 0;
  return suite_->getInt(set_, name, index, &value) == kOk ? std::optional(value) : std::nullopt;
}

std::optional<double> Properties::number(const char* name, int index) const {
  double value = 0;
  return suite_->getDouble(set_, name, index, &value) == kOk ? std::optional(value) : std::nullopt;
}

std::optional<std::string> Properties::text(const char* name, int index) const {
  char* value = nullptr;
  if (suite_->getString(set_, name, index, &value) != kOk || value == nullptr) return std::nullopt;
  return std::string(value);
}

void* Properties::pointer(const char* name) const {
  void* value = nullptr;
  return suite_->getPointer(set_, name, 0, &value) == kOk ? value : nullptr;
}

void Properties::set(const char* name, int value, int index) const {
  check(suite_->setInt(set_, name, index, value), name);
}
void Properties::set(const char* name, double value, int index) const {
  check(suite_->setDouble(set_, name, index, value), name);
}
void Properties::set(const char* name, const char* value, int index) const {
  check(suite_->setString(set_, name, index, value), name);
}
void Properties::set(const char* name, void* value) const { check(suite_->setPointer(set_, name, 0, value), name); }

Parameters::Parameters(const Suites& suites, ImageEffect effect) : suite_(suites.parameter) {
  if (suites.effect->getParamSet(effect, &set_) != kOk) throw Failure{kFailed, "the host gives no parameters"};
}

Param Parameters::find(const char* name) const {
  Param param = nullptr;
  if (suite_->getHandle(set_, name, &param, nullptr) != kOk) {
    throw Failure{kFailed, std::string("the host has lost parameter ") + name};
  }
  return param;
}

std::string Parameters::text(const char* name, double time) const {
  char* value = nullptr;
  return suite_->getValueAtTime(find(name), time, &value) == kOk && value != nullptr ? value : "";
}

double Parameters::number(const char* name, double time) const {
  double value = 0;
  return suite_->getValueAtTime(find(name), time, &value) == kOk ? value : 0;
}

int Parameters::integer(const char* name, double time) const {
  int value = 0;
  return suite_->getValueAtTime(find(name), time, &value) == kOk ? value : 0;
}

void Parameters::set(const char* name, const std::string& value) const { suite_->setValue(find(name), value.c_str()); }
void Parameters::set(const char* name, double value) const { suite_->setValue(find(name), value); }
void Parameters::set(const char* name, int value) const { suite_->setValue(find(name), value); }

}  // namespace vstab::ofx
