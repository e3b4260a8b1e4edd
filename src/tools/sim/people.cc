#include "tools/sim/people.h"

#include "model/check.h"
#include "tools/sim/member.h"
#include "tools/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace jobflow::sim {
namespace {

// How long a client waits for an answer before it asks again.
constexpr Micros kPatience = 4'000'000;

}  // namespace

void Client::ask(engine::Request request, int tries, Then then) {
  std::vector<engine::Request> one;
  one.push_back(std::move(request));
  ask_all(std::move(one), tries, std::move(then));
}

void Client::ask_all(std::vector<engine::Request> requests, int tries, Then then) {
  auto asks = std::make_shared<Asks>();
  for (engine::Request& request : requests) {
    auto ask = std::make_shared<Ask>();
    ask->number = world_.next_command();
    ask->command = command_id(ask->number);
    ask->request = std::move(request);
    ask->tries_left = tries;
    ask->then = then;
    world_.history.add({.did = Did::asked,
                        .who = fmt::format("c{}", number_),
                        .number = ask->number,
                        .text = to_text(ask->request),
                        .request = &ask->request});
    ++open_;
    asks->push_back(std::move(ask));
  }
  send(asks);
}

// Members among each other remember what they did under an id (S12.4). One alone forgets it with
// its process, so that a client has no use for it.
Id Client::command_id(std::int64_t number) const {
  constexpr std::int64_t kBelowTime = 1 << 22;
  const Instant now = world_.now();
  return world_.plan.members == 1 ? Id{} : Id{now.ms * kBelowTime + number % kBelowTime};
}

// Those that have no answer yet, once more.
void Client::send(const std::shared_ptr<Asks>& asks) {
  std::erase_if(*asks, [](const auto& ask) { return ask->is_over; });
  const auto life = world_.member_to_reach();
  for (const auto& ask : *asks) {
    if (life && ask->tries_left-- == 0) {
      ask->is_over = true;
      --open_;
      world_.count("outcome unknown");
      world_.history.add({.did = Did::gave_up,
                          .who = fmt::format("c{}", number_),
                          .number = ask->number,
                          .text = to_text(ask->request)});
      if (ask->then) {
        ask->then(Problem{ProblemCode::outcome_unknown, "no answer"});
      }
    }
  }
  std::erase_if(*asks, [](const auto& ask) { return ask->is_over; });
  if (asks->empty()) {
    return;
  }
  const Node here = kPeople + number_;
  if (life && !world_.network.loses()) {
    int times = 1;
    if (world_.network.doubles()) {
      world_.count("request doubled");
      times = 2;
    }
    for (; times > 0; --times) {
      // A copy: what arrives is what was sent, whatever is answered meanwhile.
      auto sent = std::make_shared<Asks>(*asks);
      world_.scheduler.after(world_.network.delay(), life->process,
                             [this, here, sent, weak = std::weak_ptr(life)] {
                               const auto there = weak.lock();
                               if (there && world_.network.reaches(here, there->node)) {
                                 deliver(sent, there);
                               }
                             });
    }
  } else if (life) {
    world_.count("request lost");
  }
  world_.scheduler.after(life ? kPatience : micros(milliseconds(300)), nullptr,
                         [this, asks] { send(asks); });
}

void Client::deliver(const std::shared_ptr<Asks>& asks, const std::shared_ptr<Life>& life) {
  std::vector<runtime::Submission> submissions;
  for (const auto& ask : *asks) {
    world_.history.add({.did = Did::delivered,
                        .who = life->process->name,
                        .number = ask->number,
                        .request = &ask->request});
    const auto answered = [this, ask, server = life->process,
                           node = life->node](const Outcome<engine::Reply>& answer) {
      world_.history.add({.did = Did::answered,
                          .who = server->name,
                          .number = ask->number,
                          .text = to_text(ask->request),
                          .request = &ask->request,
                          .answer = &answer});
      if (server->over || world_.network.loses()) {
        return;
      }
      world_.scheduler.after(world_.network.delay(), nullptr, [this, ask, node, answer] {
        if (world_.network.reaches(node, kPeople + number_)) {
          hear(ask, answer);
        }
      });
    };
    // Who asks is a different one each time: the checkers tell commands by it.
    submissions.push_back({{.request = ask->request,
                            .principal = fmt::format("people:{}", ask->number),
                            .id = ask->command,
                            .is_repeat = ask->command.is_set()},
                           answered});
  }
  life->hall.submit(std::move(submissions));
}

void Client::hear(const std::shared_ptr<Ask>& ask, const Outcome<engine::Reply>& answer) {
  if (ask->is_over) {
    return;
  }
  // "Try later" and "nobody knows" are no answers: it asks again.
  if (!answer && (answer.problem().code == ProblemCode::unavailable ||
                  answer.problem().code == ProblemCode::queue_full ||
                  answer.problem().code == ProblemCode::outcome_unknown)) {
    return;
  }
  ask->is_over = true;
  --open_;
  world_.history.add({.did = Did::heard_answer,
                      .who = fmt::format("c{}", number_),
                      .number = ask->number,
                      .request = &ask->request,
                      .answer = &answer});
  if (ask->then) {
    ask->then(answer);
  }
}

// --- the subscriber

void Subscriber::begin() {
  // Sources without an event begin with the first.
  for (int shard = 0; shard < world_.plan.shards; ++shard) {
    next_[static_cast<ShardNumber>(shard)] = 1;
  }
  for (int member = 0; member < world_.plan.members; ++member) {
    next_[static_cast<ShardNumber>(kMemberSource + member)] = 1;
  }
  connect();
}

std::shared_ptr<Life> Subscriber::server() const {
  if (other_ == nullptr) {
    return world_.member_to_reach();
  }
  const auto its = other_->life_.lock();
  const std::size_t first = world_.random.below(world_.members.size());
  for (std::size_t i = 0; i < world_.members.size(); ++i) {
    const auto& life = world_.members[(first + i) % world_.members.size()]->life();
    if (life != nullptr && life != its && life->hall.ready()) {
      return life;
    }
  }
  return nullptr;
}

void Subscriber::connect() {
  const auto life = server();
  if (!life || !life->hall.ready()) {
    world_.scheduler.after(milliseconds(100), nullptr, [this] { connect(); });
    return;
  }
  const int connection = ++connection_;
  is_connected_ = true;
  life_ = life;
  arrival_ = 0;
  if (other_ != nullptr) {
    next_ = other_->next_;
    generation_ = other_->generation_;
    world_.count("cursor taken to another member");
    world_.history.add({.did = Did::resumed, .who = name_, .text = life->process->name});
  }
  if (generation_ == 0) {
    generation_ = life->hall.feed().now().generation;
  }
  const auto cursor =
      runtime::parse_cursor(runtime::to_text({.next = next_, .generation = generation_}));
  check(cursor.ok(), "a cursor that nobody can read");
  subscription_ = life->hall.feed().subscribe(
      *cursor, [](const Event&) { return true; },
      [this, connection, server = life->process](const runtime::FeedSlice& slice) {
        arrival_ = std::max(arrival_ + 1, world_.scheduler.now() + world_.network.delay());
        world_.scheduler.at(arrival_, nullptr,
                            [this, connection, slice] { arrived(connection, slice); });
      });
}

void Subscriber::arrived(int connection, const runtime::FeedSlice& slice) {
  if (connection != connection_ || !is_connected_) {
    return;
  }
  if (!slice.events.empty()) {
    world_.history.add({.did = Did::heard_events, .who = name_, .events = &slice.events});
    for (const runtime::NumberedEvent& one : slice.events) {
      next_[one.source] = one.number + 1;
    }
  }
  if (slice.lagged) {
    world_.count("subscriber lagged");
    world_.history.add({.did = Did::lagged, .who = name_});
    generation_ = 0;
    disconnect();
  }
}

void Subscriber::server_ended(const Life& life) {
  if (life_.lock().get() == &life) {
    disconnect();
  }
}

void Subscriber::disconnect() {
  if (!is_connected_) {
    return;
  }
  is_connected_ = false;
  if (const auto life = life_.lock(); life && !life->process->over) {
    life->hall.feed().cancel(subscription_);
  }
  world_.scheduler.after(milliseconds(world_.random.between(10, 500)), nullptr,
                         [this] { connect(); });
}

}  // namespace jobflow::sim
