// The loads there are: one row each. A new one is a function that arranges for it, and a row.
#include "schedule/timetable.h"
#include "tools/sim/documents.h"
#include "tools/sim/plan.h"
#include "tools/sim/shut.h"
#include "tools/sim/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace jobflow::sim {
namespace {

const std::string kPoisoned = "tick9";  // a job whose firings the store may refuse

Span every(Span rare, Strength strength) {
  return milliseconds(std::max<std::int64_t>(rare.ms * 10 / (strength + 9), 20));
}

void remember(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) {
    names.push_back(name);
  }
}

void save_job(World& world, const std::string& name, DocumentWishes wishes = {}) {
  remember(world.jobs, name);
  wishes.triggers = world.triggers[name];
  wishes.semaphores = world.semaphores;
  world.any_client().ask(
      engine::SaveDefinition{.definition = random_job(world.random, name, wishes)});
}
void save_workflow(World& world, const std::string& name, DocumentWishes wishes = {}) {
  remember(world.workflows, name);
  wishes.triggers = world.triggers[name];
  wishes.semaphores = world.semaphores;
  world.any_client().ask(
      engine::SaveDefinition{.definition = random_workflow(world.random, name, wishes)});
}

bool is_workflow(std::string_view name) {
  return name.starts_with("flow") || name.starts_with("tock");
}
void save(World& world, const std::string& name) {
  if (is_workflow(name)) {
    save_workflow(world, name, {.steps_max = name.starts_with("tock") ? 3 : 7});
  } else {
    save_job(world, name, {.poison = name == kPoisoned});
  }
}

engine::TriggerRun triggering(World& world, DefinitionKind kind, const std::string& name) {
  engine::TriggerRun ask{.kind = kind, .name_space = "default", .name = name};
  if (world.random.chance(20)) {
    ask.params = R"({"p":7})";
  }
  if (world.random.chance(10)) {
    ask.start_at = world.now() + milliseconds(world.random.between(-2000, 6000));
  }
  if (world.random.chance(20)) {
    ask.priority = static_cast<int>(world.random.between(-9, 9));
  }
  // A key that others use too, or one of its own: then it may be sent again (S5.2).
  ask.idempotency_key = world.random.chance(30)
                            ? fmt::format("key-{}", world.random.below(12))
                            : fmt::format("own-{}", world.random.next() % 1'000'000'000);
  if (world.plan.members > 1 && world.random.chance(40)) {
    ask.idempotency_key.clear();  // the command's id does as well (S12.4)
  }
  return ask;
}

void trigger(World& world, DefinitionKind kind, const std::string& name) {
  world.any_client().ask(triggering(world, kind, name), 4,
                         [&world](const Outcome<engine::Reply>& reply) {
                           if (reply) {
                             world.runs.push_back(reply->id);
                           }
                         });
}

// --- the loads

void jobs(World& world, Strength strength) {
  const auto count = world.random.between(1, 6);
  for (std::int64_t i = 0; i < count; ++i) {
    save_job(world, fmt::format("job{}", i));
  }
  world.now_and_then(every(milliseconds(1500), strength), [&world] {
    trigger(world, DefinitionKind::job, world.random.any(world.jobs));
  });
}

void workflows(World& world, Strength strength) {
  const auto count = world.random.between(1, 4);
  for (std::int64_t i = 0; i < count; ++i) {
    save_workflow(world, fmt::format("flow{}", i));
  }
  world.now_and_then(every(seconds(5), strength), [&world] {
    trigger(world, DefinitionKind::workflow, world.random.any(world.workflows));
  });
}

// What a trigger of that definition may be: it follows those before it in the list, mostly.
TriggerText draw_trigger(World& world, const std::string& name) {
  Season season{.now = world.now(), .jump = world.plan.jump, .stretch = world.plan.stretch};
  const bool is_moving = !world.moving.empty() && world.random.chance(60);
  season.calendar = is_moving ? world.moving : world.calendar;
  bool is_before = true;
  for (const auto* names : {&world.jobs, &world.workflows}) {
    for (const std::string& other : *names) {
      is_before = is_before && other != name;
      if (other != name) {
        const std::string text =
            fmt::format(R"("{}":"{}")", is_workflow(other) ? "workflow" : "job", other);
        season.others.push_back(text);
        if (is_before) {
          season.before.push_back(text);
        }
      }
    }
  }
  return random_trigger(world.random, season);
}

void plan_new(World& world, const std::string& name, std::int64_t most) {
  for (auto count = world.random.between(1, most); count > 0; --count) {
    world.triggers[name].push_back(draw_trigger(world, name));
  }
  save(world, name);
}

void crons(World& world, Strength strength) {
  const auto count = world.random.between(1, 1 + strength / 25);
  for (std::int64_t i = 0; i < count; ++i) {
    plan_new(world, fmt::format("{}{}", world.random.chance(75) ? "tick" : "tock", i), 3);
  }
}

// One that changes, is deleted and is there again while triggers name it (S4.5): as its routes do
// it, by the clock of the member that is asked, which heeds it; others by their next look.
void calendar_changes(World& world, Strength strength) {
  world.moving = moving_name(world.plan.epoch, world.plan.stretch);
  auto newest = std::make_shared<CalendarRow>(shut_calendar(world.moving));
  world.database.save_calendar("people", *newest);
  world.now_and_then(every(seconds(9), strength), [&world, newest] {
    const std::shared_ptr<Life> life = world.member_to_reach();
    if (life == nullptr) {
      return;
    }
    // What the store forgot is no revision any more.
    world.database.truth().list_calendars({.name_space = newest->name_space, .name = newest->name},
                                          [&](const Outcome<std::vector<CalendarRow>>& rows) {
                                            newest->revision =
                                                rows->empty() ? 0 : rows->front().revision;
                                          });
    const bool is_gone = !newest->deleted && world.random.chance(12);
    *newest = shut_calendar(world.moving, newest->revision + 1);
    newest->deleted = is_gone;
    newest->updated = life->clock.now();
    world.count(is_gone ? "calendar deleted" : "calendar changed");
    world.database.save_calendar("people", *newest);
    life->hall.refresh_calendars([](const Outcome<Done>&) {});
  });
}

// One that stays as it is, and one whose permits become more and fewer, and which is deleted while
// it is held and comes again; jobs and steps name either, both, or one that never was (S3.5).
void semaphores(World& world, Strength strength) {
  world.semaphores = {"fixed", "moving"};
  if (world.random.chance(10)) {
    world.semaphores.emplace_back("missing");
  }
  const auto save = [&world](const std::string& name, std::int64_t permits) {
    world.any_client().ask(engine::SaveDefinition{.definition = semaphore_of(name, permits)});
  };
  save("fixed", world.random.between(1, 4));
  save("moving", world.random.between(1, 4));
  world.now_and_then(every(seconds(6), strength), [&world, save] {
    if (world.random.chance(15)) {
      world.count("semaphore deleted");
      world.any_client().ask(engine::DeleteDefinition{.kind = DefinitionKind::semaphore,
                                                      .name_space = "default",
                                                      .name = "moving",
                                                      .force = world.random.chance(70)});
    } else {
      world.count("permits changed");
      save("moving", world.random.between(1, 4));
    }
  });
}

// With other schedules, or the same and other rules, or only switched on or off (S4.7).
void edit_triggers(World& world, const std::string& name) {
  std::vector<TriggerText>& triggers = world.triggers[name];
  const auto dice = world.random.between(1, 100);
  if (triggers.empty() || (dice <= 10 && triggers.size() < 4)) {
    triggers.push_back(draw_trigger(world, name));
  } else if (dice <= 20) {
    triggers.erase(triggers.begin() +
                   static_cast<std::ptrdiff_t>(world.random.below(triggers.size())));
  } else if (dice <= 45) {
    world.random.any(triggers) = draw_trigger(world, name);
  } else if (dice <= 70) {
    TriggerText& one = world.random.any(triggers);
    one.enabled = !one.enabled;
  } else {
    world.random.any(triggers).rules = random_rules(world.random);
  }
  save(world, name);
}

// Many whose time is far away: they sleep, until it comes or somebody asks something of them.
void sleepers(World& world, Strength strength) {
  const auto count = world.random.between(3, 4 + strength / 3);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("tick{}", 20 + i);
    world.triggers[name].push_back(far_trigger(world.random, world.now()));
    save_job(world, name);
  }
  world.now_and_then(every(seconds(8), strength), [&world, count] {
    // Often several of one that sleeps, while what the first made it read is under way.
    const std::string name = fmt::format("tick{}", 20 + world.random.between(0, count - 1));
    for (auto times = world.random.between(1, 3); times > 0; --times) {
      switch (world.random.below(3)) {
        case 0:
          trigger(world, DefinitionKind::job, name);
          break;
        case 1:
          edit_triggers(world, name);
          break;
        default:
          save(world, name);
      }
    }
  });
}

void edits(World& world, Strength strength) {
  world.now_and_then(every(seconds(8), strength), [&world] {
    auto& names = world.random.chance(70) ? world.jobs : world.workflows;
    if (names.empty()) {
      return;
    }
    const std::string name = world.random.any(names);
    if (world.triggers[name].empty() || world.random.chance(40)) {
      save(world, name);  // everything but its triggers
    } else {
      edit_triggers(world, name);
    }
  });
}

// By people, and for as long as they like (S4.7).
void pauses(World& world, Strength strength) {
  world.now_and_then(every(seconds(4), strength), [&world] {
    if (world.durable.triggers.empty()) {
      return;
    }
    auto one = world.durable.triggers.begin();
    std::advance(one, world.random.below(world.durable.triggers.size()));
    const Id trigger = one->first;
    if (one->second.progress.paused_by.empty() && world.random.chance(80)) {
      world.count("trigger paused");
      world.any_client().ask(engine::PauseTrigger{.trigger = trigger, .note = "a while"});
      if (world.random.chance(60)) {
        const Span later = milliseconds(world.random.between(1, 6000)) * world.plan.stretch;
        world.scheduler.after(later, nullptr, [&world, trigger] {
          if (!world.is_calm()) {
            world.any_client().ask(engine::ResumeTrigger{trigger});
          }
        });
      }
    } else {
      world.any_client().ask(engine::ResumeTrigger{trigger});
    }
  });
}

// So that they are a few, whatever the trigger's rate.
Instant few_instants_before(const TriggerRow& trigger, Instant until, std::int64_t count) {
  const Instant never = until - days(400);
  const auto schedule = parse_schedule(trigger.schedule);
  if (!schedule || !schedule::has_timetable(schedule->kind)) {
    return until - seconds(1);  // refused
  }
  const auto times = schedule::Timetable::make(*schedule, trigger.progress.anchor, 0);
  Instant from = until;
  for (; times && count > 0; --count) {
    const Instant before = times->last_between(never, from);
    if (before == never) {
      break;
    }
    from = before;
  }
  return from < until ? from : until - seconds(1);
}

// Of a stretch of the past, or of one that was begun before.
void backfills(World& world, Strength strength) {
  world.now_and_then(every(seconds(5), strength), [&world] {
    Random& random = world.random;
    const auto& begun = world.durable.backfills;
    if (!begun.empty() && random.chance(50)) {
      auto one = begun.end();
      std::advance(one, -random.between(1, std::min<std::int64_t>(std::ssize(begun), 4)));
      switch (random.below(5)) {
        case 0:
          world.any_client().ask(engine::CancelBackfill{one->first});
          return;
        case 1:
        case 2:
          world.any_client().ask(engine::PauseBackfill{.backfill = one->first, .note = "later"});
          return;
        default:
          world.any_client().ask(engine::ResumeBackfill{one->first});
          return;
      }
    }
    if (world.durable.triggers.empty()) {
      return;
    }
    auto of = world.durable.triggers.begin();
    std::advance(of, random.below(world.durable.triggers.size()));
    engine::StartBackfill ask{.trigger = of->first};
    ask.until = world.now() - milliseconds(random.between(0, 4000)) * world.plan.stretch;
    ask.from = few_instants_before(of->second, ask.until, random.between(1, 25));
    ask.newest_first = random.chance(40);
    ask.max_parallel = static_cast<int>(random.between(1, 5));
    ask.waits = random.chance(30);
    ask.pauses_on_failure = random.chance(30);
    world.any_client().ask(std::move(ask), world.plan.members == 1 ? 1 : 4,
                           [&world](const Outcome<engine::Reply>& reply) {
                             if (reply) {
                               world.count("backfill begun");
                             }
                           });
  });
}

void deletions(World& world, Strength strength) {
  world.now_and_then(every(seconds(15), strength), [&world] {
    const bool is_job = world.random.chance(70);
    auto& names = is_job ? world.jobs : world.workflows;
    if (!names.empty()) {
      world.any_client().ask(
          engine::DeleteDefinition{.kind = is_job ? DefinitionKind::job : DefinitionKind::workflow,
                                   .name_space = "default",
                                   .name = world.random.any(names)});
    }
  });
}

void cancels(World& world, Strength strength) {
  world.now_and_then(every(seconds(3), strength), [&world] {
    if (!world.runs.empty()) {
      world.any_client().ask(engine::CancelRun{world.random.any(world.runs)});
    }
  });
}

// Why does it not run? (S5.6)
void questions(World& world, Strength strength) {
  world.now_and_then(every(seconds(2), strength), [&world] {
    if (!world.runs.empty()) {
      world.any_client().ask(engine::ExplainRun{world.random.any(world.runs)});
    }
  });
}

void retries(World& world, Strength strength) {
  world.now_and_then(every(seconds(3), strength), [&world] {
    if (world.runs.empty()) {
      return;
    }
    engine::RetryRun ask{.run = world.random.any(world.runs), .from_steps = {}};
    const RunRow* row = world.durable.run(ask.run);
    if (row != nullptr && row->kind == RunKind::workflow && world.random.chance(50)) {
      ask.from_steps.push_back(fmt::format("s{}", world.random.below(3)));
    }
    // A member alone may have forgotten that it did it (S12.4): no second try.
    world.any_client().ask(std::move(ask), world.plan.members == 1 ? 1 : 4);
  });
}

void batches(World& world, Strength strength) {
  world.now_and_then(every(seconds(6), strength), [&world] {
    std::vector<engine::Request> requests;
    for (auto count = world.random.between(2, 12); count > 0; --count) {
      if (!world.jobs.empty() && (world.workflows.empty() || world.random.chance(80))) {
        requests.emplace_back(triggering(world, DefinitionKind::job, world.random.any(world.jobs)));
      } else if (!world.workflows.empty()) {
        requests.emplace_back(
            triggering(world, DefinitionKind::workflow, world.random.any(world.workflows)));
      } else if (!world.runs.empty()) {
        requests.emplace_back(engine::CancelRun{world.random.any(world.runs)});
      }
    }
    if (!requests.empty()) {
      world.any_client().ask_all(std::move(requests));
    }
  });
}

// A run that can be made, and not go on: wherever that is noticed, it is set aside (house 3b).
void brittle(World& world) {
  const bool is_workflow = !world.workflows.empty() && world.random.chance(50);
  auto& names = is_workflow ? world.workflows : world.jobs;
  engine::TriggerRun ask = triggering(
      world, is_workflow ? DefinitionKind::workflow : DefinitionKind::job, world.random.any(names));
  ask.params = fmt::format(R"({{"p":"{}"}})", kBrittle);
  if (!world.runs.empty() && world.random.chance(40)) {
    ask.start_at = {};
    ask.after_run = world.random.any(world.runs);
  }
  world.any_client().ask(std::move(ask), 4, [&world](const Outcome<engine::Reply>& reply) {
    if (reply) {
      world.count("run that cannot go on");
      world.runs.push_back(reply->id);
    }
  });
}

void poisoned(World& world, Strength strength) {
  plan_new(world, kPoisoned, 2);
  world.now_and_then(every(seconds(8), strength), [&world] {
    engine::TriggerRun ask = triggering(world, DefinitionKind::job, kPoisoned);
    ask.params = fmt::format(R"({{"p":"{}"}})", kPoison);
    world.any_client().ask(std::move(ask));
    brittle(world);
  });
}

// Runs that are cancelled while they are being given out.
void regrets(World& world, Strength strength) {
  world.now_and_then(every(milliseconds(800), strength), [&world] {
    if (world.jobs.empty()) {
      return;
    }
    world.any_client().ask(triggering(world, DefinitionKind::job, world.random.any(world.jobs)), 4,
                           [&world](const Outcome<engine::Reply>& reply) {
                             if (!reply) {
                               return;
                             }
                             world.scheduler.after(world.random.between(0, 400'000), nullptr,
                                                   [&world, run = reply->id] {
                                                     world.any_client().ask(engine::CancelRun{run});
                                                   });
                           });
  });
}

// Runs that wait for other runs, of whatever shard, or for one that never was: letters (I10).
void waits(World& world, Strength strength) {
  world.now_and_then(every(seconds(2), strength), [&world] {
    if (world.runs.empty() || (world.jobs.empty() && world.workflows.empty())) {
      return;
    }
    const bool is_job = world.workflows.empty() || (!world.jobs.empty() && world.random.chance(80));
    engine::TriggerRun ask =
        triggering(world, is_job ? DefinitionKind::job : DefinitionKind::workflow,
                   world.random.any(is_job ? world.jobs : world.workflows));
    ask.start_at = {};
    ask.after_run = world.random.any(world.runs);
    if (world.random.chance(5)) {
      ask.after_run.value += 1;
    }
    world.any_client().ask(std::move(ask), 4, [&world](const Outcome<engine::Reply>& reply) {
      if (reply) {
        world.count("run waits for another");
        world.runs.push_back(reply->id);
      }
    });
  });
}

}  // namespace

const std::vector<Kind>& load_kinds() {
  static const std::vector<Kind> kinds = {
      {"calendar changes", 30, calendar_changes},
      {"semaphores", 40, semaphores},
      {"jobs", 90, jobs},
      {"workflows", 60, workflows},
      {"crons", 60, crons},
      {"sleepers", 25, sleepers},
      {"pauses", 40, pauses},
      {"edits", 40, edits},
      {"backfills", 30, backfills},
      {"deletions", 30, deletions},
      {"cancels", 50, cancels},
      {"questions", 30, questions},
      {"retries", 50, retries},
      {"batches", 30, batches},
      {"poisoned commands", 15, poisoned},
      {"waits", 50, waits},
      {"regrets", 50, regrets},
  };
  return kinds;
}

}  // namespace jobflow::sim
