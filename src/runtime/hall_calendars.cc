// The calendars as this member knows them (S4.5, house 3a): read before the first shard is loaded,
// when one of its own doors has changed one, and when a look at the others shows that somebody has.
#include "runtime/hall_inside.h"

#include <utility>

namespace jobflow::runtime {
namespace {

constexpr int kPage = 50;
constexpr Span kReadAgain = milliseconds(250);

}  // namespace

std::shared_ptr<const schedule::CalendarBook> Hall::Inside::calendars() const {
  const std::lock_guard lock(mutex_);
  return calendars_ ? calendars_ : std::make_shared<const schedule::CalendarBook>();
}

// `newest`: the number of the newest change, as a look at the store showed it.
void Hall::Inside::heed_calendars(std::int64_t newest) {
  if (newest == 0 && !calendars_) {
    publish_calendars(std::make_shared<const schedule::CalendarBook>());
  } else if (!calendars_ || calendars_->number() != newest) {
    read_calendars_soon();
  }
}

void Hall::Inside::read_calendars_soon() {
  if (!reading_calendars_) {
    reading_calendars_ = true;
    read_calendars([](const Outcome<Done>&) {});
  }
}

// What has changed since. `done` is called on the executor, when the shards here heed it.
void Hall::Inside::read_calendars(std::function<void(Outcome<Done>)> done) {
  const auto known = calendars_;
  read_more_calendars(known ? *known : schedule::CalendarBook{}, std::move(done));
}

void Hall::Inside::read_more_calendars(schedule::CalendarBook book,
                                       std::function<void(Outcome<Done>)> done) {
  const store::CalendarFilter changed{
      .newest = limits::kCalendarRevisions, .after = book.number(), .limit = kPage};
  auto read = [weak = weak_from_this(), book = std::move(book), done = std::move(done),
               era = era_](Outcome<std::vector<CalendarRow>> rows) {
    if (const auto self = weak.lock()) {
      self->post([rows = std::move(rows), book, done, era](Inside& inside) {
        inside.calendars_read(rows, book, era, done);
      });
    }
  };
  store_.list_calendars(changed, std::move(read));
}

void Hall::Inside::calendars_read(const Outcome<std::vector<CalendarRow>>& rows,
                                  schedule::CalendarBook book,
                                  std::int64_t era,
                                  const std::function<void(Outcome<Done>)>& done) {
  if (over_ || !rows) {
    reading_calendars_ = false;
    if (!calendars_ && !rows && !over_) {  // as when a shard cannot be loaded
      if (on_ready_) {
        set_not_ready(rows.problem().detail);
        std::exchange(on_ready_, {})(rows.problem());
      }
      load_again_at_ = at_.monotonic + kReadAgain;
    } else if (!rows && !over_) {  // a member alone never looks again
      calendars_again_at_ = at_.monotonic + kReadAgain;
    }
    return done(rows ? Problem{ProblemCode::unavailable, "this server has stopped"}
                     : rows.problem());
  }
  if (era != era_) {  // of a history that is no more
    return read_calendars(done);
  }
  for (const CalendarRow& row : *rows) {
    book.take(row);
  }
  if (rows->size() == kPage) {
    return read_more_calendars(std::move(book), done);
  }
  reading_calendars_ = false;
  if (!calendars_ || calendars_->number() < book.number()) {
    publish_calendars(std::make_shared<const schedule::CalendarBook>(std::move(book)));
  }
  done(Done{});
}

void Hall::Inside::publish_calendars(std::shared_ptr<const schedule::CalendarBook> book) {
  const bool is_first = !calendars_;
  {
    const std::lock_guard lock(mutex_);
    calendars_ = std::move(book);
  }
  for (Seat& seat : seats_) {
    if (seat.shard) {
      seat.shard->set_calendars(calendars_);
    }
  }
  if (is_first) {
    load_again_at_ = kNever;
    for (const ShardNumber number : std::exchange(failed_loads_, {})) {
      load(number);
    }
  }
}

}  // namespace jobflow::runtime
