#include "process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

extern "C" char** environ;

namespace vstab::ofx {
namespace {

constexpr const char* kDropped[] = {"PYTHON", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_", "QT_"};

[[noreturn]] void fail(int code, const char* what) { throw std::system_error(code, std::generic_category(), what); }

// A pipe that no other child inherits.
struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) fail(errno, "pipe");
    read = ends[0];
    write = ends[1];
    ::fcntl(read, F_SETFD, FD_CLOEXEC);
    ::fcntl(write, F_SETFD, FD_CLOEXEC);
  }
  ~Pipe() {
    close(read);
    close(write);
  }
  static void close(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  int read = -1, write = -1;
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

pid_t spawn(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, int input,
            int output) {
  std::vector<char*> words = pointers_to(arguments), variables = pointers_to(environment);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) sigaddset(&usual, number);
  posix_spawnattr_setsigmask(&attributes, &none);     // hosts block and ignore signals for their own threads
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, words[0], &files, &attributes, words.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) fail(error, "posix_spawn");
  return pid;
}

}  // namespace

std::vector<std::string> clean_environment() {
  std::vector<std::string> kept;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    bool dropped = false;
    for (const char* start : kDropped) dropped |= std::strncmp(*entry, start, std::strlen(start)) == 0;
    if (!dropped) kept.emplace_back(*entry);
  }
  return kept;
}

struct Process::Handles {
  Pipe input, output;
  std::mutex mutex;  // guards pid and the end that we write to
  pid_t pid = -1;
};

Process::Process(const std::vector<std::string>& arguments, const std::vector<std::string>& environment)
    : handles_(std::make_unique<Handles>()) {
  handles_->pid = spawn(arguments, environment, handles_->input.read, handles_->output.write);
  Pipe::close(handles_->input.read);
  Pipe::close(handles_->output.write);
}

Process::~Process() {
  kill();
  wait();
}

std::size_t Process::read(char* bytes, std::size_t most) {
  ssize_t count = 0;
  do {
    count = ::read(handles_->output.read, bytes, most);
  } while (count < 0 && errno == EINTR);
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

int Process::wait() {
  const pid_t pid = [this] {
    const std::lock_guard lock(handles_->mutex);
    return handles_->pid;
  }();
  if (pid < 0) return 0;
  siginfo_t info;
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const std::lock_guard lock(handles_->mutex);  // so that nobody kills what takes the number next
  int status = 0;
  const pid_t reaped = ::waitpid(pid, &status, 0);
  handles_->pid = -1;
  if (reaped != pid) return 0;  // a host that ignores SIGCHLD has reaped it
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Process::close_input() {
  const std::lock_guard lock(handles_->mutex);
  Pipe::close(handles_->input.write);
}

void Process::kill() {
  const std::lock_guard lock(handles_->mutex);
  if (handles_->pid > 0) ::kill(handles_->pid, SIGKILL);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::filesystem::path settings_folder() {
  const std::string home = environment("HOME");
#if defined(__APPLE__)
  return home.empty() ? "" : std::filesystem::path(home) / "Library" / "Application Support" / "vstab";
#else
  const std::string config = environment("XDG_CONFIG_HOME");
  if (!config.empty()) return std::filesystem::path(config) / "vstab";
  return home.empty() ? "" : std::filesystem::path(home) / ".config" / "vstab";
#endif
}

std::vector<std::filesystem::path> command_folders() {
  std::vector<std::filesystem::path> folders;
  const std::string path = environment("PATH");
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    if (end > at) folders.emplace_back(path.substr(at, end - at));
    at = end + 1;
  }
  return folders;
}

const char* command_name() { return "vstab"; }

}  // namespace vstab::ofx
