// GET /audit: does the ledger hold every due instant once? Each trigger's instants are derived anew
// from the revisions of its definition, and compared with its runs and skipped rows (S4.8, I2).
#include "api/json_text.h"
#include "api/lookup.h"
#include "api/routes.h"
#include "model/civil.h"
#include "model/definition.h"
#include "runtime/clock.h"
#include "schedule/ledger_audit.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <set>
#include <utility>

namespace jobflow::api {
namespace {

constexpr int kPage = 500;
constexpr int kCalendarPage = 50;
constexpr std::size_t kCalendarRevisions = 1000;  // of one calendar; what is older is not judged
constexpr std::size_t kTold = 100;                // triggers with findings that the answer names
constexpr std::size_t kLedgerMost = 1'000'000;    // entries of one trigger, in memory

struct AuditedTime {
  Instant from, until;
};

// One trigger's findings, or that there are none.
struct Judged {
  Id trigger;
  std::string name;
  DefinitionRow definition;  // without its document
  schedule::AuditResult result;
};

void append_judged(std::string& out, const Judged& one) {
  JsonObject object(out);
  object.id("trigger_id", one.trigger).text("trigger", one.name);
  object.id("definition_id", one.definition.id);
  object.text("kind", to_string(one.definition.kind));
  object.text("namespace", one.definition.name_space).text("name", one.definition.name);
  object.number("due", one.result.due).number("ran", one.result.ran);
  object.number("skipped", one.result.skipped);
  {
    JsonArray findings(object.open("findings"));
    for (const schedule::Finding& finding : one.result.findings) {
      JsonObject item(findings.next());
      item.text("flaw", schedule::to_string(finding.flaw)).time("from", finding.from);
      item.time("to", finding.to).number("count", finding.count);
    }
  }
  object.number("more", one.result.more);
}

// One audit on its way through the store: definition by definition, trigger by trigger, in pages.
// It ends with the answer, or with the first problem. On its exchange's loop.
class Audit : public std::enable_shared_from_this<Audit> {
 public:
  Audit(ExchangePtr exchange, AuditedTime span, store::DefinitionFilter filter)
      : exchange_(std::move(exchange)), span_(span), filter_(std::move(filter)) {}

  void next_definitions() {
    filter_.limit = kPage;
    store().list_definitions(filter_, then<std::vector<DefinitionRow>>([](Audit& self, auto rows) {
                               self.is_last_page_ = rows.size() < kPage;
                               if (!rows.empty()) {
                                 self.filter_.after = rows.back().id;
                               }
                               self.definitions_.assign(std::make_move_iterator(rows.begin()),
                                                        std::make_move_iterator(rows.end()));
                               self.next_definition();
                             }));
  }

 private:
  template <class T, class Next>
  std::function<void(Outcome<T>)> then(Next next) {
    return hop_ok<T>(exchange_,
                     [self = shared_from_this(), next](T value) { next(*self, std::move(value)); });
  }
  store::Store& store() const { return exchange_->doors->store; }

  void next_definition() {
    if (definitions_.empty()) {
      return is_last_page_ ? answer() : next_definitions();
    }
    definition_ = std::move(definitions_.front());
    definitions_.pop_front();
    revisions_.clear();
    store().list_triggers(
        definition_.id, then<std::vector<TriggerRow>>([](Audit& self, auto triggers) {
          self.triggers_.assign(triggers.begin(), triggers.end());
          self.triggers_.empty() ? self.next_definition() : self.add_revision(self.definition_);
        }));
  }

  // Newest first, down to the one that held as the span began.
  void add_revision(const DefinitionRow& row) {
    revisions_.push_back({row.updated, decode_definition(row.kind, row.document).definition});
    if (row.revision == 1 || row.updated < span_.from) {
      std::ranges::reverse(revisions_);
      definition_.document.clear();
      return next_trigger();
    }
    store().list_definitions(
        {.id = definition_.id, .revision = row.revision - 1, .with_deleted = true, .limit = 1},
        then<std::vector<DefinitionRow>>([](Audit& self, auto rows) {
          if (rows.empty()) {
            return self.exchange_->refuse(
                {ProblemCode::internal, "a revision of " + self.definition_.name + " is missing"});
          }
          self.add_revision(rows.front());
        }));
  }

  void next_trigger() {
    if (triggers_.empty()) {
      return next_definition();
    }
    trigger_ = std::move(triggers_.front());
    triggers_.pop_front();
    ledger_.clear();
    next_firings({.trigger = trigger_.id, .limit = kPage});
  }

  // Down to the span's beginning. A run's id is never older than its planned instant.
  void next_firings(store::FiringFilter filter) {
    store().list_firings(
        filter, then<store::Firings>([filter](Audit& self, const store::Firings& page) {
          const Instant from = self.span_.from;
          for (const store::FiredRow& run : page.ran) {
            if (!run.occasion.is_set()) {
              self.ledger_.push_back({run.planned, run.planned, 1, true});
            }
          }
          for (const SkippedFiringRow& row : page.skipped) {
            self.ledger_.push_back({row.from, row.to, row.count, false, row.reason == "calendar"});
          }
          if (self.ledger_.size() > kLedgerMost) {
            return self.exchange_->refuse(
                {ProblemCode::invalid,
                 "trigger " + self.trigger_.name + " of " + self.definition_.name + " has over " +
                     std::to_string(kLedgerMost) + " entries in that time: audit a shorter one"});
          }
          const bool runs_go_on = page.ran.size() == kPage && page.ran.back().run.time() >= from;
          const bool skips_go_on = page.skipped.size() == kPage && page.skipped.back().from > from;
          if (!runs_go_on && !skips_go_on) {
            return self.judge_by_calendars();
          }
          store::FiringFilter rest = filter;
          rest.runs_before = runs_go_on ? page.ran.back().run : Id{1};
          rest.skipped_before = skips_go_on ? page.skipped.back().from : Instant{INT64_MIN};
          self.next_firings(rest);
        }));
  }

  // What is not settled yet is not missing: what comes after its next instant, or after the moment
  // up to which the ledger of one that rests is written.
  Instant settled_until() const {
    const TriggerProgress& at = trigger_.progress;
    const Instant open = at.state == TriggerState::active ? at.next_due
                         : at.state == TriggerState::paused || at.state == TriggerState::set_aside
                             ? at.since + milliseconds(1)
                             : kNever;
    return std::min(span_.until, open);
  }

  std::vector<schedule::Reign> reigns() const {
    std::vector<schedule::Reign> reigns;
    for (const auto& [since, definition] : revisions_) {
      const TriggerSpec* spec = definition.find_trigger(trigger_.name);
      if (spec == nullptr) {
        reigns.clear();  // an earlier one of that name, with a ledger of its own
      } else if (reigns.empty() || reigns.back().schedule != spec->schedule) {
        reigns.push_back(
            {since, spec->schedule, schedule_hash(definition, trigger_.name),
             schedule::Openings::past(spec->schedule, definition_.name_space, calendars_)});
      }
    }
    return reigns;
  }

  // Reads the calendars that its revisions name, one after the other, each once.
  void judge_by_calendars() {
    for (const Revision& revision : revisions_) {
      const TriggerSpec* spec = revision.definition.find_trigger(trigger_.name);
      for (const auto* names : {spec == nullptr ? nullptr : &spec->schedule.include,
                                spec == nullptr ? nullptr : &spec->schedule.exclude}) {
        for (std::size_t i = 0; names != nullptr && i < names->size(); ++i) {
          if (calendars_read_.emplace(definition_.name_space, (*names)[i]).second) {
            return read_calendar((*names)[i], 0);
          }
        }
      }
    }
    judge();
  }

  void read_calendar(const std::string& name, std::int64_t after) {
    store().list_calendars({.name_space = definition_.name_space,
                            .name = name,
                            .newest = INT32_MAX,
                            .after = after,
                            .limit = kCalendarPage},
                           then<std::vector<CalendarRow>>([name](Audit& self, const auto& rows) {
                             for (const CalendarRow& row : rows) {
                               self.calendars_.take(row);
                             }
                             if (rows.size() == kCalendarPage) {
                               return self.read_calendar(name, rows.back().number);
                             }
                             self.judge_by_calendars();
                           }));
  }

  void judge() {
    std::ranges::sort(ledger_, {}, &schedule::LedgerEntry::from);
    Judged judged{trigger_.id, trigger_.name, definition_,
                  schedule::audit_ledger(reigns(), ledger_, span_.from, settled_until())};
    triggers_seen_ += 1;
    due_ += judged.result.due;
    ran_ += judged.result.ran;
    skipped_ += judged.result.skipped;
    if (!judged.result.findings.empty()) {
      wrong_ += 1;
      if (told_.size() < kTold) {
        told_.push_back(std::move(judged));
      }
    }
    next_trigger();
  }

  void answer() {
    Response response;
    {
      JsonObject object(response.body);
      object.truth("clean", wrong_ == 0).time("from", span_.from).time("to", span_.until);
      object.number("triggers", triggers_seen_).number("due", due_).number("ran", ran_);
      object.number("skipped", skipped_).number("wrong", wrong_);
      JsonArray items(object.open("items"));
      for (const Judged& one : told_) {
        append_judged(items.next(), one);
      }
    }
    exchange_->answer(std::move(response));
  }

  struct Revision {
    Instant since;
    Definition definition;
  };

  ExchangePtr exchange_;
  const AuditedTime span_;
  store::DefinitionFilter filter_;
  bool is_last_page_ = false;
  std::deque<DefinitionRow> definitions_;  // of the page that is left to do
  DefinitionRow definition_;
  std::vector<Revision> revisions_;  // oldest first, once they are all there
  schedule::CalendarBook calendars_{kCalendarRevisions};
  std::set<std::pair<std::string, std::string>> calendars_read_;
  std::deque<TriggerRow> triggers_;
  TriggerRow trigger_;
  std::vector<schedule::LedgerEntry> ledger_;
  std::int64_t triggers_seen_ = 0, due_ = 0, ran_ = 0, skipped_ = 0, wrong_ = 0;
  std::vector<Judged> told_;
};

Outcome<Instant> read_instant(const Request& request, std::string_view name, Instant fallback) {
  const std::string* text = request.asked(name);
  if (text == nullptr) {
    return fallback;
  }
  const auto instant = parse_rfc3339(*text);
  return instant ? instant
                 : Problem{ProblemCode::invalid,
                           "?" + std::string(name) + "=: " + instant.problem().detail};
}

void audit(const ExchangePtr& exchange) {
  const Request& request = exchange->request;
  const Instant now = exchange->doors->clock.now();
  const auto until = read_instant(request, "to", now);
  if (!until) {
    return exchange->refuse(until.problem());
  }
  const auto from = read_instant(request, "from", *until - milliseconds(kDayMs));
  if (!from) {
    return exchange->refuse(from.problem());
  }
  const AuditedTime span{*from, std::min(*until, now)};
  if (span.from >= span.until) {
    return exchange->refuse(
        {ProblemCode::invalid, "the audited time must begin before it ends, and before now"});
  }
  const std::string* job = request.asked("job");
  const std::string* workflow = request.asked("workflow");
  if (job != nullptr && workflow != nullptr) {
    return exchange->refuse({ProblemCode::invalid, "audit a job or a workflow, not both"});
  }
  if (job == nullptr && workflow == nullptr) {
    store::DefinitionFilter filter;
    if (request.asked("namespace") != nullptr) {
      const auto name_space = read_namespace(request);
      if (!name_space) {
        return exchange->refuse(name_space.problem());
      }
      filter.name_space = *name_space;
    }
    return std::make_shared<Audit>(exchange, span, filter)->next_definitions();
  }
  find_definition(exchange, job != nullptr ? DefinitionKind::job : DefinitionKind::workflow,
                  job != nullptr ? *job : *workflow, [exchange, span](const DefinitionRow& row) {
                    std::make_shared<Audit>(exchange, span, store::DefinitionFilter{.id = row.id})
                        ->next_definitions();
                  });
}

}  // namespace

std::vector<Route> audit_routes() {
  return {{.pattern = "/api/v1/audit",
           .permission = Permission::view,
           .handler = audit,
           .query = {"from", "to", "job", "workflow", "namespace"}}};
}

}  // namespace jobflow::api
