// Keeps account of all sessions of the host: which there are, what they are called, what their readers read,
// what state they are in, and how many tokens each agent has used.
//
// A session is one root of an agent, with the agent's program below its wrapper as one and the same. Roots
// that are no conversation (a daemon, a worker in reserve) are none: they have no file and no terminal.
// Which agents have sessions: those with a reader, those of kind coder, and those with an entry in `meta:`.
//
// Bounded: 8 MiB are read in a look, and 300 sessions are followed.
//
// Thread safety: none; one thread calls it.

#ifndef AGENT_EXPORTER_SESSIONS_SESSION_BOOK_H_
#define AGENT_EXPORTER_SESSIONS_SESSION_BOOK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agents/observation.h"
#include "sessions/meta.h"
#include "sessions/session.h"
#include "sessions/session_activity.h"
#include "sessions/session_names.h"
#include "sessions/session_processes.h"
#include "sessions/session_reader.h"

namespace agent_exporter::sessions {

class SessionBook {
 public:
  struct Options {
    std::string procfs;
    bool enabled = true;   // false: finds no session and reads no file
    ReaderOptions reader;  // count_from: the start of the exporter
    std::vector<MetaOptions>
        meta;  // `claude-code` sets the window and the folder, `none` turns the reader off
    HomeOf home_of = HomeFromUserDatabase;
    MetaSource told;  // what an agent tells by its own file or command; it wins where there is one session
  };
  explicit SessionBook(Options options);

  // Reads on and says how things stand.
  SessionsView Look(const agents::Observation& observation);
  // Whether the last look has read all that there was.
  bool caught_up() const { return caught_up_; }

 private:
  // One root, with its program.
  struct Root {
    const agents::AgentSample* agent = nullptr;
    const agents::ProcessSample* outer = nullptr;
    const agents::ProcessSample* program = nullptr;
    std::vector<const agents::ProcessSample*> below;  // everything below `program`
    SessionTree tree;
  };
  struct Known {
    std::shared_ptr<SessionReader> reader;  // shared with a read that hangs
    std::string profile;
    std::optional<SessionProcess> process;
    double described = 0;  // monotonic
    bool is_session = false;
    SessionActivity activity;
    Session session;
    double ended = 0;  // monotonic; 0: it lives
  };

  std::vector<Root> FindRoots(const agents::Observation& observation);
  void AddTrees(const agents::Observation& observation, const agents::AgentSample& agent,
                std::vector<Root>& roots) const;
  bool MayHaveSessions(const agents::AgentSample& agent) const;
  // Without a reader.
  bool HasSessionsAnyway(const agents::AgentSample& agent) const;
  void Prepare(const agents::Observation& observation, const Root& root, Known* known);
  std::unique_ptr<SessionReader> MakeReader(const Root& root, double started, std::string* profile);
  void FindHeld(const Root& root, Known* known);
  void Read(const Root& root, uint64_t budget, Known* known);
  void Judge(const agents::Observation& observation, const Root& root, Known* known);
  void AddTold(const agents::AgentSample& agent, std::vector<Known*>& sessions) const;
  void EndOthers(const agents::Observation& observation, const std::vector<Root>& roots);
  void CountTokens(const Session& session, TokensByModel fresh);
  void TakeLimits(const Session& session);
  SessionsView View(const agents::Observation& observation) const;

  const Options options_;
  SessionProcesses processes_;
  SessionNames names_;
  std::map<kernel::ProcessKey, Known> known_;  // by the outer root
  bool caught_up_ = false;
  decltype(SessionsView::tokens) tokens_;
  std::map<std::tuple<AgentKey, uid_t, std::string>, PlanLimit> limits_;
  std::map<std::pair<std::string, std::string>, uint64_t> reads_;
};

// What the newest of an agent's sessions tells, as agent_meta.
std::optional<AgentMeta> MetaOf(const std::vector<Session>& sessions);

}  // namespace agent_exporter::sessions

#endif  // AGENT_EXPORTER_SESSIONS_SESSION_BOOK_H_
