#include "leaks/leak_book.h"

#include <algorithm>
#include <utility>

namespace agent_exporter::leaks {
namespace {

// A process that falls below a tenth of its limit for a while keeps its detector for this long.
constexpr double kForgetSeconds = 900;

std::string NameOf(const agents::AgentSample& agent) {
  std::string key = agent.name;
  for (const std::string* part : {&agent.kind, &agent.slot}) {
    key += '\0';
    key += *part;
  }
  return key;
}

// A smaller rise is ignored, whatever the limit.
double LeastRise(agents::ResourceUse::Resource resource) {
  return resource == agents::ResourceUse::Resource::kMemory ? 8.0 * 1024 * 1024 : 8;
}

bool Worse(const agents::LeakEvidence& a, const agents::LeakEvidence& b) {
  if (a.page != b.page) return a.page;
  return a.seconds_to_limit < b.seconds_to_limit;
}

void Report(const agents::ResourceUse& use, const Judgement& judgement, agents::AgentSample* agent) {
  const agents::LeakEvidence leak{.scope = use.scope,
                                  .resource = use.resource,
                                  .page = judgement.severity == Severity::kPage,
                                  .growth_per_second = judgement.growth_per_second,
                                  .seconds_to_limit = judgement.seconds_to_limit,
                                  .evidence_span_seconds = judgement.span_seconds,
                                  .use = use};
  for (agents::LeakEvidence& known : agent->leaks) {
    if (known.scope != use.scope || known.resource != use.resource) continue;
    if (Worse(leak, known)) known = leak;
    return;
  }
  agent->leaks.push_back(leak);
}

}  // namespace

LeakBook::Key LeakBook::Key::Of(const agents::ResourceUse& use) {
  return {.holder = use.holder, .scope = use.scope, .resource = use.resource, .series = use.series};
}

void LeakBook::AddSample(double now, bool tick, agents::Observation& observation) {
  for (agents::AgentSample& agent : observation.agents) {
    if (tick) {
      Tick(now, &agent);
    } else {
      Show(&agent);
    }
  }
  if (tick) ForgetUnseen();
}

// Ends the detectors of roots that are gone.
void LeakBook::EndLives(const agents::AgentSample& agent, Entry& entry) {
  std::vector<kernel::ProcessKey> roots;
  for (const agents::ProcessSample& process : agent.processes) {
    if (process.role == agents::Role::kRoot && process.state != 'Z') roots.push_back(process.key);
  }
  const auto lives = [&roots](const kernel::ProcessKey& key) {
    return std::find(roots.begin(), roots.end(), key) != roots.end();
  };
  const bool all_new = std::none_of(entry.roots.begin(), entry.roots.end(), lives);
  if (all_new && !entry.roots.empty()) {
    const bool one_at_a_time = entry.roots.size() == 1;
    entry.inherited.clear();
    for (auto& [key, figure] : entry.figures) {
      if (key.holder.pid == 0) {
        figure.detector = figure.detector.NextLife();
      } else if (one_at_a_time && key.holder == entry.roots[0]) {
        Key next = key;
        next.holder = {};
        entry.inherited.emplace(next, figure.detector.NextLife());
      }
    }
    // Knowledge of earlier lives is kept until the next one begins.
    entry.roots.clear();
  }
  std::erase_if(entry.figures, [&](const auto& known) {
    const kernel::ProcessKey& holder = known.first.holder;
    return holder.pid != 0 && known.first.scope == agents::ResourceUse::Scope::kSelf && !lives(holder);
  });
  if (!roots.empty()) entry.roots = std::move(roots);
}

void LeakBook::Tick(double now, agents::AgentSample* agent) {
  Entry& entry = entries_[NameOf(*agent)];
  entry.seen = true;
  EndLives(*agent, entry);
  agent->leaks.clear();
  if (entry.roots.empty()) return;  // no root is alive
  for (const agents::ResourceUse& use : agent->holdings) {
    const Key key = Key::Of(use);
    auto found = entry.figures.find(key);
    if (found == entry.figures.end()) {
      Key earlier = key;
      earlier.holder = {};
      const auto inherited = entry.inherited.find(earlier);
      found = inherited != entry.inherited.end() && entry.roots.size() == 1 && key.holder == entry.roots[0]
                  ? entry.figures.emplace(key, inherited->second).first
                  : entry.figures.emplace(key, LeastRise(use.resource)).first;
    }
    Figure& figure = found->second;
    figure.seen = now;
    figure.detector.Add(now, use.used, use.limit);
    const Judgement judgement = figure.detector.Current();
    if (judgement.severity != Severity::kNone) Report(use, judgement, agent);
  }
  std::erase_if(entry.figures, [now](const auto& known) { return now - known.second.seen > kForgetSeconds; });
  entry.growth.Add(now, *agent);
  NameGrown(entry, agent);
}

void LeakBook::NameGrown(const Entry& entry, agents::AgentSample* agent) {
  for (agents::LeakEvidence& leak : agent->leaks) {
    const bool of_tree = leak.scope == agents::ResourceUse::Scope::kTree;
    if (of_tree && leak.resource == agents::ResourceUse::Resource::kMemory)
      leak.grown = entry.growth.Most(leak.evidence_span_seconds);
  }
}

void LeakBook::Show(agents::AgentSample* agent) const {
  agent->leaks.clear();
  const auto entry = entries_.find(NameOf(*agent));
  if (entry == entries_.end()) return;
  for (const agents::ResourceUse& use : agent->holdings) {
    const auto found = entry->second.figures.find(Key::Of(use));
    if (found == entry->second.figures.end()) continue;
    const Judgement judgement = found->second.detector.Current();
    if (judgement.severity != Severity::kNone) Report(use, judgement, agent);
  }
  NameGrown(entry->second, agent);
}

void LeakBook::ForgetUnseen() {
  std::erase_if(entries_, [](const auto& entry) { return !entry.second.seen; });
  for (auto& [key, entry] : entries_) entry.seen = false;
}

}  // namespace agent_exporter::leaks
