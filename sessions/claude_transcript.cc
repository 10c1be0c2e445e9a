#include "sessions/claude_transcript.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "base/label_value.h"
#include "sessions/bounded_json.h"

namespace agent_exporter::sessions {
namespace {

using nlohmann::json;

// No context is larger; a bigger number is invalid.
constexpr uint64_t kMaxTokens = 1'000'000'000;
constexpr size_t kMaxErrorBytes = 2048;
// How many bytes to read for the recent actions once everything else is known.
constexpr uint64_t kActionBytes = 256 << 10;

const json* Member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// The string in a member, or "" if it is not a string.
std::string_view Text(const json& object, const char* key) {
  const json* member = Member(object, key);
  return member != nullptr && member->is_string() ? std::string_view(member->get_ref<const std::string&>())
                                                  : std::string_view();
}

bool IsTrue(const json& object, const char* key) {
  const json* member = Member(object, key);
  return member != nullptr && member->is_boolean() && member->get<bool>();
}

// A missing optional key is 0: not every version writes all three.
std::optional<uint64_t> Tokens(const json& usage, const char* key, bool required) {
  const json* member = Member(usage, key);
  if (member == nullptr || member->is_null()) return required ? std::nullopt : std::optional<uint64_t>(0);
  if (!member->is_number_unsigned() || member->get<uint64_t>() > kMaxTokens) return std::nullopt;
  return member->get<uint64_t>();
}

std::optional<uint64_t> ContextTokens(const json& message) {
  const json* usage = Member(message, "usage");
  if (usage == nullptr) return std::nullopt;
  const auto input = Tokens(*usage, "input_tokens", true);
  const auto read = Tokens(*usage, "cache_read_input_tokens", false);
  const auto creation = Tokens(*usage, "cache_creation_input_tokens", false);
  if (!input || !read || !creation) return std::nullopt;
  return *input + *read + *creation;
}

// True for "2026-01-23T17:13:37.849Z", or the same with an offset.
bool IsTimestamp(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kForm.size() || text.size() > 40) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !absl::ascii_isdigit(static_cast<unsigned char>(text[i])) : text[i] != kForm[i])
      return false;
  }
  const size_t zone = text.find_first_not_of(".0123456789", kForm.size());
  if (zone == std::string_view::npos) return false;
  return text.substr(zone) == "Z" ||
         (text.size() == zone + 6 && (text[zone] == '+' || text[zone] == '-') && text[zone + 3] == ':');
}

// Collects the state of a session from its lines, newest first.
class Reader {
 public:
  explicit Reader(ClaudeSession* session) : session_(session) {}

  // False if no more lines are needed.
  bool Visit(const TailLine& line) {
    bytes_ += line.text ? line.text->size() : 0;
    const json parsed = line.text ? ParseBoundedJson(*line.text) : json(json::value_t::discarded);
    if (!parsed.is_object()) {
      // An incomplete last line is still being written.
      if (!line.complete && line.text) return true;
      return false;
    }
    ReadLine(parsed);
    return !(tools_settled_ && context_settled_ &&
             (session_->recent_actions.size() >= kMaxActions || bytes_ > kActionBytes));
  }

  void Finish(bool reached_start) {
    // The running tools are known only if we saw the whole newest answer.
    if (tools_settled_ || (reached_start && answered_)) session_->subagents = subagents_;
  }

 private:
  void ReadLine(const json& line) {
    if (const std::string_view time = Text(line, "timestamp");
        !session_->last_activity && IsTimestamp(time)) {
      session_->last_activity = std::string(time);
    }
    if (IsTrue(line, "isApiErrorMessage")) ReadError(line);
    if (IsTrue(line, "isSidechain")) return;
    const std::string_view type = Text(line, "type");
    if (type == "system" && Text(line, "subtype") == "compact_boundary") {
      context_settled_ = tools_settled_ = true;  // older lines are no longer in the context
    }
    const json* message = Member(line, "message");
    if (message == nullptr || !message->is_object()) return;
    if (type == "user") ReadUserMessage(line, *message);
    if (type == "assistant") ReadAnswer(line, *message);
  }

  // An answer of the program itself, of a subagent's requests as well: "API Error: 529 …".
  void ReadError(const json& line) {
    absl::Time time;
    const std::string_view stamp = Text(line, "timestamp");
    const json* message = Member(line, "message");
    const json* content = message == nullptr ? nullptr : Member(*message, "content");
    if (session_->errors.size() >= kMaxErrors || content == nullptr || !content->is_array() ||
        !absl::ParseTime(absl::RFC3339_full, absl::string_view(stamp.data(), stamp.size()), &time, nullptr)) {
      return;
    }
    for (const json& block : *content) {
      const std::string_view text = Text(block, "text").substr(0, kMaxErrorBytes);
      if (!text.empty()) session_->errors.push_back({absl::ToUnixMillis(time), std::string(text)});
    }
  }

  void ReadUserMessage(const json& line, const json& message) {
    const json* content = Member(message, "content");
    if (content == nullptr) return;
    bool results = false;
    if (content->is_array()) {
      for (const json& block : *content) {
        if (Text(block, "type") != "tool_result") continue;
        results = true;
        results_.emplace(Text(block, "tool_use_id"));
      }
    }
    // A new prompt: all older tool calls have finished or were interrupted.
    if (!results && !IsTrue(line, "isMeta")) tools_settled_ = true;
  }

  void ReadAnswer(const json& line, const json& message) {
    const std::string_view model = Text(message, "model");
    // Claude Code's own error messages look like answers.
    if (model.empty() || model == "<synthetic>") return;
    const std::string id(Text(message, "id"));
    // An answer may have several lines, one per block. Only tools of the newest answer can be running.
    if (answered_ && (id.empty() || id != answer_)) tools_settled_ = true;
    if (!answered_) {
      answered_ = true;
      answer_ = id;
      session_->model = base::LabelValue(model);
    }
    if (!context_settled_) session_->context_tokens = ContextTokens(message);
    context_settled_ = true;
    const json* content = Member(message, "content");
    if (content == nullptr || !content->is_array()) return;
    for (auto block = content->rbegin(); block != content->rend(); ++block) ReadToolUse(line, *block);
  }

  void ReadToolUse(const json& line, const json& block) {
    const std::string_view name = Text(block, "name");
    const std::string_view id = Text(block, "id");
    if (Text(block, "type") != "tool_use" || name.empty()) return;
    if (session_->recent_actions.size() < kMaxActions) {
      const std::string_view time = Text(line, "timestamp");
      session_->recent_actions.push_back(
          {IsTimestamp(time) ? std::optional(std::string(time)) : std::nullopt, base::LabelValue(name)});
    }
    if (tools_settled_ || id.empty() || results_.count(std::string(id)) != 0) return;
    if (!session_->current_tool) session_->current_tool = base::LabelValue(name);
    if (name == "Task" || name == "Agent") ++subagents_;
  }

  ClaudeSession* session_;
  uint64_t bytes_ = 0;
  std::set<std::string> results_;  // ids of tool calls that have a result
  std::string answer_;             // id of the newest answer
  bool answered_ = false;
  bool context_settled_ = false;
  bool tools_settled_ = false;
  uint64_t subagents_ = 0;
};

std::string Dashed(std::string_view cwd, bool (*kept)(char)) {
  std::string folder(cwd);
  std::replace_if(folder.begin(), folder.end(), [kept](char c) { return !kept(c); }, '-');
  return folder;
}

}  // namespace

absl::StatusOr<ClaudeSession> ReadClaudeTranscript(int fd, uint64_t size, const TailLimits& limits) {
  ClaudeSession session;
  Reader reader(&session);
  const absl::StatusOr<TailResult> result =
      VisitLinesFromEnd(fd, size, limits, [&reader](const TailLine& line) { return reader.Visit(line); });
  if (!result.ok()) return result.status();
  reader.Finish(result->reached_start);
  return session;
}

std::vector<std::string> ClaudeProjectFolders(std::string_view cwd) {
  std::vector<std::string> folders = {
      Dashed(cwd, [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); })};
  std::string older = Dashed(cwd, [](char c) { return c != '/' && c != '.'; });
  if (older != folders.front()) folders.push_back(std::move(older));
  return folders;
}

}  // namespace agent_exporter::sessions
