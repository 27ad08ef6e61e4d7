// What differs between systems: child processes and where a user's settings are. process_posix.cc and process_windows.cc
// hold all calls of this plug-in that are not standard C++; process.cc what is the same for both.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vstab::ofx {

// The environment as "NAME=value", cleared of what editors set for their own Python and libraries. To be called where the
// host calls us: it may change its environment meanwhile.
std::vector<std::string> clean_environment();

// A child whose stdin and stdout are ours and whose stderr goes nowhere. Texts are UTF-8. One thread reads and waits; any
// may close_input and kill.
class Process {
 public:
  // Throws std::system_error where it cannot be started. arguments[0] is the program's path.
  Process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment);
  ~Process();  // kills a child that was not waited for
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  std::optional<std::string> read_line();  // none at the end
  int wait();                              // exit status, or 128 + signal
  void close_input();                      // asks vstab to stop
  void kill();

 private:
  std::size_t read(char* bytes, std::size_t most);  // 0 at the end

  struct Handles;
  std::unique_ptr<Handles> handles_;
  std::string read_;
};

// The folder of a user's settings for vstab, which need not exist; empty where the system does not say.
std::filesystem::path settings_folder();

// A variable of the environment; empty where there is none.
std::string environment(const char* name);

// The paths that stand in PATH, and the file name of the command in them.
std::vector<std::filesystem::path> command_folders();
const char* command_name();

}  // namespace vstab::ofx
