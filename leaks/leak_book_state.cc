// Saves and loads a LeakBook.

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agents/resource_names.h"
#include "base/bytes.h"
#include "base/fnv1a.h"
#include "leaks/leak_book.h"

namespace agent_exporter::leaks {
namespace {

// The first line of a saved book, with its version. Load rejects other versions, so increment it with any
// change to the format or its meaning.
constexpr std::string_view kMagic = "agent_exporter leak state ";
constexpr std::string_view kVersion = "4\n";
// The kernel's boot time changes when the wall clock is set.
constexpr double kSameBootSeconds = 600;

absl::string_view Word(std::string_view line) { return {line.data(), line.size() - 1}; }

absl::Status Alien() { return absl::InvalidArgumentError("not a leak state, or a damaged one"); }

void SaveProcess(const kernel::ProcessKey& process, base::ByteWriter& out) {
  out.I64(process.pid);
  out.U64(process.start_ticks);
}

kernel::ProcessKey LoadProcess(base::ByteReader& in) {
  kernel::ProcessKey process;
  process.pid = static_cast<pid_t>(in.I64());
  process.start_ticks = in.U64();
  return process;
}

}  // namespace

std::string LeakBook::Save(double boot_time) const {
  base::ByteWriter out;
  out.Raw(kMagic);
  out.Raw(kVersion);
  out.F64(boot_time);
  const auto save = [&out](const Key& key, const LeakDetector& detector) {
    SaveProcess(key.holder, out);
    out.Text(Name(key.scope));
    out.Text(Name(key.resource));
    out.U64(key.series);
    detector.Save(out);
  };
  out.U32(static_cast<uint32_t>(entries_.size()));
  for (const auto& [name, entry] : entries_) {
    out.Text(name);
    out.U32(static_cast<uint32_t>(entry.roots.size()));
    for (const kernel::ProcessKey& root : entry.roots) SaveProcess(root, out);
    out.U32(static_cast<uint32_t>(entry.figures.size()));
    for (const auto& [key, figure] : entry.figures) {
      save(key, figure.detector);
      out.F64(figure.seen);
    }
    out.U32(static_cast<uint32_t>(entry.inherited.size()));
    for (const auto& [key, detector] : entry.inherited) save(key, detector);
  }
  out.U64(base::Fnv1a(out.bytes()));
  return out.bytes();
}

absl::Status LeakBook::Load(std::string_view saved, double boot_time) {
  const size_t line_end = saved.find('\n');
  if (!saved.starts_with(kMagic) || line_end == std::string_view::npos) return Alien();
  const std::string_view version = saved.substr(kMagic.size(), line_end - kMagic.size() + 1);
  if (version != kVersion && version.size() <= 10) {
    return absl::FailedPreconditionError(
        absl::StrCat("it has version ", Word(version), "; this program reads version ", Word(kVersion)));
  }
  constexpr size_t kSumBytes = 8;
  if (version != kVersion || saved.size() < kSumBytes) return Alien();
  base::ByteReader sum(saved.substr(saved.size() - kSumBytes));
  saved.remove_suffix(kSumBytes);
  if (sum.U64() != base::Fnv1a(saved)) return Alien();

  base::ByteReader in(saved.substr(kMagic.size() + kVersion.size()));
  const auto load = [&in](Key& key, LeakDetector& detector) {
    key.holder = LoadProcess(in);
    const auto scope = agents::ScopeNamed(in.Text());
    const auto resource = agents::ResourceNamed(in.Text());
    key.series = in.U64();
    if (!scope || !resource || !detector.Load(in)) return false;
    key.scope = *scope;
    key.resource = *resource;
    return true;
  };
  const double saved_boot_time = in.F64();
  const uint32_t count = in.U32();
  std::map<std::string, Entry> entries;
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    Entry& entry = entries[in.Text()];
    for (uint32_t left = in.U32(); left > 0 && in.ok(); --left) entry.roots.push_back(LoadProcess(in));
    Key key;
    for (uint32_t left = in.U32(); left > 0 && in.ok(); --left) {
      Figure figure(0.0);
      if (!load(key, figure.detector)) return Alien();
      figure.seen = in.F64();
      entry.figures.emplace(key, std::move(figure));
    }
    for (uint32_t left = in.U32(); left > 0 && in.ok(); --left) {
      LeakDetector detector(0);
      if (!load(key, detector)) return Alien();
      entry.inherited.emplace(key, detector);
    }
  }
  if (!in.ok() || !in.at_end()) return Alien();
  if (std::abs(saved_boot_time - boot_time) > kSameBootSeconds) entries.clear();
  entries_ = std::move(entries);
  return absl::OkStatus();
}

}  // namespace agent_exporter::leaks
