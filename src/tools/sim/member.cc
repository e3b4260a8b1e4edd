#include "tools/sim/member.h"

#include "store/log_store.h"
#include "tools/sim/world.h"

#include <fmt/format.h>

#include <utility>

namespace jobflow::sim {
namespace {

// How soon a supervisor starts a process again.
constexpr Span kSupervisor = milliseconds(400);
// A replaced process that nobody fences is ended by its supervisor.
constexpr Span kFormerFor = seconds(20);

}  // namespace

Life::Life(World& world, int member, int number)
    : process(std::make_shared<Process>(Process{.name = fmt::format("m{}.{}", member, number)})),
      node(kMembers + member),
      clock(world.scheduler,
            world.members.at(static_cast<std::size_t>(member))->machine,
            world.plan.epoch),
      executor(world.scheduler,
               world.random,
               clock,
               process,
               [this, &world, member] {
                 world.acting = this;
                 if (tasks_left == 0 || --tasks_left > 0) {
                   return true;
                 }
                 world.members.at(static_cast<std::size_t>(member))->crash("between two tasks");
                 return false;
               }),
      store(world.database.connect(process->name, node, process), world.store_faults(*this)),
      logs(store::make_memory_log_store()),
      wire(std::make_shared<MemberWire>(
          world, process, node, [this](std::int64_t lost) { hall.member_lost(lost); })),
      hall(
          {.member_name = fmt::format("member-{}", member),
           .cluster = {.alone = world.plan.members == 1, .address = MemberWire::address_of(member)},
           .worker_lease = world.plan.lease,
           .look_ahead = world.plan.look_ahead,
           .kept_awake = world.plan.kept_awake,
           .sweep_every = world.plan.sweep_every},
          store,
          *logs,
          clock,
          executor,
          metrics) {
  hall.set_link(*wire);
}

bool Member::receive(const runtime::MemberMessage& message) {
  if (life_ == nullptr) {
    return false;
  }
  life_->inbox.push_back(message);
  // A process that stands still reads it when it goes on, in the order of their coming.
  world_.scheduler.after(Micros{1}, life_->process, [this, life = life_] {
    const runtime::MemberMessage first = std::move(life->inbox.front());
    life->inbox.pop_front();
    world_.history.add({.did = Did::heard_member,
                        .who = life->process->name,
                        .number = first.from,
                        .message = &first});
    life->hall.member_said(first);
  });
  return true;
}

void Member::begin() {
  if (life_ != nullptr) {
    return;
  }
  life_ = std::make_shared<Life>(world_, number_, ++lives_);
  const runtime::ClusterSettings defaults;
  world_.history.add({.did = Did::member_began,
                      .who = life_->process->name,
                      .other = world_.plan.members == 1 ? 0 : defaults.lease.ms});
  const std::weak_ptr<Life> weak = life_;
  // Whatever the hall says, it says on its executor: what follows happens outside its turn.
  life_->hall.on_fenced([this, weak](const std::string&) {
    if (const auto life = weak.lock()) {
      world_.count("fenced");
      world_.scheduler.after(Micros{10}, life->process, [this, weak] {
        if (const auto fenced = weak.lock()) {
          end(fenced, "fenced");
        }
      });
    }
  });
  life_->hall.start([this, weak](const Outcome<Done>& ready) {
    const auto life = weak.lock();
    if (life && ready) {
      world_.history.add({.did = Did::member_ready, .who = life->process->name});
    }
  });
}

void Member::begin_again(Span after) {
  world_.scheduler.after(after, nullptr, [this] { begin(); });
}

void Member::end(const std::shared_ptr<Life>& life, const std::string& how) {
  if (life->process->over) {
    return;
  }
  life->process->over = true;
  world_.history.add({.did = Did::member_ended, .who = life->process->name, .text = how});
  world_.process_ended(life);
  std::erase(former_, life);
  if (life_ == life) {
    life_.reset();
    begin_again(milliseconds(world_.random.between(20, world_.is_calm() ? kSupervisor.ms : 3000)));
  }
  // Its memory goes when nothing of it is on the stack.
  world_.scheduler.after(Micros{0}, nullptr, [life] {});
}

void Member::crash(const std::string& why) {
  if (const auto life = life_) {  // kept until its code has returned
    world_.count("process crash");
    if (life->is_stopping) {
      world_.count("crash while stopping");
    }
    end(life, "crashes " + why);
  }
}

void Member::crash_after_tasks(int tasks) {
  if (life_ != nullptr) {
    life_->tasks_left = tasks;
  }
}

void Member::stop() {
  if (!is_up()) {
    return;
  }
  life_->is_stopping = true;
  const std::weak_ptr<Life> weak = life_;
  life_->hall.stop([this, weak] {
    if (const auto life = weak.lock()) {
      world_.scheduler.after(Micros{10}, nullptr, [this, life] { end(life, "stopped"); });
    }
  });
}

void Member::pause(Span span) {
  if (life_ != nullptr) {
    life_->process->paused_until = world_.scheduler.now() + micros(span);
  }
}

void Member::replace(Span span) {
  if (!is_up()) {
    return;
  }
  pause(span);
  const auto former = std::exchange(life_, nullptr);
  former_.push_back(former);
  begin_again(milliseconds(world_.random.between(1, span.ms)));
  world_.scheduler.after(span + kFormerFor, nullptr, [this, former] { end(former, "is ended"); });
}

void Member::calm() {
  for (const auto& former : std::vector(former_)) {
    end(former, "is ended");
  }
  machine.drift(world_.scheduler.now(), 0);
  if (life_ != nullptr) {
    life_->process->paused_until = 0;
    life_->tasks_left = 0;
  } else {
    begin();
  }
}

}  // namespace jobflow::sim
