#include "sessions/opencode_reader.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "sessions/database_snapshot.h"

namespace agent_exporter::sessions {
namespace {

constexpr char kDatabase[] = "opencode.db";
constexpr char kLog[] = "opencode.db-wal";
constexpr std::chrono::milliseconds kPatience{500};
constexpr uint64_t kMostBytes = 64 << 20;
constexpr double kStartSlack = 2;
constexpr size_t kMostMessages = 1000;
constexpr size_t kMostBatchBytes = 4 << 20;
constexpr size_t kGrowing = 8;
constexpr int64_t kNewestParts = 30;
constexpr int64_t kMostSubagents = 200;
constexpr size_t kNewestSubagents = 8;

absl::StatusOr<base::Descriptor> OpenFolder(const SessionProcess& process) {
  const std::string data = PathVariable(process, "XDG_DATA_HOME");
  const auto base = OpenAsSeen(process, data.empty() ? process.home : data);
  if (!base.ok()) return base.status();
  return data.empty() ? OpenBelow(*base, {".local", "share", "opencode"}) : OpenBelow(*base, {"opencode"});
}

}  // namespace

absl::StatusOr<SessionState> OpencodeReader::Read(const SessionProcess& process, uint64_t* bytes) {
  if (!process.alone) return absl::NotFoundError("several processes share the working directory");
  const auto folder = OpenFolder(process);
  if (!folder.ok()) return folder.status();
  const auto database = OpenOwn(process, *folder, kDatabase);
  if (!database.ok()) return database.status();
  const auto log = OpenOwn(process, *folder, kLog);
  if (!log.ok() && !absl::IsNotFound(log.status())) return log.status();
  const struct stat none = {};
  const struct stat &first = database->stat, &second = log.ok() ? log->stat : none;
  const Stamp stamp = {
      static_cast<int64_t>(first.st_ino),  first.st_size,  first.st_mtim.tv_sec,  first.st_mtim.tv_nsec,
      static_cast<int64_t>(second.st_ino), second.st_size, second.st_mtim.tv_sec, second.st_mtim.tv_nsec};
  if (stamp_ == stamp) {
    if (followed_ == nullptr) return absl::NotFoundError("no session of this process");
    return State();
  }
  if (!log.ok()) index_.Clear();
  if (log.ok()) {
    if (absl::Status status = index_.Follow(*log, bytes); !status.ok()) return status;
    if (!index_.at_end()) return absl::UnavailableError("a long write-ahead log");
  }
  auto snapshot =
      DatabaseSnapshot::Open(*database, log.ok() ? &*log : nullptr, index_, kPatience, kMostBytes);
  if (!snapshot.ok()) return snapshot.status();
  const absl::StatusOr<Found> found = Query(process, (*snapshot)->database());
  *bytes -= std::min(*bytes, (*snapshot)->bytes_read());
  stamp_.reset();
  if (!(*snapshot)->Unchanged()) return absl::UnavailableError("the database was written meanwhile");
  if (absl::IsNotFound(found.status())) {
    followed_.reset();
    stamp_ = stamp;
  }
  if (!found.ok()) return found.status();
  Take(*found);
  if (followed_->own.whole) {
    stamp_ = stamp;
  } else {
    *bytes = 0;  // there is more
  }
  return State();
}

absl::StatusOr<OpencodeReader::Found> OpencodeReader::Query(const SessionProcess& process,
                                                            base::Database& database) const {
  auto select = database.Prepare(
      "SELECT id FROM session WHERE directory = ?1 AND parent_id IS NULL AND time_updated >= ?2 "
      "ORDER BY time_updated DESC LIMIT 1");
  if (!select.ok()) return select.status();
  select->Bind(1, process.cwd).Bind(2, static_cast<int64_t>((process.start_seconds - kStartSlack) * 1000));
  const auto row = select->Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError("no session of this process");
  Found found{.id = select->Text(0)};
  const bool known = followed_ != nullptr && followed_->id == found.id;
  auto own = ReadMessages(database, found.id, known ? followed_->own.from : 0, &found);
  if (!own.ok()) return own.status();
  found.own = *std::move(own);
  if (absl::Status status = ReadSubagents(database, &found); !status.ok()) return status;
  if (absl::Status status = ReadParts(database, &found); !status.ok()) return status;
  return found;
}

absl::StatusOr<OpencodeReader::Batch> OpencodeReader::ReadMessages(base::Database& database,
                                                                   const std::string& id, int64_t from,
                                                                   Found* found) {
  auto select = database.Prepare(
      "SELECT id, time_created, time_updated, data FROM message WHERE session_id = ?1 AND time_created >= ?2 "
      "ORDER BY time_created, id");
  if (!select.ok()) return select.status();
  select->Bind(1, id).Bind(2, from);
  Batch batch{.from = from};
  std::vector<int64_t> times;
  size_t bytes = 0;
  while (bytes < kMostBatchBytes && times.size() < kMostMessages) {
    const auto row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) {
      batch.whole = true;
      // The newest are read again: they may have grown.
      if (!times.empty()) batch.from = times[times.size() - std::min(times.size(), kGrowing)];
      return batch;
    }
    times.push_back(select->Integer(1));
    found->progress = std::max(found->progress, static_cast<uint64_t>(select->Integer(2)));
    batch.messages.emplace_back(select->Text(0), select->Text(3));
    bytes += batch.messages.back().second.size();
  }
  batch.from = std::max(times.back(), from + 1);
  return batch;
}

absl::Status OpencodeReader::ReadSubagents(base::Database& database, Found* found) const {
  auto select = database.Prepare("SELECT id FROM session WHERE parent_id = ?1 ORDER BY rowid DESC LIMIT ?2");
  if (!select.ok()) return select.status();
  select->Bind(1, found->id).Bind(2, kMostSubagents);
  size_t bytes = 0;
  for (size_t i = 0; bytes < kMostBatchBytes; ++i) {
    const auto row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    const std::string id = select->Text(0);
    const Conversation* known = nullptr;
    if (followed_ != nullptr && followed_->id == found->id) {
      const auto at = followed_->subagents.find(id);
      if (at != followed_->subagents.end()) known = at->second.get();
    }
    if (known != nullptr && known->whole && i >= kNewestSubagents) continue;  // it ended long ago
    auto batch = ReadMessages(database, id, known == nullptr ? 0 : known->from, found);
    if (!batch.ok()) return batch.status();
    for (const auto& message : batch->messages) bytes += message.second.size();
    found->subagents.emplace_back(id, *std::move(batch));
  }
  return absl::OkStatus();
}

absl::Status OpencodeReader::ReadParts(base::Database& database, Found* found) {
  auto select = database.Prepare(
      "SELECT time_updated, data FROM part WHERE session_id = ?1 ORDER BY rowid DESC LIMIT ?2");
  if (!select.ok()) return select.status();
  select->Bind(1, found->id).Bind(2, kNewestParts);
  for (size_t bytes = 0; bytes < kMostBatchBytes; bytes += found->parts.back().size()) {
    const auto row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    found->progress = std::max(found->progress, static_cast<uint64_t>(select->Integer(0)));
    found->parts.push_back(select->Text(1));
  }
  return absl::OkStatus();
}

void OpencodeReader::Take(const Found& found) {
  if (followed_ == nullptr || followed_->id != found.id) {
    tally_.Restart();
    followed_ = std::make_unique<Followed>(tally_);
    followed_->id = found.id;
  }
  followed_->progress = found.progress;
  TakeBatch(found.own, &followed_->own);
  for (const auto& [id, batch] : found.subagents) {
    auto& subagent = followed_->subagents[id];
    if (subagent == nullptr) subagent = std::make_unique<Conversation>(tally_);
    TakeBatch(batch, subagent.get());
  }
  followed_->own.messages.ClearParts();
  for (const std::string& part : found.parts) followed_->own.messages.TakePart(part);
}

void OpencodeReader::TakeBatch(const Batch& batch, Conversation* conversation) {
  for (const auto& [id, data] : batch.messages) conversation->messages.TakeMessage(id, data);
  conversation->from = batch.from;
  conversation->whole = batch.whole;
}

SessionState OpencodeReader::State() {
  SessionState state;
  if (followed_->own.whole) {  // half of it tells of the past
    state = followed_->own.messages.State();
    state.tokens = tally_.total();
    state.subagents = static_cast<uint64_t>(
        std::count_if(followed_->subagents.begin(), followed_->subagents.end(),
                      [](const auto& entry) { return entry.second->messages.working(); }));
  }
  state.fresh = tally_.TakeFresh();
  state.progress = followed_->progress;
  state.context_window = ConfiguredWindow(options_, state.model.value_or(""));
  return state;
}

}  // namespace agent_exporter::sessions
