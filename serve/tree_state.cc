#include "serve/tree_state.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/label_value.h"

namespace agent_exporter::serve {
namespace {

constexpr int kVersion = 1;
// How often the file follows descendants alone.
constexpr double kDescendantsSeconds = 10;
constexpr std::array<std::string_view, 4> kKinds = {"descendant", "orphan", "root",
                                                    "run"};  // by agents::Remembered::Kind

nlohmann::json KeyJson(const kernel::ProcessKey& key) {
  return nlohmann::json::array({key.pid, key.start_ticks});
}

kernel::ProcessKey KeyOf(const nlohmann::json& json) {
  return {json.at(0).get<pid_t>(), json.at(1).get<uint64_t>()};
}

nlohmann::json ProcessJson(const agents::Remembered& process) {
  nlohmann::json json = {{"is", kKinds[static_cast<size_t>(process.kind)]},
                         {"key", KeyJson(process.key)},
                         {"agent", process.agent},
                         {"kind", process.agent_kind},
                         {"slot", process.slot}};
  if (process.kind == agents::Remembered::Kind::kRoot) {
    json["scope"] = process.scope == agents::Scope::kTree ? "tree" : "process";
    json["stack"] = process.start_stack;
    json["rule"] = process.rule;
  } else if (process.kind == agents::Remembered::Kind::kRegistered) {
    json["reaper"] = KeyJson(process.reaper);
    json["helper"] = process.helper;
  } else if (process.kind == agents::Remembered::Kind::kDescendant) {
    json["parent"] = process.parent;
  }
  return json;
}

// Throws what nlohmann throws.
agents::Remembered ProcessOf(const nlohmann::json& json) {
  agents::Remembered process;
  const std::string kind = json.at("is");
  size_t index = 0;
  while (index < kKinds.size() && kKinds[index] != kind) ++index;
  if (index == kKinds.size()) throw nlohmann::json::other_error::create(501, "unknown kind", nullptr);
  process.kind = static_cast<agents::Remembered::Kind>(index);
  process.key = KeyOf(json.at("key"));
  process.agent = base::LabelValue(json.at("agent").get<std::string>());
  process.agent_kind = base::LabelValue(json.at("kind").get<std::string>());
  process.slot = base::LabelValue(json.at("slot").get<std::string>());
  if (process.kind == agents::Remembered::Kind::kRoot) {
    process.scope = json.at("scope") == "process" ? agents::Scope::kProcess : agents::Scope::kTree;
    process.start_stack = json.at("stack");
    process.rule = json.at("rule");
  } else if (process.kind == agents::Remembered::Kind::kRegistered) {
    process.reaper = KeyOf(json.at("reaper"));
    process.helper = json.at("helper");
  } else if (process.kind == agents::Remembered::Kind::kDescendant) {
    process.parent = json.at("parent");
  }
  return process;
}

std::vector<agents::Remembered> WithoutDescendants(std::vector<agents::Remembered> memory) {
  std::erase_if(memory, [](const agents::Remembered& process) {
    return process.kind == agents::Remembered::Kind::kDescendant;
  });
  return memory;
}

}  // namespace

std::string EncodeTreeState(const std::vector<agents::Remembered>& memory, std::string_view boot_id) {
  nlohmann::json processes = nlohmann::json::array();
  for (const agents::Remembered& process : memory) processes.push_back(ProcessJson(process));
  const nlohmann::json state = {
      {"version", kVersion}, {"boot_id", boot_id}, {"processes", std::move(processes)}};
  return state.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::StatusOr<std::vector<agents::Remembered>> DecodeTreeState(std::string_view text,
                                                                std::string_view boot_id) {
  std::vector<agents::Remembered> memory;
  try {
    const nlohmann::json state = nlohmann::json::parse(text);
    if (state.at("version") != kVersion) return absl::InvalidArgumentError("of another version");
    if (state.at("boot_id") != boot_id) return memory;
    for (const nlohmann::json& process : state.at("processes")) memory.push_back(ProcessOf(process));
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return memory;
}

TreeState::TreeState(const std::string& directory, agents::Observer& observer, std::string boot_id,
                     base::System& system)
    : observer_(observer),
      boot_id_(std::move(boot_id)),
      file_(directory + "/tree.state", "process trees", system) {}

void TreeState::Load() {
  const std::optional<std::string> text = file_.Read();
  if (!text) return;
  auto memory = DecodeTreeState(*text, boot_id_);
  if (memory.ok()) {
    observer_.Remember(*std::move(memory));
  } else {
    file_.SetAside(memory.status());
  }
}

void TreeState::OnTick(double now) {
  std::vector<agents::Remembered> memory = observer_.Memory();
  if (saved_at_ > 0 && memory == saved_) return;  // the first tick replaces a file that was set aside
  // Descendants come and go all the time, and most are found again by their parents.
  if (now - saved_at_ < kDescendantsSeconds && WithoutDescendants(memory) == WithoutDescendants(saved_))
    return;
  saved_at_ = now;
  file_.Write(EncodeTreeState(memory, boot_id_));
  saved_ = std::move(memory);
}

void TreeState::Finish() {
  OnTick(saved_at_ + kDescendantsSeconds);
  file_.Flush();
}

}  // namespace agent_exporter::serve
