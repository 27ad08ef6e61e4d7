// Runs of the command vstab in the background, one at a time, for one instance of the plug-in.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "process.h"

namespace vstab::ofx {

enum class Task { analyze, smooth };

struct Request {
  Task task;
  std::vector<std::string> arguments;  // [0]: the command's path
  std::vector<std::string> environment = clean_environment();
};

struct Progress {
  bool busy = false;
  Task task = Task::analyze;  // what runs, or ran last
  std::string stage;
  long frame = 0, frames = 0;
  std::string message;     // why the last run failed, what it warned of; empty: nothing to say
  unsigned finished = 0;   // runs that have ended
};

// May be used from several threads.
class Job {
 public:
  Job() = default;
  ~Job();  // cancels and waits for the child's end, a few seconds at most
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Starts a run; while another goes on it waits, in the place of one that waited already.
  void start(Request request);
  void cancel();
  Progress progress() const;

  // Waits until no run of `smooth` goes on, or the time is over.
  void await_smooth(std::chrono::milliseconds longest) const;

 private:
  void work();
  void run(const Request& request);
  void note(const std::string& line, bool& ended);

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::optional<Request> waiting_;
  Progress progress_;
  std::shared_ptr<Process> child_;
  bool cancelled_ = false;
  bool running_ = false;  // the thread
  std::thread thread_;
};

}  // namespace vstab::ofx
