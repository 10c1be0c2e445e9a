#include "formats/formats.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "formats/family_groups.h"
#include "formats/text_writer.h"

namespace agent_exporter::formats {
namespace {

using ::prometheus::ClientMetric;
using ::prometheus::MetricFamily;
using ::prometheus::MetricType;

void WriteHeader(std::string_view keyword, std::string_view name, std::string_view text, std::string* out) {
  out->append("# ").append(keyword).append(" ").append(name).append(" ").append(text).append("\n");
}

// The sorted, escaped labels of a sample. Equal for two samples that Prometheus treats as one series.
// Prometheus treats an empty value as no label.
std::vector<std::string> SeriesIdentity(const ClientMetric& metric) {
  std::vector<std::string> labels;
  for (const ClientMetric::Label& label : metric.label) {
    if (label.value.empty()) continue;
    std::string& text = labels.emplace_back(label.name + "=");
    AppendEscaped(label.value, Escape::kNewlineAndQuote, &text);
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

// Writes the samples of one group.
class SampleWriter {
 public:
  SampleWriter(Format format, const FamilyGroup& group, std::string* out)
      : format_(format), group_(group), out_(out) {
    if (group.type == MetricType::Histogram) own_label_ = "le";
    if (group.type == MetricType::Summary) own_label_ = "quantile";
  }

  // False if the group is not legal; the caller must then remove what was written.
  bool WriteAll() {
    std::size_t count = 0;
    for (const MetricFamily* part : group_.parts) count += part->metric.size();
    if (count > 1) seen_.reserve(count);
    for (const MetricFamily* part : group_.parts) {
      for (const ClientMetric& metric : part->metric) {
        if (!PrepareLabels(metric)) return false;
        if (count > 1 && IsDuplicate(metric)) {
          duplicates_ = true;
        } else if (!Write(metric)) {
          return false;
        }
      }
    }
    return true;
  }

  bool duplicates() const { return duplicates_; }

 private:
  // Fills labels_ and hash_, which does not depend on the order of the labels. False if a label name is not
  // legal.
  bool PrepareLabels(const ClientMetric& metric) {
    labels_.clear();
    hash_ = 0;
    if (!HasCheckedNames(metric) && !CheckNames(metric)) return false;
    for (std::size_t i = 0; i < metric.label.size(); ++i) {
      const ClientMetric::Label& label = metric.label[i];
      if (i > 0) labels_.push_back(',');
      const std::size_t begin = labels_.size();
      labels_.append(label.name).append("=\"");
      AppendEscaped(label.value, Escape::kNewlineAndQuote, &labels_);
      labels_.push_back('"');
      if (!label.value.empty()) {
        hash_ += absl::Hash<absl::string_view>()(absl::string_view(labels_).substr(begin));
      }
    }
    return true;
  }

  // Nearly always true: the samples of a family have the same label names in the same order, so we check them
  // once.
  bool HasCheckedNames(const ClientMetric& metric) const {
    return std::equal(
        metric.label.begin(), metric.label.end(), names_.begin(), names_.end(),
        [](const ClientMetric::Label& label, std::string_view name) { return label.name == name; });
  }

  // False if a label name is not legal.
  bool CheckNames(const ClientMetric& metric) {
    names_.clear();
    for (const ClientMetric::Label& label : metric.label) {
      const bool repeated = std::find(names_.begin(), names_.end(), label.name) != names_.end();
      if (repeated || !IsLabelName(label.name) || label.name == own_label_) return false;
      names_.push_back(label.name);
    }
    return true;
  }

  bool IsDuplicate(const ClientMetric& metric) {
    const auto [it, is_new] = seen_.try_emplace(hash_, &metric);
    return !is_new && SeriesIdentity(*it->second) == SeriesIdentity(metric);
  }

  bool Write(const ClientMetric& metric) {
    switch (group_.type) {
      case MetricType::Counter:
        Value("", metric.counter.value, metric);
        return true;
      case MetricType::Gauge:
        Value("", metric.gauge.value, metric);
        return true;
      case MetricType::Untyped:
        Value("", metric.untyped.value, metric);
        return true;
      case MetricType::Summary:
        WriteSummary(metric);
        return true;
      case MetricType::Histogram:
        return WriteHistogram(metric);
    }
    return false;
  }

  void WriteSummary(const ClientMetric& metric) {
    for (const ClientMetric::Quantile& quantile : metric.summary.quantile) {
      StartWithOwnLabel("", quantile.quantile);
      AppendNumber(quantile.value, out_);
      Finish(metric);
    }
    Value("_sum", metric.summary.sample_sum, metric);
    Count("_count", metric.summary.sample_count, metric);
  }

  // False unless bounds and counts of the buckets rise. The +Inf bucket is always written, with the sample
  // count.
  bool WriteHistogram(const ClientMetric& metric) {
    const ClientMetric::Histogram& histogram = metric.histogram;
    double bound = -std::numeric_limits<double>::infinity();
    std::uint64_t below = 0;
    for (const ClientMetric::Bucket& bucket : histogram.bucket) {
      const bool ordered = bucket.upper_bound > bound && bucket.cumulative_count >= below &&
                           bucket.cumulative_count <= histogram.sample_count;
      if (!ordered) return false;
      bound = bucket.upper_bound;
      below = bucket.cumulative_count;
      if (!std::isinf(bound)) Bucket(bound, below, metric);
    }
    Bucket(std::numeric_limits<double>::infinity(), histogram.sample_count, metric);
    Value("_sum", histogram.sample_sum, metric);
    Count("_count", histogram.sample_count, metric);
    return true;
  }

  void Bucket(double bound, std::uint64_t count, const ClientMetric& metric) {
    StartWithOwnLabel("_bucket", bound);
    AppendInteger(count, out_);
    Finish(metric);
  }

  void Value(std::string_view suffix, double value, const ClientMetric& metric) {
    Start(suffix);
    AppendNumber(value, out_);
    Finish(metric);
  }

  void Count(std::string_view suffix, std::uint64_t value, const ClientMetric& metric) {
    Start(suffix);
    AppendInteger(value, out_);
    Finish(metric);
  }

  void Start(std::string_view suffix) {
    out_->append(group_.name).append(suffix);
    if (!labels_.empty()) {
      out_->push_back('{');
      out_->append(labels_).push_back('}');
    }
    out_->push_back(' ');
  }

  void StartWithOwnLabel(std::string_view suffix, double value) {
    out_->append(group_.name).append(suffix).push_back('{');
    if (!labels_.empty()) out_->append(labels_).push_back(',');
    out_->append(own_label_).append("=\"");
    AppendCanonicalFloat(value, out_);
    out_->append("\"} ");
  }

  void Finish(const ClientMetric& metric) {
    if (metric.timestamp_ms != 0) {
      out_->push_back(' ');
      if (format_ == Format::kOpenMetrics) {
        AppendMillisecondsAsSeconds(metric.timestamp_ms, out_);
      } else {
        AppendMilliseconds(metric.timestamp_ms, out_);
      }
    }
    out_->push_back('\n');
  }

  const Format format_;
  const FamilyGroup& group_;
  std::string* const out_;
  std::string_view own_label_;           // the label that this type adds: le or quantile
  std::vector<std::string_view> names_;  // label names that were last checked
  std::string labels_;                   // of the current sample, escaped, without braces
  std::uint64_t hash_ = 0;
  absl::flat_hash_map<std::uint64_t, const ClientMetric*> seen_;
  bool duplicates_ = false;
};

// Estimates the size of the output from the first sample of each family. Without a reserve the string would
// be copied several times as it grows.
std::size_t EstimatedSize(const std::vector<FamilyGroup>& groups) {
  constexpr std::size_t kPunctuation = 4, kValue = 20;
  std::size_t size = 0;
  for (const FamilyGroup& group : groups) {
    for (const MetricFamily* part : group.parts) {
      if (part->metric.empty()) continue;
      std::size_t sample = group.name.size() + kValue;
      for (const ClientMetric::Label& label : part->metric.front().label) {
        sample += label.name.size() + label.value.size() + kPunctuation;
      }
      size += sample * part->metric.size();
    }
  }
  return size;
}

}  // namespace

void Serialize(Format format, const std::vector<MetricFamily>& families, std::string* out,
               std::vector<std::string>* dropped) {
  std::vector<FamilyGroup> groups = MergeFamilies(families);
  absl::flat_hash_set<std::string> names = ClaimNames(&groups);
  out->reserve(out->size() + EstimatedSize(groups));
  for (const FamilyGroup& group : groups) {
    const std::size_t start = out->size();
    bool clean = group.legal;
    if (group.legal) {
      Declaration declaration = {group.name, TypeName(group.type, Format::kText), {}};
      if (format == Format::kOpenMetrics) declaration = DeclareOpenMetrics(group, &names);
      if (!group.help.empty()) {
        std::string help;
        AppendEscaped(group.help,
                      format == Format::kOpenMetrics ? Escape::kNewlineAndQuote : Escape::kNewline, &help);
        WriteHeader("HELP", declaration.name, help, out);
      }
      WriteHeader("TYPE", declaration.name, declaration.type, out);
      if (!declaration.unit.empty()) WriteHeader("UNIT", declaration.name, declaration.unit, out);
      SampleWriter writer(format, group, out);
      clean = writer.WriteAll();
      if (!clean) out->resize(start);
      clean = clean && !writer.duplicates();
    }
    if (!clean && dropped != nullptr) dropped->push_back(group.parts.front()->name);
  }
  if (format == Format::kOpenMetrics) out->append("# EOF\n");
}

}  // namespace agent_exporter::formats
