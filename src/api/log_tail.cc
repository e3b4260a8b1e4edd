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
      : exchange_(std::move(exchange)), sink_(std::move(sink)), query_(query) {}

  void read() {
    if (sink_->closed()) {
      return;
    }
    if (sink_->waiting_bytes() > kTailBytesMax) {
      return pause();
    }
    exchange_->doors->logs.read(
        query_,
        hop<Outcome<std::vector<store::StoredLine>>>(
            exchange_, [self = shared_from_this()](Outcome<std::vector<store::StoredLine>> lines) {
              if (lines && !lines->empty()) {
                self->take(*lines);
              } else {
                self->look_at_run();  // a store that is away is asked again
              }
            }));
  }

 private:
  void pause() {
    exchange_->loop->after(kTailPause, [self = shared_from_this()] { self->read(); });
  }

  void take(const std::vector<store::StoredLine>& lines) {
    for (const store::StoredLine& line : lines) {
      json_.clear();
      append_log_line(json_, line);
      sink_->send("line", std::to_string(line.attempt) + ":" + std::to_string(line.number), json_,
                  nullptr);
    }
    query_.from = lines.back().number + 1;
    ended_ = std::nullopt;
    read();
  }

  // Nothing new: a later attempt may have begun, or the run ended. Lines come by their own path, so
  // after the run's end one more read follows.
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
    if (run.attempt > query_.attempt) {
      query_.attempt += 1;
      query_.from = 0;
      return read();
    }
    if (!is_final(run.state)) {
      ended_ = std::nullopt;
      return pause();
    }
    if (ended_ != run.state) {
      ended_ = run.state;
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
  std::optional<RunState> ended_;  // seen at the last look
  std::string json_;
};

}  // namespace

void tail_log(const ExchangePtr& exchange, std::shared_ptr<Sink> sink, store::LogQuery query) {
  std::make_shared<Tail>(exchange, std::move(sink), query)->read();
}

}  // namespace jobflow::api
