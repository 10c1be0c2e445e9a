#include "hooks/hook_pool.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/agent_names.h"
#include "base/bounded_command.h"
#include "base/label_value.h"
#include "hooks/post_json.h"

namespace agent_exporter::hooks {
namespace {

using nlohmann::json;

// Of a hook's output only the last line is used, in the log, if it fails.
constexpr size_t kMaxOutput = 1 << 20;

std::string Body(const HookEvent& event) {
  json body = event.details;
  body["event"] = event.on;
  body["agent"] = event.agent;
  body["timestamp"] = event.timestamp;
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
  const std::lock_guard<std::mutex> starting(starting_);
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

void HookPool::Notify(const HookEvent& event) {
  Job job{.agent = event.agent};
  for (size_t i = 0; i < hooks_.size(); ++i) {
    if (hooks_[i].on != event.on || !base::IsWantedAgent(hooks_[i].agents, event.agent)) continue;
    if (job.body.empty()) {
      StartThreads();
      job.body = Body(event);
      job.environment = event.environment;
      job.environment.emplace_back("AGENT_EXPORTER_EVENT", event.on);
      job.environment.emplace_back("AGENT_EXPORTER_AGENT", event.agent);
      job.environment.emplace_back("AGENT_EXPORTER_TIMESTAMP", event.timestamp);
    }
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
  base::BoundedCommand command{.environment = job.environment, .input = job.body, .cancel_fd = cancel_.get()};
  command.environment.emplace_back("AGENT_EXPORTER_HOOK", hook.name);
  return RunCommand(hook, std::move(command));
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
  changed_.notify_all();  // another event of this agent may now run
  if (say && log_) {
    log_(absl::StrCat("hook ", base::Quoted(hook.name), " fails: ", std::string(status.message()),
                      "; counted in agent_exporter_hooks_total, said once until it works again"));
  }
}

}  // namespace agent_exporter::hooks
