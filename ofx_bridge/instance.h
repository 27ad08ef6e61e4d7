// One use of the plug-in in a host: what its actions do.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "clip_store.h"
#include "describe.h"
#include "host.h"
#include "job.h"
#include "picture.h"

namespace vstab::ofx {

struct Row;

// Rendering actions may come from several threads at once, the others from one.
class Instance {
 public:
  Instance(const Suites& suites, ClipStore& clips, Kind kind, ImageEffect effect);

  // Each returns the action's status, or throws Failure.
  Status render(const Properties& in);
  Status is_identity(const Properties& in, const Properties& out);
  Status region_of_definition(const Properties& in, const Properties& out);
  Status regions_of_interest(const Properties& in, const Properties& out);
  Status changed(const Properties& in);

  // The runs of the command, which outlive the instance until they have stopped.
  std::unique_ptr<Job> release_job() { return std::move(job_); }

 private:
  // What is to be shown of a sidecar: a frame, or none outside the analyzed range; or why nothing is.
  struct Plan {
    std::shared_ptr<const Clip> clip;
    std::optional<std::size_t> frame;
    Filter filter = Filter::automatic;
    std::string notice;  // not empty: shown over the source
    bool fitted = false;
  };
  // Where the files may be.
  struct Paths {
    std::string sidecar, clip;  // as far as they are known
    std::string host_clip;      // as the host says; empty where it does not
    bool operator==(const Paths& other) const {
      return sidecar == other.sidecar && clip == other.clip && host_clip == other.host_clip;
    }
  };

  Status source_region(const Properties& in, const char* name, const Properties& out);
  Plan plan(double time, const Properties& in);
  std::string choice(const Row& row, double time) const;
  double frame_number(double time, const Properties& in, double& rate) const;
  Paths paths(double time) const;
  std::shared_ptr<const Clip> clip_of(const Paths& paths, std::string& notice);
  std::shared_ptr<const Clip> load(const Paths& paths);
  void forget();

  void start_analysis(double time);
  void start_smooth(double time);
  void show_status(double time, bool redraw);
  void take_over_parameters(double time);
  std::string status_line(double time);
  std::string clip_path(const Paths& paths);
  std::string sidecar_path(const Paths& paths);
  void add_parameters(double time, bool analyzing, std::vector<std::string>& arguments) const;

  const Suites& suites_;
  ClipStore& clips_;
  Kind kind_;
  ImageEffect effect_;
  Parameters parameters_;
  std::unique_ptr<Job> job_;

  std::mutex mutex_;  // guards what follows
  std::optional<Paths> tried_;
  std::chrono::steady_clock::time_point tried_at_;
  unsigned tried_after_ = 0;  // runs of the command that had ended
  std::shared_ptr<const Clip> clip_;
  std::string refusal_, log_;  // notice and sentence
  std::string complaint_;      // why a button did nothing
};

}  // namespace vstab::ofx
