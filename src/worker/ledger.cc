#include "worker/ledger.h"

#include "model/sabotage.h"

#include <algorithm>
#include <utility>

namespace jobflow::worker {
namespace {

constexpr std::size_t kSpareRecords = 4096;

std::size_t bytes_of(const FinishedReport& report) {
  return report.result.size() + report.error.size() + report.error_kind.size();
}

}  // namespace

Ledger::Ledger(std::size_t remembered_ends, std::size_t remembered_bytes)
    : remembered_ends_(remembered_ends), remembered_bytes_(remembered_bytes) {}

Ledger::Record* Ledger::find(Id token) {
  const auto found = records_.find(token);
  return found == records_.end() ? nullptr : found->second.get();
}

Ledger::Record& Ledger::open(Id run, Id token, int attempt, Body* body) {
  std::unique_ptr<Record> record;
  if (spare_.empty()) {
    record = std::make_unique<Record>();
  } else {
    record = std::move(spare_.back());
    spare_.pop_back();
  }
  record->stage = Stage::live;
  record->body = body;
  record->attempt = static_cast<std::uint32_t>(attempt);
  record->report.run = run;
  record->report.token = token;
  record->sent_ns = 0;
  ++live_;
  Record& opened = *record;
  const bool fresh = records_.emplace(token, std::move(record)).second;
  check(fresh, "a token is opened once");
  return opened;
}

void Ledger::end(Record& record, FinishedReport report) {
  check(record.stage == Stage::live, "only a live attempt ends");
  report.run = record.report.run;
  report.token = record.report.token;
  record.report = std::move(report);
  record.stage = Stage::ended;
  record.body = nullptr;
  record.sent_ns = 0;
  --live_;
  ++ended_;
  record.previous = last_ended_;
  record.next = nullptr;
  (last_ended_ != nullptr ? last_ended_->next : first_ended_) = &record;
  last_ended_ = &record;
}

bool Ledger::acknowledge(Id token) {
  Record* record = find(token);
  if (record == nullptr || record->stage != Stage::ended) {
    return false;
  }
  --ended_;
  (record->previous != nullptr ? record->previous->next : first_ended_) = record->next;
  (record->next != nullptr ? record->next->previous : last_ended_) = record->previous;
  record->previous = nullptr;
  record->next = nullptr;
  record->stage = Stage::acknowledged;
  remember(*record);
  return true;
}

void Ledger::remember(Record& record) {
  remembered_.push_back(record.report.token);
  bytes_ += bytes_of(record.report);
  while (remembered_.size() > remembered_ends_ ||
         (bytes_ > remembered_bytes_ && !remembered_.empty())) {
    const auto oldest = records_.find(remembered_.front());
    remembered_.pop_front();
    bytes_ -= bytes_of(oldest->second->report);
    if (spare_.size() < kSpareRecords) {
      oldest->second->report = FinishedReport{};
      spare_.push_back(std::move(oldest->second));
    }
    records_.erase(oldest);
  }
}

bool Ledger::outdated(Id run, std::int64_t epoch) {
  std::int64_t& highest = epochs_[run.shard()];
  if (epoch < highest && !sabotaged(Sabotage::no_worker_epoch)) {
    return true;
  }
  highest = std::max(highest, epoch);
  return false;
}

void Ledger::raise_epoch(ShardNumber shard, std::int64_t epoch) {
  if (shard < kShardsMax) {
    epochs_[shard] = std::max(epochs_[shard], epoch);
  }
}

std::vector<WorkerHello::Holding> Ledger::holding() const {
  std::vector<WorkerHello::Holding> held;
  held.reserve(live_ + ended_);
  for (const auto& [token, record] : records_) {
    if (record->stage != Stage::acknowledged) {
      held.push_back({record->report.run, token});
    }
  }
  std::sort(held.begin(), held.end(),
            [](const auto& a, const auto& b) { return a.token < b.token; });
  return held;
}

}  // namespace jobflow::worker
