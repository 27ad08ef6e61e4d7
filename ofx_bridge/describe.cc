#include "describe.h"

#include "parameters.h"

namespace vstab::ofx {
namespace {

constexpr const char* kAdvanced = "advanced";  // a group

class Page {
 public:
  Page(const Suites& suites, ImageEffect effect) : suites_(suites) {
    if (suites.effect->getParamSet(effect, &set_) != kOk) throw Failure{kFailed, "the host gives no parameters"};
  }

  Properties add(const char* type, const char* name, const char* label, const char* hint) const {
    PropertySet set = nullptr;
    const Status status = suites_.parameter->define(set_, type, name, &set);
    if (status != kOk || set == nullptr) {
      throw Failure{kFailed, std::string("the host does not take parameter ") + name + " (" + std::to_string(status) + ")"};
    }
    const Properties properties(suites_, set);
    properties.set("OfxPropLabel", label);
    properties.set("OfxParamPropScriptName", name);
    properties.set("OfxParamPropHint", hint);
    return properties;
  }

  // A parameter with a value. None is animated: the path is solved for the clip as a whole.
  Properties add_value(const char* type, const char* name, const char* label, const char* hint) const {
    const Properties properties = add(type, name, label, hint);
    properties.set("OfxParamPropAnimates", 0);
    return properties;
  }

  Properties add_text(const char* name, const char* label, const char* mode, const char* hint) const {
    const Properties text = add_value("OfxParamTypeString", name, label, hint);
    text.set("OfxParamPropStringMode", mode);
    if (std::string(mode) == "OfxParamStringIsFilePath") text.set("OfxParamPropStringFilePathExists", 0);
    text.set("OfxParamPropDefault", "");
    return text;
  }

  void add_row(const Row& row) const {
    const Properties properties =
        add_value(row.choices[0] != nullptr ? "OfxParamTypeChoice"
                  : row.text != nullptr     ? "OfxParamTypeString"
                  : row.whole               ? "OfxParamTypeInteger"
                                            : "OfxParamTypeDouble",
                  row.name, row.label, row.hint);
    if (row.advanced) properties.set("OfxParamPropParent", kAdvanced);
    if (row.choices[0] != nullptr) {
      for (int i = 0; row.choices[i] != nullptr; ++i) properties.set("OfxParamPropChoiceOption", row.choices[i], i);
      properties.set("OfxParamPropDefault", row.choice);
    } else if (row.text != nullptr) {
      properties.set("OfxParamPropStringMode", "OfxParamStringIsSingleLine");
      properties.set("OfxParamPropDefault", row.text);
    } else if (row.whole) {
      set_range(properties, static_cast<int>(row.minimum), static_cast<int>(row.maximum), static_cast<int>(row.number));
    } else {
      set_range(properties, row.minimum, row.maximum, row.number);
      properties.set("OfxParamPropDoubleType", "OfxParamDoubleTypePlain");
    }
  }

  template <class Number>
  void set_range(const Properties& properties, Number minimum, Number maximum, Number usual) const {
    properties.set("OfxParamPropDefault", usual);
    for (const char* name : {"OfxParamPropMin", "OfxParamPropDisplayMin"}) properties.set(name, minimum);
    for (const char* name : {"OfxParamPropMax", "OfxParamPropDisplayMax"}) properties.set(name, maximum);
  }

 private:
  const Suites& suites_;
  ParamSet set_ = nullptr;
};

void define_clip(const Suites& suites, ImageEffect effect, const char* name) {
  PropertySet set = nullptr;
  if (suites.effect->clipDefine(effect, name, &set) != kOk) {
    throw Failure{kFailed, std::string("the host does not take clip ") + name};
  }
  const Properties clip(suites, set);
  clip.set("OfxImageEffectPropSupportedComponents", "OfxImageComponentRGBA", 0);
  clip.set("OfxImageEffectPropSupportedComponents", "OfxImageComponentRGB", 1);
  clip.set("OfxImageEffectPropTemporalClipAccess", 0);
  clip.set("OfxImageEffectPropSupportsTiles", 1);
}

}  // namespace

const char* identifier_of(Kind kind) { return kind == Kind::flat ? "vstab.Stabilize" : "vstab.Stabilize360"; }

void describe(const Suites& suites, Kind kind, ImageEffect effect) {
  PropertySet set = nullptr;
  if (suites.effect->getPropertySet(effect, &set) != kOk) throw Failure{kFailed, "the host gives no properties"};
  const Properties properties(suites, set);
  const char* label = kind == Kind::flat ? "vstab Stabilize" : "vstab 360 Stabilize";
  for (const char* name : {"OfxPropLabel", "OfxPropShortLabel", "OfxPropLongLabel"}) properties.set(name, label);
  properties.set("OfxImageEffectPluginPropGrouping", "vstab");
  properties.set("OfxPropPluginDescription",
                 "Shows a clip stabilized, from the sidecar that Analyze, or the command vstab, has written.");
  properties.set("OfxImageEffectPropSupportedContexts", "OfxImageEffectContextFilter", 0);
  properties.set("OfxImageEffectPropSupportedContexts", "OfxImageEffectContextGeneral", 1);
  properties.set("OfxImageEffectPropSupportedPixelDepths", "OfxBitDepthFloat", 0);
  properties.set("OfxImageEffectPropSupportedPixelDepths", "OfxBitDepthShort", 1);
  properties.set("OfxImageEffectPropSupportedPixelDepths", "OfxBitDepthByte", 2);
  properties.set("OfxImageEffectPluginRenderThreadSafety", "OfxImageEffectRenderFullySafe");
  properties.set("OfxImageEffectPluginPropHostFrameThreading", 0);  // each frame is parted by show.cc
  properties.set("OfxImageEffectPluginPropSingleInstance", 0);
  properties.set("OfxImageEffectPropSupportsMultiResolution", 1);
  properties.set("OfxImageEffectPropSupportsTiles", 1);
  properties.set("OfxImageEffectPropTemporalClipAccess", 0);
  properties.set("OfxImageEffectPluginPropFieldRenderTwiceAlways", 0);
  properties.set("OfxImageEffectPropSupportsMultipleClipPARs", 0);
  properties.set("OfxImageEffectPropMultipleClipDepths", 0);
}

void describe_in_context(const Suites& suites, Kind kind, ImageEffect effect) {
  define_clip(suites, effect, "Source");
  define_clip(suites, effect, "Output");
  const Page page(suites, effect);
  page.add("OfxParamTypePushButton", param::kAnalyze, "Analyze",
           "Measure how the camera moved and write the sidecar, in the background.");
  page.add("OfxParamTypePushButton", param::kCancel, "Cancel", "Stop the analysis.");
  page.add("OfxParamTypePushButton", param::kReload, "Reload", "Read the sidecar again and show how far an analysis is.");
  const Properties status =
      page.add_text(param::kStatus, "Status", "OfxParamStringIsLabel", "What the plug-in last did.");
  status.set("OfxParamPropEvaluateOnChange", 0);
  status.set("OfxParamPropPersistant", 0);
  const Properties revision = page.add_value("OfxParamTypeInteger", param::kRevision, "Revision", "");
  revision.set("OfxParamPropDefault", 0);
  revision.set("OfxParamPropSecret", 1);
  revision.set("OfxParamPropCanUndo", 0);
  revision.set("OfxParamPropCacheInvalidation", "OfxParamInvalidateAll");
  page.add_text(param::kClip, "Clip", "OfxParamStringIsFilePath",
                "The file that Analyze reads; only for hosts that do not tell it.");
  page.add_text(param::kSidecar, "Sidecar", "OfxParamStringIsFilePath",
                "The file that the command vstab analyze, or Analyze, writes; empty: clip.vstab beside the clip.");
  for (const Row& row : kRows) {
    if ((kind == Kind::flat ? row.flat : row.sphere) && !row.advanced) page.add_row(row);
  }
  page.add("OfxParamTypeGroup", kAdvanced, "Advanced", "").set("OfxParamPropGroupOpen", 0);
  for (const Row& row : kRows) {
    if ((kind == Kind::flat ? row.flat : row.sphere) && row.advanced) page.add_row(row);
  }
  const Properties offset = page.add_value("OfxParamTypeDouble", param::kOffset, "Offset",
                                           "Frames that the host's clip begins later than the analyzed one.");
  offset.set("OfxParamPropDoubleType", "OfxParamDoubleTypePlain");
  offset.set("OfxParamPropParent", kAdvanced);
  page.set_range(offset, -1e6, 1e6, 0.0);
  offset.set("OfxParamPropDisplayMin", -100.0);
  offset.set("OfxParamPropDisplayMax", 100.0);
}

}  // namespace vstab::ofx
