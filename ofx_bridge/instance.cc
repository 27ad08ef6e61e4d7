#include "instance.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <locale>
#include <sstream>
#include <system_error>

#include "command.h"
#include "parameters.h"
#include "sequence.h"
#include "show.h"
#include "source_frame.h"

namespace vstab::ofx {
namespace {

constexpr std::chrono::seconds kRetry{1};         // between looks for a sidecar that was not there
constexpr std::chrono::seconds kPatience{2};      // that a picture waits for a path to be solved: 0.6 s for ten minutes
constexpr double kFarthest = 1e8;                 // frames: hosts say "infinite" with large numbers

bool is_file(const std::string& path) {
  std::error_code missing;
  return !path.empty() && std::filesystem::is_regular_file(std::filesystem::u8path(path), missing);
}

std::string sequence_remark(const std::string& clip) {
  return "'" + clip + "' is an image sequence, which only the command analyzes: vstab analyze, with #### for the number; "
         "then press Reload";
}

bool belongs(const Row& row, Kind kind) { return kind == Kind::flat ? row.flat : row.sphere; }

const Row& row_of(const std::string& name) {
  return *std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) { return name == row.name; });
}

std::string decimal(double value) {
  std::string text = std::to_string(value);  // six digits, in the host's locale
  std::replace(text.begin(), text.end(), ',', '.');
  return text;
}

double number_of(const std::string& text) {
  std::istringstream words(text);
  words.imbue(std::locale::classic());  // the host's locale may want a comma
  double value = 0;
  words >> value;
  return value;
}

}  // namespace

Instance::Instance(const Suites& suites, ClipStore& clips, Kind kind, ImageEffect effect)
    : suites_(suites), clips_(clips), kind_(kind), effect_(effect), parameters_(suites, effect),
      job_(std::make_unique<Job>()) {}

Instance::Paths Instance::paths(double time) const {
  PropertySet set = nullptr;
  Paths paths;
  if (suites_.effect->getPropertySet(effect_, &set) == kOk) {
    paths.host_clip = Properties(suites_, set).text("OfxImageEffectPropSrcFilePath").value_or("");
  }
  paths.sidecar = parameters_.text(param::kSidecar, time);
  paths.clip = parameters_.text(param::kClip, time);
  return paths;
}

// The clip that is to be analyzed; empty where nobody knows.
std::string Instance::clip_path(const Paths& paths) {
  if (!paths.host_clip.empty()) return paths.host_clip;
  if (!paths.clip.empty() || paths.sidecar.empty()) return paths.clip;
  std::string notice;
  const auto clip = clip_of(paths, notice);
  if (!clip) return "";
  const auto named = std::filesystem::u8path(clip->path).replace_filename(std::filesystem::u8path(clip->sidecar.source_name));
  return is_file(named.u8string()) ? named.u8string() : "";
}

// The sidecar to read, or to write where there is none yet; empty where nothing says where.
std::string Instance::sidecar_path(const Paths& paths) {
  // A sidecar that is not where the project says has been moved along with its clip.
  for (const std::string& path : {paths.sidecar, beside(paths.host_clip), beside(paths.clip)}) {
    if (is_file(path)) return path;
  }
  for (const std::string& path : {paths.sidecar, beside(paths.host_clip), beside(paths.clip)}) {
    if (!path.empty()) return path;
  }
  return "";
}

std::shared_ptr<const Clip> Instance::load(const Paths& paths) {
  const std::string path = sidecar_path(paths);
  if (path.empty()) throw Refusal{"vstab: press analyze", "no sidecar is given; press Analyze, or give the path of one"};
  for (const std::string& clip : {paths.host_clip, paths.clip}) {
    if (is_sequence(clip) && !is_file(path)) throw Refusal{"vstab: analyze with the command", sequence_remark(clip)};
  }
  return clips_.open(path, kind_);
}

// The sidecar; where there is none, why. Reads it only when it may be another one than before.
std::shared_ptr<const Clip> Instance::clip_of(const Paths& paths, std::string& notice) {
  const unsigned finished = job_->progress().finished;
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  const bool same = tried_ && *tried_ == paths && tried_after_ == finished;
  if (!same || (!clip_ && now - tried_at_ >= kRetry)) {
    tried_ = paths;
    tried_at_ = now;
    tried_after_ = finished;
    clip_.reset();
    const std::string told = log_;
    try {
      clip_ = load(paths);
      refusal_.clear();
      log_.clear();
    } catch (const Refusal& refusal) {
      refusal_ = refusal.notice;
      log_ = refusal.log;
      if (log_ != told) log(log_);
    }
  }
  notice = refusal_;
  return clip_;
}

void Instance::forget() {
  const std::lock_guard lock(mutex_);
  tried_.reset();
}

// How many frames after the clip's first a time is, and the host's frames a second (0: not said).
double Instance::frame_number(double time, const Properties& in, double& rate) const {
  ImageClip handle = nullptr;
  PropertySet set = nullptr;
  double first = 0;
  rate = 0;
  if (suites_.effect->clipGetHandle(effect_, "Source", &handle, &set) == kOk && set != nullptr) {
    const Properties clip(suites_, set);
    rate = clip.number("OfxImageEffectPropFrameRate").value_or(0);
    const auto from = clip.number("OfxImageEffectPropFrameRange", 0);
    if (from && std::abs(*from) < kFarthest) first = *from;
  }
  if (const auto source = in.integer("OfxImageEffectPropSrcFrame")) return *source;
  return time - first;
}

Instance::Plan Instance::plan(double time, const Properties& in) {
  job_->await_smooth(kPatience);
  Plan plan;
  const Paths where = paths(time);
  plan.fitted = in.integer("OfxImageEffectPropSrcFrame").has_value();
  plan.clip = clip_of(where, plan.notice);
  const Progress progress = job_->progress();
  if (!plan.clip) {
    if (progress.busy && progress.task == Task::analyze) {
      plan.notice = "vstab: analyzing";
      if (progress.frames > 0) plan.notice += " " + std::to_string(progress.frame) + " of " + std::to_string(progress.frames);
    } else if (progress.finished > 0 && !progress.message.empty()) {
      plan.notice = "vstab: analysis failed";
    }
    return plan;
  }
  plan.filter = filter_of(choice(row_of("interpolation"), time));
  double rate = 0;
  const double number = frame_number(time, in, rate) + parameters_.number(param::kOffset, time);
  plan.frame = frame_at(plan.clip->sidecar, plan.clip->even, number, rate);
  if (!plan.frame) plan.notice = "vstab: frame not analyzed";
  return plan;
}

Status Instance::render(const Properties& in) {
  const double time = in.number("OfxPropTime").value_or(0);
  const std::string field = in.text("OfxImageEffectPropFieldToRender").value_or("OfxFieldNone");
  if (field == "OfxFieldLower" || field == "OfxFieldUpper") {
    throw Failure{kFailed, "single fields cannot be stabilized; deinterlace the clip first"};
  }
  const Picture output(suites_, effect_, "Output", time);
  const Picture source(suites_, effect_, "Source", time);
  if (source.depth() != output.depth() || source.channels() != output.channels()) {
    throw Failure{kErrImageFormat, "source and output differ in depth or components"};
  }
  Box window{in.integer("OfxImageEffectPropRenderWindow", 0).value_or(0),
             in.integer("OfxImageEffectPropRenderWindow", 1).value_or(0),
             in.integer("OfxImageEffectPropRenderWindow", 2).value_or(0),
             in.integer("OfxImageEffectPropRenderWindow", 3).value_or(0)};
  window = overlap(window, output.bounds());
  if (window.empty()) return kOk;
  if (source.frame().empty()) throw Failure{kFailed, "the source has no pixels"};
  const Shot shot{suites_, effect_, source, output, window};
  const Plan plan = this->plan(time, in);
  if (suites_.effect->abort(effect_) != 0) return kOk;
  if (plan.notice.empty()) {
    try {
      warp(shot, *plan.clip, *plan.frame, plan.filter, plan.fitted);
      return kOk;
    } catch (const Refusal& refusal) {
      copy(shot);
      notice(shot, refusal.notice);
      return kOk;
    }
  }
  copy(shot);
  notice(shot, plan.notice);
  return kOk;
}

Status Instance::is_identity(const Properties& in, const Properties& out) {
  const double time = in.number("OfxPropTime").value_or(0);
  const Plan plan = this->plan(time, in);
  if (!plan.notice.empty() || !vstab::is_identity(plan.clip->sidecar.warp(*plan.frame))) return kReplyDefault;
  out.set("OfxPropName", "Source");
  out.set("OfxPropTime", time);
  return kOk;
}

// The output covers what the source covers.
Status Instance::region_of_definition(const Properties& in, const Properties& out) {
  return source_region(in, "OfxImageEffectPropRegionOfDefinition", out);
}

// Any pixel of the output may come from any of the source.
Status Instance::regions_of_interest(const Properties& in, const Properties& out) {
  return source_region(in, "OfxImageClipPropRoI_Source", out);
}

// Sets a property of four numbers to where the source has a picture.
Status Instance::source_region(const Properties& in, const char* name, const Properties& out) {
  ImageClip source = nullptr;
  RectD region{};
  if (suites_.effect->clipGetHandle(effect_, "Source", &source, nullptr) != kOk ||
      suites_.effect->clipGetRegionOfDefinition(source, in.number("OfxPropTime").value_or(0), &region) != kOk) {
    return kReplyDefault;
  }
  const double sides[] = {region.x1, region.y1, region.x2, region.y2};
  for (int i = 0; i < 4; ++i) out.set(name, sides[i], i);
  return kOk;
}

Status Instance::changed(const Properties& in) {
  const double time = in.number("OfxPropTime").value_or(0);
  if (in.text("OfxPropChangeReason").value_or("") != "OfxChangeUserEdited") return kReplyDefault;
  if (in.text("OfxPropType").value_or("") != "OfxTypeParameter") return kReplyDefault;
  const std::string name = in.text("OfxPropName").value_or("");
  complaint_.clear();
  if (name == param::kAnalyze) {
    start_analysis(time);
  } else if (name == param::kCancel) {
    job_->cancel();
  } else if (name == param::kReload || name == param::kSidecar || name == param::kClip) {
    forget();
    take_over_parameters(time);
  } else {
    const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return name == r.name; });
    if (row == std::end(kRows) || row->stage != Stage::smooth) return kReplyDefault;
    start_smooth(time);
  }
  show_status(time, name == param::kReload || name == param::kAnalyze);
  return kOk;
}

// The word that a choice stands at.
std::string Instance::choice(const Row& row, double time) const {
  int count = 0;
  while (row.choices[count] != nullptr) ++count;
  return row.choices[std::clamp(parameters_.integer(row.name, time), 0, count - 1)];
}

// The value of each parameter of the table on the command line.
void Instance::add_parameters(double time, bool analyzing, std::vector<std::string>& arguments) const {
  for (const Row& row : kRows) {
    if (!belongs(row, kind_) || row.stage == Stage::render || (row.stage == Stage::analyze && !analyzing)) continue;
    std::string value;
    if (row.choices[0] != nullptr) {
      value = choice(row, time);
    } else if (row.text != nullptr) {
      value = parameters_.text(row.name, time);
    } else if (row.whole) {
      value = std::to_string(parameters_.integer(row.name, time));
    } else {
      value = decimal(parameters_.number(row.name, time));
    }
    std::string flag = row.name;
    std::replace(flag.begin(), flag.end(), '_', '-');
    arguments.push_back("--" + flag + "=" + value);  // with "=", as a value may begin with a minus
  }
  arguments.insert(arguments.end(), {"--progress", "json"});
}

void Instance::start_analysis(double time) {
  const Paths where = paths(time);
  const std::string command = find_command(), clip = clip_path(where);
  if (command.empty()) {
    complaint_ = "the command vstab is not found; install it (pip install vstab), then run: vstab doctor --install-ofx";
  } else if (clip.empty()) {
    complaint_ = "this host does not say which file the clip is; give its path as Clip";
  } else if (is_sequence(clip)) {
    complaint_ = sequence_remark(clip);
  } else if (!is_file(clip)) {
    complaint_ = "there is no file '" + clip + "'; give the path of the clip as Clip";
  }
  if (!complaint_.empty()) return;
  const std::string sidecar = where.sidecar.empty() ? beside(clip) : where.sidecar;
  std::vector<std::string> arguments{command, "analyze", clip, "-o", sidecar, "--overwrite", "--projection",
                                     kind_ == Kind::flat ? "rectilinear" : "equirect"};
  add_parameters(time, true, arguments);
  job_->start({Task::analyze, std::move(arguments)});
}

void Instance::start_smooth(double time) {
  const std::string sidecar = sidecar_path(paths(time));
  if (!is_file(sidecar)) return;  // nothing is measured yet; Analyze will take the new value
  const std::string command = find_command();
  if (command.empty()) {
    complaint_ = "a new path needs the command vstab, which is not found; run: vstab doctor --install-ofx";
    return;
  }
  std::vector<std::string> arguments{command, "smooth", sidecar};
  add_parameters(time, false, arguments);
  job_->start({Task::smooth, std::move(arguments)});
}

// The panel shows what the sidecar was made with.
void Instance::take_over_parameters(double time) {
  std::string notice;
  const auto clip = clip_of(paths(time), notice);
  if (!clip) return;
  for (const Row& row : kRows) {
    const std::string value = parameter_of(clip->sidecar, row.name, "");
    if (!belongs(row, kind_) || value.empty()) continue;
    if (row.choices[0] != nullptr) {
      for (int i = 0; row.choices[i] != nullptr; ++i) {
        if (value == row.choices[i]) parameters_.set(row.name, i);
      }
    } else if (row.text != nullptr) {
      parameters_.set(row.name, value);
    } else if (row.whole) {
      parameters_.set(row.name, std::atoi(value.c_str()));
    } else {
      parameters_.set(row.name, number_of(value));
    }
  }
}

std::string Instance::status_line(double time) {
  if (!complaint_.empty()) return complaint_;
  const Progress progress = job_->progress();
  if (progress.busy) {
    const std::string what = progress.task == Task::analyze ? "analyzing" : "solving the path";
    if (progress.frames == 0) return what;
    return what + ": " + progress.stage + " " + std::to_string(progress.frame) + " of " + std::to_string(progress.frames);
  }
  if (progress.finished > 0 && !progress.message.empty()) return progress.message;
  std::string notice;
  const auto clip = clip_of(paths(time), notice);
  if (clip) return "shows " + clip->path + ", " + std::to_string(clip->sidecar.frames()) + " frames";
  const std::lock_guard lock(mutex_);
  return log_;
}

// `redraw`: the host is to forget what it has rendered.
void Instance::show_status(double time, bool redraw) {
  parameters_.set(param::kStatus, status_line(time));
  if (redraw) parameters_.set(param::kRevision, (parameters_.integer(param::kRevision, time) + 1) % 1000000);
  if (!complaint_.empty() && suites_.message != nullptr) {
    suites_.message->message(effect_, "OfxMessageError", "", "%s", ("vstab: " + complaint_).c_str());
  }
}

}  // namespace vstab::ofx
