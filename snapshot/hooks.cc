#include "snapshot/hooks.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/agent_names.h"
#include "base/bounded_command.h"
#include "base/label_value.h"
#include "snapshot/post_json.h"

namespace agent_exporter::snapshot {
namespace {

using nlohmann::json;

// The kernel takes 128 KiB for one variable and a few MiB for all (execve(2)); the JSON has every field.
constexpr size_t kMaxFieldsText = 32 << 10;
// Of a hook's output only the last line is used, in the log, if it fails.
constexpr size_t kMaxOutput = 1 << 20;

// A timestamp that is text or a number, as text.
std::string TextOf(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string FieldsText(const json& diff) {
  std::string text;
  const auto fields = diff.is_object() ? diff.find("diff_fields") : diff.end();
  if (!diff.is_object() || fields == diff.end() || !fields->is_array()) return text;
  for (const json& field : *fields) {
    if (!field.is_string()) continue;
    const std::string& name = field.get_ref<const std::string&>();
    if (text.size() + name.size() + 1 > kMaxFieldsText) break;
    absl::StrAppend(&text, text.empty() ? "" : ",", name);
  }
  return text;
}

std::string Body(const std::string& agent, const json& diff, const json& snapshot) {
  json body = {{"agent", agent}, {"snapshot", snapshot}};
  for (const char* key : {"timestamp", "diff_fields"}) {
    if (diff.is_object() && diff.contains(key)) body[key] = diff.at(key);
  }
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string LastLine(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const size_t newline = text.rfind('\n');
  return std::string(newline == std::string_view::npos ? text : text.substr(newline + 1));
}

absl::Status RunCommand(const HookOptions& hook, base::BoundedCommand command) {
  command.argv = hook.command;
  command.time_limit = hook.time_limit;
  command.max_output = kMaxOutput;
  const absl::StatusOr<base::CommandResult> result = base::RunBounded(command);
  if (!result.ok()) return result.status();
  if (result->success()) return absl::OkStatus();
  const std::string said = LastLine(result->err);
  return absl::UnknownError(absl::StrCat(result->exit_code ? absl::StrCat("exit code ", *result->exit_code)
                                                           : absl::StrCat("ended by signal ", result->signal),
                                         said.empty() ? "" : absl::StrCat(", said ", base::Quoted(said))));
}

const char* ResultName(const absl::Status& status) {
  if (status.ok()) return "ok";
  return absl::IsDeadlineExceeded(status) ? "timeout" : "failed";
}

}  // namespace

HookPool::HookPool(std::vector<HookOptions> hooks, Log log, Limits limits, base::System& system)
    : hooks_(std::move(hooks)),
      log_(std::move(log)),
      limits_(limits),
      system_(system),
      cancel_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      failing_(hooks_.size()) {
  for (const HookOptions& hook : hooks_) {
    for (const char* result : {"ok", "failed", "timeout", "dropped"}) counts_[{hook.name, result}] = 0;
  }
}

void HookPool::StartThreads() {
  while (threads_.size() < limits_.threads) {
    auto thread = system_.StartThread([this] { Loop(); });
    if (!thread.ok()) {
      if (log_ && !std::exchange(refused_, true)) {
        log_(absl::StrCat("hooks run on ", threads_.size(), " of ", limits_.threads,
                          " threads: ", thread.status().message()));
      }
      return;
    }
    threads_.push_back(*std::move(thread));
  }
  refused_ = false;
}

HookPool::~HookPool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  ::eventfd_write(cancel_.get(), 1);
  for (std::thread& thread : threads_) thread.join();
}

void HookPool::Notify(const std::string& agent, const json& diff, const json& snapshot) {
  if (!hooks_.empty()) StartThreads();
  Job job{.agent = agent, .timestamp = TextOf(diff, "timestamp"), .fields = FieldsText(diff)};
  for (size_t i = 0; i < hooks_.size(); ++i) {
    const std::vector<std::string>& agents = hooks_[i].agents;
    const bool wanted = agents.empty() || std::any_of(agents.begin(), agents.end(), [&](const auto& pattern) {
                          return base::AgentNameMatches(pattern, agent);
                        });
    if (!wanted) continue;
    if (job.body.empty()) job.body = Body(agent, diff, snapshot);
    job.hook = i;
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto waiting = std::count_if(jobs_.begin(), jobs_.end(),
                                       [i](const Job& other) { return other.hook == i && !other.running; });
    if (static_cast<size_t>(waiting) >= limits_.queue) {
      ++counts_[{hooks_[i].name, "dropped"}];
    } else {
      jobs_.push_back(job);
    }
  }
  changed_.notify_all();
}

void HookPool::WaitUntilIdle() const {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || jobs_.empty() || threads_.empty(); });
}

std::map<std::pair<std::string, std::string>, uint64_t> HookPool::Counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

std::list<HookPool::Job>::iterator HookPool::NextJob() {
  const size_t most = hooks_.size() > 1 && limits_.threads > 1 ? limits_.threads - 1 : limits_.threads;
  return std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) {
    if (job.running) return false;
    size_t running = 0;
    for (const Job& other : jobs_) {
      if (!other.running || other.hook != job.hook) continue;
      if (other.agent == job.agent) return false;
      ++running;
    }
    return running < most;
  });
}

void HookPool::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    auto job = jobs_.end();
    changed_.wait(lock, [&] { return stopping_ || (job = NextJob()) != jobs_.end(); });
    if (stopping_) return;
    job->running = true;
    lock.unlock();
    const absl::Status status = Run(*job);
    Finish(job, status);
    lock.lock();
  }
}

absl::Status HookPool::Run(const Job& job) const {
  const HookOptions& hook = hooks_[job.hook];
  if (!hook.url.empty()) return PostJson(hook.url, job.body, hook.time_limit, cancel_.get());
  return RunCommand(hook, {.environment = {{"AGENT_EXPORTER_HOOK", hook.name},
                                           {"AGENT_EXPORTER_AGENT", job.agent},
                                           {"AGENT_EXPORTER_TIMESTAMP", job.timestamp},
                                           {"AGENT_EXPORTER_DIFF_FIELDS", job.fields}},
                           .input = job.body,
                           .cancel_fd = cancel_.get()});
}

void HookPool::Finish(std::list<Job>::iterator job, const absl::Status& status) {
  bool say = false;
  const HookOptions& hook = hooks_[job->hook];
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!absl::IsCancelled(status)) {
      ++counts_[{hook.name, ResultName(status)}];
      say = !status.ok() && !failing_[job->hook];
      failing_[job->hook] = !status.ok();
    }
    jobs_.erase(job);
  }
  changed_.notify_all();  // another change of this agent may now run
  if (say && log_) {
    log_(absl::StrCat("hook ", base::Quoted(hook.name), " fails: ", std::string(status.message()),
                      "; counted in agent_exporter_hooks_total, said once until it works again"));
  }
}

}  // namespace agent_exporter::snapshot
