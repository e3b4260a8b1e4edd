// S9.1 and S9.2: who follows the events hears each source's without gap or repeat, as they are
// durable, and in the end the events tell where every run stands.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <algorithm>

namespace jobflow::sim {
namespace {

constexpr const char* kFirst = "sub";  // whose cursor another one goes on with

class Events final : public Checker {
 public:
  void record(const Record& record, const Durable& now) override {
    if (record.did == Did::resumed) {
      next_[record.who] = next_[kFirst];
    }
    if (record.events == nullptr) {
      return;
    }
    for (const runtime::NumberedEvent& one : *record.events) {
      std::int64_t& next = next_[record.who].try_emplace(one.source, 1).first->second;
      if (one.number != next) {
        violated(fmt::format("event {} of source {} was heard by {}, {} was next (S9.2)",
                             one.number, one.source, record.who, next),
                 {one.event.subject});
      }
      next = one.number + 1;
      const auto journal = now.journal.find(one.source);
      if (journal == now.journal.end() ||
          one.number > static_cast<std::int64_t>(journal->second.size())) {
        violated(fmt::format("event {} of source {} was heard and is not durable (I4)", one.number,
                             one.source),
                 {one.event.subject});
      } else if (journal->second[static_cast<std::size_t>(one.number - 1)] != one.event) {
        violated(fmt::format("event {} of source {} is another than the durable one (S9.1)",
                             one.number, one.source),
                 {one.event.subject});
      }
    }
  }

  void rest(const Rest& rest, const Durable& now) override {
    if (!rest.came) {
      for (const auto& [source, events] : now.journal) {
        const auto has_heard_all = [&](const auto& subscriber) {
          const auto next = subscriber.find(source);
          return next != subscriber.end() &&
                 next->second == static_cast<std::int64_t>(events.size()) + 1;
        };
        if (!std::ranges::all_of(rest.next, has_heard_all)) {
          violated(fmt::format("a subscriber never heard the end of source {} (S9.2)", source), {},
                   Breach::liveness);
        }
      }
      return;
    }
    std::map<Id, Event> last;
    for (const auto& [source, events] : now.journal) {
      for (const Event& event : events) {
        if (event.type == EventType::run_changed) {
          last[event.subject] = event;
        }
      }
    }
    for (const auto& [id, run] : now.runs) {
      const auto event = last.find(id);
      if (event == last.end() ||
          event->second.state != static_cast<std::uint8_t>(run.progress.state)) {
        violated(fmt::format("the events do not tell that run {} is {} (S9.1)", to_string(id),
                             to_string(run.progress.state)),
                 {id});
      }
    }
  }

 private:
  std::map<std::string, std::map<ShardNumber, std::int64_t>> next_;  // of each subscriber
};

}  // namespace

std::unique_ptr<Checker> make_events_checker() {
  return std::make_unique<Events>();
}

}  // namespace jobflow::sim
