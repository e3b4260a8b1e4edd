// GET /forecast: what the saved triggers will fire in the hours to come, minute by minute, and what
// would wait at the capacity of the workers that are connected now.
#include "api/json_text.h"
#include "api/lookup.h"
#include "api/routes.h"
#include "model/civil.h"
#include "model/definition.h"
#include "runtime/clock.h"
#include "schedule/forecast.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

namespace jobflow::api {
namespace {

constexpr int kPage = 500;
constexpr int kHoursMost = 24 * 7;
constexpr std::size_t kTriggersMost = 100'000;
constexpr int kStepsMost = 4'000'000;         // firings and ends of tasks
constexpr int kStepsATurn = 20'000;           // others' requests come in between
constexpr std::size_t kMeasuredMost = 1'000;  // definitions whose last runs are looked at
constexpr int kMeasuredRuns = 10;
constexpr Span kAssumed = seconds(1);  // a task of which nothing is known takes that long
constexpr std::size_t kPeaks = 10;

using Lane = schedule::ForecastLane;

// One forecast on its way: workers, definitions with their triggers, how long runs took, then the
// reckoning. On its exchange's loop; ends with the answer or the first problem.
class ForecastRequest : public std::enable_shared_from_this<ForecastRequest> {
 public:
  ForecastRequest(ExchangePtr exchange, Instant from, Instant until, store::DefinitionFilter filter)
      : exchange_(std::move(exchange)), filter_(std::move(filter)) {
    input_.from = from;
    input_.until = until;
    filter_.limit = kPage;
  }

  void begin() {
    exchange_->doors->hall.list_workers(hop<std::vector<runtime::WorkerView>>(
        exchange_, [self = shared_from_this()](std::vector<runtime::WorkerView> workers) {
          self->workers_ = std::move(workers);
          self->next_definitions();
        }));
  }

 private:
  template <class T, class Next>
  std::function<void(Outcome<T>)> then(Next next) {
    return hop_ok<T>(exchange_,
                     [self = shared_from_this(), next](T value) { next(*self, std::move(value)); });
  }
  store::Store& store() const { return exchange_->doors->store; }

  void next_definitions() {
    store().list_definitions(filter_,
                             then<std::vector<DefinitionRow>>([](ForecastRequest& self, auto rows) {
                               self.is_last_page_ = rows.size() < kPage;
                               if (!rows.empty()) {
                                 self.filter_.after = rows.back().id;
                               }
                               self.rows_.assign(std::make_move_iterator(rows.begin()),
                                                 std::make_move_iterator(rows.end()));
                               self.next_definition();
                             }));
  }

  void next_definition() {
    if (rows_.empty()) {
      return is_last_page_ ? begin_measuring() : next_definitions();
    }
    DefinitionRow row = std::move(rows_.front());
    rows_.pop_front();
    auto decoded = decode_definition(row.kind, row.document);
    if (!row.enabled || !decoded.problems.empty() || decoded.definition.triggers().empty()) {
      return next_definition_later();
    }
    store().list_triggers(
        row.id, then<std::vector<TriggerRow>>([row, definition = std::make_shared<const Definition>(
                                                        std::move(decoded.definition))](
                                                  ForecastRequest& self, const auto& triggers) {
          self.add(row, *definition, triggers);
        }));
  }

  // Not from here: a page of definitions without triggers would be as many calls deep.
  void next_definition_later() {
    exchange_->loop->post([self = shared_from_this()] { self->next_definition(); });
  }

  void add(const DefinitionRow& row,
           const Definition& definition,
           const std::vector<TriggerRow>& triggers) {
    const std::size_t place = input_.definitions.size();
    bool is_used = false;
    for (const TriggerRow& trigger : triggers) {
      is_used = add_trigger(place, definition, trigger) || is_used;
    }
    if (input_.triggers.size() > kTriggersMost) {
      return exchange_->refuse(
          {ProblemCode::invalid, "there are over " + std::to_string(kTriggersMost) +
                                     " triggers: name one namespace with ?namespace="});
    }
    if (is_used) {
      places_[{row.kind, row.name_space, row.name}] = place;
      names_.push_back(row);
      names_.back().document.clear();
      schedule::ForecastDefinition& added = input_.definitions.emplace_back();
      if (definition.kind == DefinitionKind::job) {
        added.tasks.push_back({.lane = lane_of(row.name_space, definition.job().task)});
      } else {
        for (const StepSpec& step : definition.workflow().steps) {
          added.tasks.push_back({.lane = lane_of(row.name_space, step.task),
                                 .needs = static_cast<int>(step.needs.size()),
                                 .dependants = step.dependants});
        }
      }
    }
    next_definition();
  }

  // True when it will fire, or may.
  bool add_trigger(std::size_t definition, const Definition& owner, const TriggerRow& row) {
    const TriggerSpec* spec = owner.find_trigger(row.name);
    const TriggerProgress& at = row.progress;
    const bool is_live = at.state == TriggerState::active || at.state == TriggerState::waiting;
    if (spec == nullptr || !is_live) {
      return false;
    }
    const Schedule& schedule = spec->schedule;
    schedule::ForecastTrigger trigger{.definition = definition, .overlap = spec->overlap};
    auto open =
        schedule::Openings::make(schedule, owner.name_space, *exchange_->doors->hall.calendars());
    if (!open) {
      return false;  // set aside when it is due
    }
    trigger.open = std::move(open).value();
    if (schedule.kind == ScheduleKind::after_run) {
      const Upstream& up = schedule.after;
      upstreams_.emplace_back(
          input_.triggers.size(),
          Name{up.kind, up.name_space.empty() ? owner.name_space : up.name_space, up.name});
    } else if (schedule.kind == ScheduleKind::fixed_delay) {
      trigger.every = schedule.every;
      trigger.next = at.next_due.is_set() ? at.next_due : input_.from + schedule.every;
    } else {
      auto times = schedule::Timetable::make(schedule, at.anchor, schedule_hash(owner, spec->name));
      if (!times || at.next_due >= input_.until) {
        return false;
      }
      trigger.times = std::make_shared<const schedule::Timetable>(std::move(times).value());
      trigger.next = std::max(at.next_due, input_.from);
    }
    input_.triggers.push_back(std::move(trigger));
    trigger_names_.push_back(row.name);
    return true;
  }

  std::size_t lane_of(const std::string& name_space, const Task& task) {
    Lane lane{name_space, task.handler, task.tags};
    const auto found = std::ranges::find(input_.lanes, lane);
    if (found != input_.lanes.end()) {
      return static_cast<std::size_t>(found - input_.lanes.begin());
    }
    input_.lanes.push_back(std::move(lane));
    return input_.lanes.size() - 1;
  }

  // --- how long their like took lately

  void begin_measuring() {
    takes_.resize(input_.definitions.size());
    measure(0);
  }

  void measure(std::size_t place) {
    if (place >= std::min(input_.definitions.size(), kMeasuredMost)) {
      return reckon();
    }
    const DefinitionRow& row = names_[place];
    const bool is_job = row.kind == DefinitionKind::job;
    store().list_runs({.definition = row.id,
                       .states = {RunState::succeeded},
                       .limit = is_job ? kMeasuredRuns : 1},
                      then<std::vector<RunRow>>(
                          [place, is_job](ForecastRequest& self, const std::vector<RunRow>& runs) {
                            if (is_job || runs.empty()) {
                              return self.measured(place, runs);
                            }
                            self.measure_steps(place, runs.front().id);
                          }));
  }

  void measure_steps(std::size_t place, Id run) {
    store().list_runs(
        {.parent = run, .states = {RunState::succeeded}, .limit = kPage},
        then<std::vector<RunRow>>([place](ForecastRequest& self, const std::vector<RunRow>& steps) {
          self.measured(place, steps);
        }));
  }

  void measured(std::size_t place, const std::vector<RunRow>& runs) {
    Span sum;
    for (const RunRow& run : runs) {
      sum = sum + (run.progress.ended - run.progress.started);
    }
    if (!runs.empty()) {
      const Span mean = milliseconds(sum.ms / static_cast<std::int64_t>(runs.size()));
      takes_[place] = mean;
      known_sum_ += mean.ms;
      known_ += 1;
    }
    measure(place + 1);
  }

  // --- the reckoning

  void reckon() {
    const Span usual = known_ == 0 ? kAssumed : milliseconds(known_sum_ / known_);
    for (std::size_t i = 0; i < input_.definitions.size(); ++i) {
      for (schedule::ForecastTask& task : input_.definitions[i].tasks) {
        task.takes = takes_[i].value_or(usual);
      }
      assumed_ += takes_[i] ? 0 : 1;
    }
    for (const auto& [trigger, name] : upstreams_) {
      if (const auto place = places_.find(name); place != places_.end()) {
        input_.triggers[trigger].after = place->second;
      }
    }
    for (const runtime::WorkerView& view : workers_) {
      schedule::ForecastWorker worker{.slots = view.hello.slots, .can = {}};
      for (const Lane& lane : input_.lanes) {
        worker.can.push_back(can(view.hello, lane));
      }
      input_.workers.push_back(std::move(worker));
      slots_ += view.hello.slots;
    }
    lanes_ = input_.lanes;
    from_ = input_.from;
    until_ = input_.until;
    for (const schedule::ForecastTrigger& trigger : input_.triggers) {
      definition_of_.push_back(trigger.definition);
    }
    forecast_ = std::make_unique<schedule::Forecast>(std::move(input_));
    go_on(kStepsMost);
  }

  static bool can(const WorkerHello& hello, const Lane& lane) {
    const bool offers = std::ranges::any_of(
        hello.handlers, [&](const WorkerHello::Handler& one) { return one.name == lane.handler; });
    return offers && hello.name_space == lane.name_space &&
           std::ranges::all_of(lane.tags, [&](const std::string& tag) {
             return std::ranges::find(hello.tags, tag) != hello.tags.end();
           });
  }

  void go_on(int left) {
    if (left <= 0 || !forecast_->run(std::min(left, kStepsATurn))) {
      return answer();
    }
    exchange_->loop->post([self = shared_from_this(), left] { self->go_on(left - kStepsATurn); });
  }

  void answer() {
    const schedule::ForecastResult& found = forecast_->result();
    std::int64_t firings = 0, skipped = 0;
    for (const schedule::ForecastMinute& minute : found.minutes) {
      firings += minute.firings;
      skipped += minute.skipped;
    }
    Response response;
    {
      JsonObject object(response.body);
      object.time("from", from_).time("to", until_).time("reached", found.reached);
      object.truth("complete", found.reached >= until_);
      object.number("triggers", static_cast<std::int64_t>(found.fired.size()));
      object.number("firings", firings).number("skipped", skipped);
      object.number("workers", static_cast<std::int64_t>(workers_.size())).number("slots", slots_);
      object.number("assumed_durations", assumed_);
      append_peaks(object.open("peaks"), found);
      append_handlers(object.open("handlers"), found);
      append_busiest(object.open("busiest"), found);
      JsonArray minutes(object.open("minutes"));
      for (const schedule::ForecastMinute& minute : found.minutes) {
        append_minute(minutes.next(), minute);
      }
    }
    exchange_->answer(std::move(response));
  }

  static void append_minute(std::string& out, const schedule::ForecastMinute& minute) {
    JsonObject item(out);
    item.time("at", minute.at).number("firings", minute.firings);
    item.number("skipped", minute.skipped).number("waiting", minute.most_waiting);
  }

  static void append_peaks(std::string& out, const schedule::ForecastResult& found) {
    std::vector<schedule::ForecastMinute> peaks = found.minutes;
    std::ranges::stable_sort(peaks, std::ranges::greater{}, &schedule::ForecastMinute::firings);
    peaks.resize(std::min(peaks.size(), kPeaks));
    JsonArray items(out);
    for (const schedule::ForecastMinute& minute : peaks) {
      append_minute(items.next(), minute);
    }
  }

  void append_handlers(std::string& out, const schedule::ForecastResult& found) const {
    JsonArray items(out);
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      const schedule::ForecastLoad& load = found.lanes[i];
      JsonObject item(items.next());
      item.text("namespace", lanes_[i].name_space).text("handler", lanes_[i].handler);
      {
        JsonArray tags(item.open("tags"));
        for (const std::string& tag : lanes_[i].tags) {
          append_json_string(tags.next(), tag);
        }
      }
      item.truth("has_worker", load.has_worker).number("tasks", load.tasks);
      item.number("waited", load.waited).number("longest_wait_ms", load.longest.ms);
    }
  }

  void append_busiest(std::string& out, const schedule::ForecastResult& found) const {
    std::vector<std::size_t> order(found.fired.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = i;
    }
    std::ranges::stable_sort(
        order, [&](std::size_t a, std::size_t b) { return found.fired[a] > found.fired[b]; });
    order.resize(std::min(order.size(), kPeaks));
    JsonArray items(out);
    for (const std::size_t trigger : order) {
      const DefinitionRow& owner = names_[definition_of_[trigger]];
      JsonObject item(items.next());
      item.text("kind", to_string(owner.kind)).text("namespace", owner.name_space);
      item.text("name", owner.name).text("trigger", trigger_names_[trigger]);
      item.number("firings", found.fired[trigger]);
    }
  }

  using Name = std::tuple<DefinitionKind, std::string, std::string>;

  ExchangePtr exchange_;
  store::DefinitionFilter filter_;
  bool is_last_page_ = false;
  std::deque<DefinitionRow> rows_;  // of the page that is left to do
  std::vector<runtime::WorkerView> workers_;
  schedule::ForecastInput input_;
  std::vector<DefinitionRow> names_;  // by definition of the input; without documents
  std::vector<std::string> trigger_names_;
  std::vector<std::size_t> definition_of_;  // by trigger
  std::vector<Lane> lanes_;
  Instant from_, until_;
  std::map<Name, std::size_t> places_;
  std::vector<std::pair<std::size_t, Name>> upstreams_;  // of triggers
  std::vector<std::optional<Span>> takes_;
  std::int64_t known_sum_ = 0, known_ = 0, assumed_ = 0, slots_ = 0;
  std::unique_ptr<schedule::Forecast> forecast_;  // once all is known
};

void forecast(const ExchangePtr& exchange) {
  const Request& request = exchange->request;
  const auto hours_ahead = read_number(request, "hours", 1, kHoursMost, 24);
  if (!hours_ahead) {
    return exchange->refuse(hours_ahead.problem());
  }
  store::DefinitionFilter filter;
  if (request.asked("namespace") != nullptr) {
    const auto name_space = read_namespace(request);
    if (!name_space) {
      return exchange->refuse(name_space.problem());
    }
    filter.name_space = *name_space;
  }
  const Instant now = exchange->doors->clock.now();
  std::make_shared<ForecastRequest>(exchange, now, now + hours(*hours_ahead), std::move(filter))
      ->begin();
}

}  // namespace

std::vector<Route> forecast_routes() {
  return {{.pattern = "/api/v1/forecast",
           .permission = Permission::view,
           .handler = forecast,
           .query = {"hours", "namespace"}}};
}

}  // namespace jobflow::api
