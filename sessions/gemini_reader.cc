#include "sessions/gemini_reader.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "sessions/bounded_json.h"
#include "sessions/claude_lines.h"
#include "sessions/json_fields.h"

namespace agent_exporter::sessions {
namespace {

constexpr size_t kMostProjectsBytes = 1 << 20;
constexpr size_t kMostFiles = 20;
constexpr size_t kMostMetas = 200;
constexpr size_t kLongestMetaLine = 64 << 10;
constexpr size_t kLongestWhole = 16 << 20;
constexpr double kRecordingSlack = 2;
// From the start of the process to that of its recording.
constexpr double kStartSeconds = 60;

std::string ReadStart(const base::OpenFile& file, size_t most) {
  std::string text(most, '\0');
  size_t have = 0;
  while (have < most) {
    const ssize_t got =
        ::pread(file.descriptor.get(), text.data() + have, most - have, static_cast<off_t>(have));
    if (got <= 0) break;
    have += static_cast<size_t>(got);
  }
  text.resize(have);
  return text;
}

}  // namespace

absl::StatusOr<base::Descriptor> GeminiReader::OpenHome(const SessionProcess& process) const {
  const bool gemini = kind_ == Kind::kGemini;
  if (!gemini) {
    const std::string own = PathVariable(process, "QWEN_HOME");
    if (!own.empty()) return OpenAsSeen(process, own);
  }
  const std::string moved = gemini ? PathVariable(process, "GEMINI_CLI_HOME") : "";
  const auto home = OpenAsSeen(process, moved.empty() ? process.home : moved);
  if (!home.ok()) return home.status();
  return OpenBelow(*home, {gemini ? ".gemini" : ".qwen"});
}

// Where the recordings of the process' folder may be.
std::vector<base::Descriptor> GeminiReader::ChatFolders(const SessionProcess& process,
                                                        const base::Descriptor& home) const {
  std::vector<base::Descriptor> folders;
  const auto add = [&](const char* parent, const std::string& name) {
    if (!IsPlainName(name) && name != ClaudeProjectFolders(process.cwd).front()) return;
    auto folder = OpenBelow(home, {parent, name, "chats"});
    if (folder.ok()) folders.push_back(*std::move(folder));
  };
  if (kind_ == Kind::kQwen) add("projects", ClaudeProjectFolders(process.cwd).front());
  add("tmp", Sha256Hex(process.cwd));
  if (kind_ == Kind::kGemini) {
    const auto registry = ReadOwn(process, home, "projects.json", kMostProjectsBytes);
    if (registry.ok()) {
      const nlohmann::json parsed = ParseBoundedJson(*registry);
      const nlohmann::json* projects = Field(parsed, "projects");
      if (projects != nullptr) add("tmp", std::string(TextField(*projects, process.cwd.c_str())));
    }
  }
  return folders;
}

bool GeminiReader::IsOf(const SessionProcess& process, const base::OpenFile& file, const std::string& name) {
  if (metas_.size() > kMostMetas) metas_.clear();
  auto known = metas_.find(name);
  if (known == metas_.end()) {
    std::string start = ReadStart(file, kLongestMetaLine);
    const size_t end = start.find('\n');
    std::optional<GeminiMeta> meta;
    if (end != std::string::npos) meta = ParseGeminiMeta(std::string_view(start).substr(0, end));
    // An older recording is one object.
    if (!meta && name.ends_with(".json") && static_cast<uint64_t>(file.stat.st_size) <= kLongestWhole) {
      meta = ParseGeminiMeta(ReadStart(file, kLongestWhole));
    }
    if (!meta && end == std::string::npos) return false;  // its first line is being written
    known = metas_.emplace(name, std::move(meta)).first;
  }
  const std::optional<GeminiMeta>& meta = known->second;
  if (!meta || meta->subagent || meta->project_hash != Sha256Hex(process.cwd)) return false;
  if (process.alone) return true;
  return meta->started && *meta->started >= process.start_seconds - kRecordingSlack &&
         *meta->started <= process.start_seconds + kStartSeconds;
}

std::optional<GeminiReader::Recording> GeminiReader::FindRecording(const SessionProcess& process) {
  const auto home = OpenHome(process);
  if (!home.ok()) return std::nullopt;
  for (base::Descriptor& folder : ChatFolders(process, *home)) {
    const auto wanted = [this](std::string_view name) {
      if (kind_ == Kind::kQwen && name.ends_with(".jsonl")) return true;
      return name.starts_with("session-") && (name.ends_with(".jsonl") || name.ends_with(".json"));
    };
    for (const FoundFile& found : FindOwn(process, folder, kMostFiles, wanted)) {
      if (found.written < process.start_seconds - kRecordingSlack) break;
      const auto file = OpenOwn(process, folder, found.name);
      if (!file.ok()) continue;
      const bool recording = found.name.starts_with("session-");
      if (recording ? !IsOf(process, *file, found.name) : !process.alone) continue;
      return Recording{std::move(folder), found.name};
    }
  }
  return std::nullopt;
}

absl::Status GeminiReader::Follow(const base::OpenFile& file, uint64_t* bytes) {
  if (followed_.ends_with(".json")) {
    const auto size = static_cast<uint64_t>(file.stat.st_size);
    if (size > kLongestWhole) return absl::ResourceExhaustedError("a recording that is too long");
    tally_.Restart();
    lines_.Restart();
    lines_.TakeWhole(ReadStart(file, size));
    return absl::OkStatus();
  }
  return follower_.Poll(
      file, bytes,
      [this] {
        tally_.Restart();
        lines_.Restart();
      },
      [this](std::optional<std::string_view> line) { lines_.Take(line); });
}

absl::StatusOr<SessionState> GeminiReader::Read(const SessionProcess& process, uint64_t* bytes) {
  const std::optional<Recording> recording = FindRecording(process);
  if (!recording) return absl::NotFoundError("no recording of this process");
  const auto file = OpenOwn(process, recording->folder, recording->name);
  if (!file.ok()) return file.status();
  followed_ = recording->name;
  if (absl::Status status = Follow(*file, bytes); !status.ok()) return status;
  SessionState state;
  const bool whole_file = followed_.ends_with(".json");
  if (whole_file || follower_.at_end()) {  // half a file tells of the past
    state = lines_.State();
    if (whole_file || follower_.whole()) state.tokens = tally_.total();
  }
  state.fresh = tally_.TakeFresh();
  state.progress = whole_file ? static_cast<uint64_t>(file->stat.st_size) : follower_.offset();
  if (const auto window = ConfiguredWindow(options_, state.model.value_or(""))) state.context_window = window;
  return state;
}

}  // namespace agent_exporter::sessions
