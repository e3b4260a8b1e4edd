#include "api/calendar_desk.h"

#include "model/definition.h"
#include "model/limits.h"
#include "runtime/clock.h"
#include "store/store.h"

#include <algorithm>
#include <utility>

namespace jobflow::api {
namespace {

constexpr int kTries = 5;
constexpr int kPage = 500;
constexpr std::size_t kUsersTold = 5;

using Rows = std::vector<CalendarRow>;

template <class T, class Next>
std::function<void(Outcome<T>)> or_done(const ExchangePtr& exchange,
                                        const CalendarSaved& done,
                                        Next next) {
  return hop<Outcome<T>>(exchange, [done, next = std::move(next)](Outcome<T> outcome) {
    if (outcome) {
      next(std::move(outcome).value());
    } else {
      done(outcome.problem());
    }
  });
}

std::string quoted(const CalendarRow& row) {
  return "'" + row.name + "' in namespace '" + row.name_space + "'";
}

// One calendar on its way into the store; tried again when somebody was faster and no revision was
// asked for.
class Saving : public std::enable_shared_from_this<Saving> {
 public:
  Saving(
      ExchangePtr exchange, CalendarRow row, Condition condition, bool is_dry, CalendarSaved done)
      : exchange_(std::move(exchange)),
        row_(std::move(row)),
        condition_(condition),
        is_dry_(is_dry),
        done_(std::move(done)) {}

  void begin() {
    store().list_calendars({.name_space = row_.name_space, .name = row_.name},
                           or_done<Rows>(exchange_, done_, [self = shared_from_this()](Rows rows) {
                             self->compare(rows.empty()
                                               ? CalendarRow{.revision = 0, .deleted = true}
                                               : std::move(rows.front()));
                           }));
  }

 private:
  store::Store& store() const { return exchange_->doors->store; }

  void compare(const CalendarRow& current) {
    if (condition_.must_be_new && !current.deleted) {
      return done_(
          Problem{ProblemCode::already_exists, "there is a calendar " + quoted(row_) + " already"});
    }
    if ((condition_.must_exist || row_.deleted) && current.deleted) {
      return done_(Problem{ProblemCode::not_found, "there is no calendar " + quoted(row_)});
    }
    if (condition_.revision != 0 && (current.deleted || current.revision != condition_.revision)) {
      return done_(Problem{ProblemCode::revision_mismatch,
                           "revision " + std::to_string(condition_.revision) +
                               " is not the current one: read it again, then save"});
    }
    if (!current.deleted && !row_.deleted && current.document == row_.document) {
      return done_(engine::Reply{.revision = current.revision, .changed = false});
    }
    row_.revision = current.revision + 1;
    saved_ = {.revision = row_.revision, .created = current.deleted};
    if (saved_.created) {
      count();
    } else {
      write();
    }
  }

  void count() {
    store().list_calendars(
        {.with_document = false, .limit = INT32_MAX},
        or_done<Rows>(exchange_, done_, [self = shared_from_this()](const Rows& rows) {
          const auto live = std::ranges::count(rows, false, &CalendarRow::deleted);
          if (static_cast<std::size_t>(live) >= limits::kCalendarsMax) {
            return self->done_(
                Problem{ProblemCode::too_large,
                        "there are " + std::to_string(live) +
                            " calendars already, and no more are taken: delete one"});
          }
          self->write();
        }));
  }

  void write() {
    if (is_dry_) {
      return done_(saved_);
    }
    row_.updated = exchange_->doors->clock.now();
    row_.principal = exchange_->request.principal.name;
    store().save_calendar(
        row_, hop<Outcome<Done>>(exchange_, [self = shared_from_this()](const Outcome<Done>& done) {
          self->written(done);
        }));
  }

  void written(const Outcome<Done>& done) {
    if (done) {
      // Saved, whatever else: who cannot read it now heeds it later.
      exchange_->doors->hall.refresh_calendars(hop<Outcome<Done>>(
          exchange_,
          [self = shared_from_this()](const Outcome<Done>&) { self->done_(self->saved_); }));
    } else if (done.problem().code == ProblemCode::revision_mismatch && condition_.revision == 0 &&
               ++tries_ < kTries) {
      begin();
    } else {
      done_(done.problem());
    }
  }

  ExchangePtr exchange_;
  CalendarRow row_;
  const Condition condition_;
  const bool is_dry_;
  const CalendarSaved done_;
  engine::Reply saved_;
  int tries_ = 0;
};

bool names(const DefinitionRow& row, const std::string& calendar) {
  if (row.document.find("\"" + calendar + "\"") == std::string::npos) {
    return false;  // not even as a word
  }
  const auto decoded = decode_definition(row.kind, row.document);
  const auto& triggers = decoded.definition.triggers();
  return std::ranges::any_of(triggers, [&](const TriggerSpec& trigger) {
    const Schedule& schedule = trigger.schedule;
    return std::ranges::find(schedule.include, calendar) != schedule.include.end() ||
           std::ranges::find(schedule.exclude, calendar) != schedule.exclude.end();
  });
}

// Looks through the definitions of its name space for those that name a calendar.
class Users : public std::enable_shared_from_this<Users> {
 public:
  Users(ExchangePtr exchange,
        CalendarRow calendar,
        CalendarSaved refused,
        std::function<void()> next)
      : exchange_(std::move(exchange)),
        calendar_(std::move(calendar)),
        refused_(std::move(refused)),
        next_(std::move(next)) {}

  void look(Id after) {
    exchange_->doors->store.list_definitions(
        {.name_space = calendar_.name_space, .after = after, .limit = kPage},
        or_done<std::vector<DefinitionRow>>(
            exchange_, refused_,
            [self = shared_from_this()](const std::vector<DefinitionRow>& rows) {
              self->judge(rows);
            }));
  }

 private:
  void judge(const std::vector<DefinitionRow>& rows) {
    for (const DefinitionRow& row : rows) {
      if (names(row, calendar_.name) && ++count_ <= kUsersTold) {
        told_ +=
            (told_.empty() ? "" : ", ") + std::string(to_string(row.kind)) + " '" + row.name + "'";
      }
    }
    if (rows.size() == kPage) {
      return look(rows.back().id);
    }
    if (count_ == 0) {
      return next_();
    }
    const std::string more =
        count_ > kUsersTold ? " and " + std::to_string(count_ - kUsersTold) + " more" : "";
    refused_(Problem{ProblemCode::in_use,
                     "calendar " + quoted(calendar_) + " is named by " + told_ + more +
                         ": change them first; or force it, and their triggers are set aside when "
                         "they are next due"});
  }

  ExchangePtr exchange_;
  CalendarRow calendar_;
  CalendarSaved refused_;
  std::function<void()> next_;
  std::size_t count_ = 0;
  std::string told_;
};

}  // namespace

void find_calendar(const ExchangePtr& exchange,
                   const std::string& name_space,
                   const std::string& name,
                   std::function<void(std::optional<CalendarRow>)> next) {
  exchange->doors->store.list_calendars(
      {.name_space = name_space, .name = name},
      hop_ok<Rows>(exchange, [next = std::move(next)](Rows rows) {
        next(rows.empty() ? std::nullopt : std::optional(std::move(rows.front())));
      }));
}

void save_calendar(const ExchangePtr& exchange,
                   CalendarRow row,
                   const Condition& condition,
                   bool is_dry,
                   CalendarSaved done) {
  std::make_shared<Saving>(exchange, std::move(row), condition, is_dry, std::move(done))->begin();
}

void delete_calendar(const ExchangePtr& exchange,
                     const CalendarRow& row,
                     const Condition& condition,
                     bool force,
                     CalendarSaved done) {
  CalendarRow gone = row;
  gone.deleted = true;
  const auto remove = [exchange, gone, condition, done] {
    save_calendar(exchange, gone, condition, false, done);
  };
  if (force) {
    remove();
  } else {
    std::make_shared<Users>(exchange, row, done, remove)->look({});
  }
}

void with_calendars(const ExchangePtr& exchange,
                    std::function<void(std::shared_ptr<const schedule::CalendarBook>)> next) {
  runtime::CommandDoor& hall = exchange->doors->hall;
  const auto go_on = [exchange, next = std::move(next)](const Outcome<Done>&) {
    next(exchange->doors->hall.calendars());
  };
  const std::string& text = exchange->request.body;
  if (text.find("clude") == std::string::npos) {
    go_on(Done{});  // nothing there is an `include` or an `exclude`
  } else {
    hall.refresh_calendars(hop<Outcome<Done>>(exchange, go_on));
  }
}

}  // namespace jobflow::api
