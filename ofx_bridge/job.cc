#include "job.h"

#include <cstdlib>
#include <exception>
#include <system_error>

#include "json_line.h"

namespace vstab::ofx {
namespace {

constexpr std::chrono::seconds kCleanUp{2};  // vstab stops within half a second, wherever it is

}  // namespace

Job::~Job() {
  cancel();
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kCleanUp, [this] { return !running_; }) && child_) child_->kill();
  lock.unlock();
  if (thread_.joinable()) thread_.join();
}

void Job::start(Request request) {
  const std::lock_guard lock(mutex_);
  progress_.busy = true;
  if (!running_) {
    progress_.task = request.task;
    progress_.stage.clear();
    progress_.frame = progress_.frames = 0;
  }
  progress_.message.clear();
  cancelled_ = false;
  waiting_ = std::move(request);
  if (running_) return;
  if (thread_.joinable()) thread_.join();  // it has said its last word
  running_ = true;
  try {
    thread_ = std::thread(&Job::work, this);
  } catch (...) {
    running_ = progress_.busy = false;
    waiting_.reset();
    throw;
  }
}

void Job::cancel() {
  const std::lock_guard lock(mutex_);
  waiting_.reset();
  cancelled_ = true;
  if (child_) child_->close_input();
}

Progress Job::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void Job::await_smooth(std::chrono::milliseconds longest) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, longest, [this] { return !progress_.busy || progress_.task != Task::smooth; });
}

void Job::work() {
  for (;;) {
    std::optional<Request> request;
    {
      const std::lock_guard lock(mutex_);
      if (!waiting_) {
        running_ = progress_.busy = false;
        changed_.notify_all();
        return;
      }
      request.swap(waiting_);
      progress_.task = request->task;
      progress_.stage.clear();
      progress_.frame = progress_.frames = 0;
    }
    std::string failure;
    try {
      run(*request);
    } catch (const std::system_error& error) {
      failure = "cannot start '" + request->arguments[0] + "': " + error.code().message();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    const std::lock_guard lock(mutex_);
    child_.reset();
    if (!failure.empty()) progress_.message = failure;
    ++progress_.finished;
  }
}

void Job::run(const Request& request) {
  const auto child = std::make_shared<Process>(request.arguments, request.environment);
  {
    const std::lock_guard lock(mutex_);
    child_ = child;
    if (cancelled_) child->close_input();
  }
  bool ended = false;
  while (const auto line = child->read_line()) note(*line, ended);
  const int status = child->wait();
  const std::lock_guard lock(mutex_);
  if (!ended) progress_.message = cancelled_ ? "cancelled" : "vstab ended without a result, status " + std::to_string(status);
}

void Job::note(const std::string& line, bool& ended) {
  const auto values = parse_line(line);
  const auto value = [&](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
  const std::string event = value("event");
  const std::lock_guard lock(mutex_);
  if (event == "progress") {
    progress_.stage = value("stage");
    progress_.frame = std::strtol(value("frame").c_str(), nullptr, 10);
    progress_.frames = std::strtol(value("frames").c_str(), nullptr, 10);
  } else if (event == "warning" || event == "error") {
    progress_.message = value("code") == "cancelled" ? "cancelled" : value("message");
  }
  ended = ended || event == "result" || event == "error";
}

}  // namespace vstab::ofx
