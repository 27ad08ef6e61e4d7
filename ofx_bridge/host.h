// What the host offers: its suites, and property sets in the words of C++.
#pragma once

#include <optional>
#include <string>

#include "abi.h"

namespace vstab::ofx {

// Ends an action with a status; what is said goes to the log.
struct Failure {
  Status status;
  std::string message;
};

struct Suites {
  const PropertySuite* property = nullptr;
  const ImageEffectSuite* effect = nullptr;
  const ParameterSuite* parameter = nullptr;
  const MultiThreadSuite* threads = nullptr;  // these may be missing
  const MessageSuite* message = nullptr;

  // Throws Failure where the host lacks one that nothing goes without.
  static Suites fetch(const HostStruct& host);
};

// A property set. Properties that the host does not know are none when read, and ignored when written: hosts know
// different versions of the interface.
class Properties {
 public:
  Properties(const Suites& suites, PropertySet set) : suite_(suites.property), set_(set) {}

  std::optional<int> integer(const char* name, int index = 0) const;
  std::optional<double> number(const char* name, int index = 0) const;
  std::optional<std::string> text(const char* name, int index = 0) const;
  void* pointer(const char* name) const;  // null: none

  void set(const char* name, int value, int index = 0) const;
  void set(const char* name, double value, int index = 0) const;
  void set(const char* name, const char* value, int index = 0) const;
  void set(const char* name, void* value) const;

  PropertySet handle() const { return set_; }

 private:
  const PropertySuite* suite_;
  PropertySet set_;
};

// The parameters of an instance, by name.
class Parameters {
 public:
  Parameters(const Suites& suites, ImageEffect effect);

  std::string text(const char* name, double time) const;
  double number(const char* name, double time) const;
  int integer(const char* name, double time) const;  // of a choice its number

  // Only while the host reports a change: it may write to its own memory.
  void set(const char* name, const std::string& value) const;
  void set(const char* name, double value) const;
  void set(const char* name, int value) const;

 private:
  Param find(const char* name) const;

  const ParameterSuite* suite_;
  ParamSet set_ = nullptr;
};

void log(const std::string& line);

}  // namespace vstab::ofx
