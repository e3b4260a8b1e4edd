#include "api/log_tail.h"

#include "api/json_text.h"
#include "api/json_views.h"
#include "store/store.h"

#include <optional>
#include <string>

namespace jobflow::api {
namespace {

class Tail final : public std::enable_shared_from_this<Tail> {
 public:
  Tail(ExchangePtr exchange, std::shared_ptr<Sink> sink, store::LogQuery query)
      : exchange_(std::move(exchange)), sink_(std::move(sink)), query_(std::move(query)) {}

  void read() {
    if (sink_->closed()) {
      return;
    }
    if (sink_->waiting_bytes() > kTailBytesMax) {
      return pause();
    }
    exchange_->doors->logs.read(query_, hop<Lines>(exchange_, taker()));
  }

 private:
  using Lines = Outcome<std::vector<store::StoredLine>>;

  void pause() {
    exchange_->loop->after(kTailPause, [self = shared_from_this()] { self->read(); });
  }

  std::function<void(Lines)> taker() {
    return [self = shared_from_this()](const Lines& lines) {
      if (!lines) {
        self->pause();  // a store that is away is asked again
      } else if (lines->empty()) {
        self->look_at_run();
      } else {
        self->take(*lines);
      }
    };
  }

  void take(const std::vector<store::StoredLine>& lines) {
    for (const store::StoredLine& line : lines) {
      json_.clear();
      append_log_line(json_, line);
      sink_->send("line", std::to_string(line.attempt) + ":" + std::to_string(line.number), json_,
                  nullptr);
    }
    query_.from = lines.back().number + 1;
    read();
  }

  // Nothing new: a later attempt may have begun, or the run ended.
  void look_at_run() {
    exchange_->doors->store.read_run(
        query_.run,
        hop<Outcome<std::optional<store::RunAt>>>(
            exchange_, [self = shared_from_this()](Outcome<std::optional<store::RunAt>> run) {
              if (!run) {
                return self->pause();
              }
              if (!*run) {
                return self->sink_->end();
              }
              self->go_on((*run)->row.progress);
            }));
  }

  void go_on(const RunProgress& run) {
    const bool later = run.attempt > query_.attempt;
    if (!later && !is_final(run.state)) {
      is_complete_ = false;
      return pause();
    }
    if (!is_complete_) {
      is_complete_ = true;
      return read_taken_lines(exchange_, query_, taker());
    }
    if (later) {
      query_.attempt += 1;
      query_.from = 0;
      is_complete_ = false;
      return read();
    }
    json_.clear();
    JsonObject(json_).text("state", jobflow::to_string(run.state));
    sink_->send("end", "", json_, nullptr);
    sink_->end();
  }

  ExchangePtr exchange_;
  std::shared_ptr<Sink> sink_;
  store::LogQuery query_;
  bool is_complete_ = false;  // this attempt is over, and all of its lines can be read
  std::string json_;
};

}  // namespace

void read_taken_lines(const ExchangePtr& exchange,
                      store::LogQuery query,
                      std::function<void(Outcome<std::vector<store::StoredLine>>)> next) {
  // Appends are written in their order: once this one, of nothing, is answered, so are all before.
  // What it says does not matter, a full disk can still be read.
  exchange->doors->logs.append(
      {}, hop<Outcome<Done>>(exchange, [exchange, query = std::move(query),
                                        next = std::move(next)](const Outcome<Done>&) {
        exchange->doors->logs.read(query,
                                   hop<Outcome<std::vector<store::StoredLine>>>(exchange, next));
      }));
}

void tail_log(const ExchangePtr& exchange, std::shared_ptr<Sink> sink, store::LogQuery query) {
  std::make_shared<Tail>(exchange, std::move(sink), std::move(query))->read();
}

}  // namespace jobflow::api
