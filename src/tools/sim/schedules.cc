#include "tools/sim/schedules.h"

#include <fmt/format.h>

#include <algorithm>

namespace jobflow::sim {
namespace {

template <std::size_t count>
int any_of(Random& random, const int (&some)[count]) {
  return some[random.below(count)];
}

const char* any_of(Random& random, std::initializer_list<const char*> some) {
  return *(some.begin() + random.below(some.size()));
}

std::string moment(const char* member, Instant at) {
  return fmt::format(R"("{}":"{}")", member, to_rfc3339(at));
}

// Every so many seconds: a calendar that anybody can reckon.
std::string plain_cron(Random& random, const Season& season) {
  static constexpr int kPeriods[] = {1, 2, 3, 5, 10, 15};
  static constexpr int kRare[] = {15, 20, 30};
  return fmt::format(R"("cron":"*/{} * * * * *")",
                     season.stretch > 1 ? any_of(random, kRare) : any_of(random, kPeriods));
}

// Readings around the jump, and both rules for what it does to them (S4.4).
std::string cron_at_jump(Random& random, const Jump& jump) {
  static constexpr int kMinutes[] = {0, 0, 0, 30};
  static constexpr int kSteps[] = {4, 7, 20};
  const std::string seconds =
      random.chance(50) ? std::to_string(random.between(0, 40))
                        : fmt::format("{}/{}", random.between(0, 5), any_of(random, kSteps));
  const std::string hours = random.chance(60) ? jump.hours : "*";
  return fmt::format(R"("cron":"{} {} {} * * *","timezone":"{}","gap":"{}","repeat":"{}")", seconds,
                     any_of(random, kMinutes), hours, jump.zone,
                     any_of(random, {"run_after", "skip"}),
                     any_of(random, {"first", "second", "both"}));
}

// In some zone's time, in both dialects; once a minute, or a day, or in a few seconds.
std::string zoned_cron(Random& random, const Season& season) {
  const std::string zone =
      fmt::format(R"(,"timezone":"{}")",
                  any_of(random, {"UTC", "Asia/Kathmandu", "America/St_Johns", "US/Pacific"}));
  static constexpr int kSteps[] = {7, 10, 20, 30};
  const std::int64_t soon =
      (season.now.ms / 1000 + random.between(3, 25L * season.stretch)) % 86'400;
  switch (random.below(4)) {
    case 0:
      return fmt::format(R"("cron":"{}/{} * * ? * MON-SUN","dialect":"quartz"{})", random.below(5),
                         any_of(random, kSteps), zone);
    case 1:
      return fmt::format(R"("cron":"*/{} * * * *","dialect":"unix"{})", random.between(1, 5), zone);
    case 2:
      return fmt::format(R"("cron":"{} {} {} * * ?","dialect":"quartz")", soon % 60, soon / 60 % 60,
                         soon / 3600);
    default:
      return fmt::format(R"("cron":"H {} * * {}"{})", random.below(24), random.below(7), zone);
  }
}

// Far beyond what is looked ahead: its definition sleeps.
std::string far(Random& random, Instant now) {
  switch (random.below(5)) {
    case 0:
      return fmt::format(R"("every":"{}s")", random.between(61, 200));
    case 1:
      return fmt::format(R"("every":"{}m")", random.between(5, 240));
    case 2:
      return moment("at", now + seconds(random.between(60, 7200)));
    case 3:
      return fmt::format(R"("in":"{}s")", random.between(60, 300));
    default:
      return fmt::format(R"("delay_after":"{}s")", random.between(40, 600));
  }
}

std::string rate(Random& random, const Season& season) {
  if (season.stretch == 1 && random.chance(30)) {
    // That fast only for a while: each is a run.
    return fmt::format(R"("every":"{}ms",{})", random.between(100, 900),
                       moment("end", season.now + milliseconds(random.between(1500, 5000))));
  }
  return fmt::format(R"("every":"{}ms")", random.between(1000, 12'000) * season.stretch);
}

// Those before it as it likes; any other only so that a circle holds one run at most.
std::string after(Random& random, const Season& season) {
  const bool is_any = season.before.empty() || random.chance(15);
  const std::vector<std::string>& names = is_any ? season.others : season.before;
  return fmt::format(R"("after":{{{},"states":[{}]}}{})", names[random.below(names.size())],
                     any_of(random, {R"("succeeded")", R"("succeeded","failed")",
                                     R"("failed","timed_out","expired")",
                                     R"("succeeded","failed","cancelled","timed_out","expired")"}),
                     is_any ? R"(,"overlap":"skip")" : "");
}

std::string kind(Random& random, const Season& season) {
  const std::int64_t dice = random.between(1, 100);
  if (season.jump != nullptr && dice <= 45) {
    return cron_at_jump(random, *season.jump);
  }
  if (dice <= 45) {
    return plain_cron(random, season);
  }
  if (dice <= 58) {
    return zoned_cron(random, season);
  }
  if (dice <= 69) {
    return rate(random, season);
  }
  if (dice <= 76) {
    return fmt::format(R"("delay_after":"{}ms")", random.between(100, 6000) * season.stretch);
  }
  if (dice <= 79) {
    return moment("at", season.now + milliseconds(random.between(-2000, 20'000) * season.stretch));
  }
  if (dice <= 83) {
    return fmt::format(R"("in":"{}ms")", random.between(1, 15'000) * season.stretch);
  }
  if (dice <= 91 && !season.others.empty()) {
    return after(random, season);
  }
  return far(random, season.now);
}

bool has(const std::string& text, const char* word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

const std::vector<Jump>& jumps() {
  static const std::vector<Jump> all = {
      {"Europe/Berlin", Instant{1'711'846'800'000}, "2,3"},       // 02:00 -> 03:00
      {"Europe/Berlin", Instant{1'729'990'800'000}, "2"},         // 03:00 -> 02:00
      {"America/New_York", Instant{1'710'054'000'000}, "2,3"},    // 02:00 -> 03:00
      {"America/New_York", Instant{1'730'613'600'000}, "1"},      // 02:00 -> 01:00
      {"Australia/Lord_Howe", Instant{1'728'142'200'000}, "2"},   // 02:00 -> 02:30
      {"Australia/Lord_Howe", Instant{1'712'415'600'000}, "1"},   // 02:00 -> 01:30
      {"America/Santiago", Instant{1'725'768'000'000}, "0,1"},    // 00:00 -> 01:00
      {"America/Santiago", Instant{1'712'458'800'000}, "23"},     // 24:00 -> 23:00
      {"Antarctica/Troll", Instant{1'711'846'800'000}, "1,2,3"},  // 01:00 -> 03:00
      {"Pacific/Apia", Instant{1'325'239'200'000}, "0,2"},        // the 30th of December 2011
  };
  return all;
}

std::string random_rules(Random& random) {
  std::string text;
  if (random.chance(60)) {
    text += fmt::format(R"(,"misfire":{{"policy":"{}")",
                        any_of(random, {"skip", "last", "all", "all"}));
    if (has(text, "all") && random.chance(60)) {
      text += fmt::format(R"(,"limit":{})", random.between(1, 6));
    }
    text +=
        random.chance(40) ? fmt::format(R"(,"window":"{}ms"}})", random.between(300, 9000)) : "}";
  }
  if (random.chance(50)) {
    const char* policy = any_of(random, {"skip", "queue", "cancel_running", "allow"});
    text += fmt::format(R"(,"overlap":{{"policy":"{}")", policy);
    text += policy[0] == 'q' && random.chance(70)
                ? fmt::format(R"(,"limit":{}}})", random.between(1, 4))
                : "}";
  }
  return text;
}

TriggerText far_trigger(Random& random, Instant now) {
  return {.when = far(random, now), .rules = random_rules(random), .enabled = random.chance(90)};
}

TriggerText random_trigger(Random& random, const Season& season) {
  TriggerText text{.when = kind(random, season), .rules = {}, .enabled = random.chance(88)};
  const bool is_once = text.when.starts_with(R"("at")") || text.when.starts_with(R"("in")");
  if (!is_once && !has(text.when, R"("end")")) {
    const Instant start = season.now + seconds(random.between(-8, 12) * season.stretch);
    if (random.chance(12)) {
      text.when += "," + moment("start", start);
    }
    if (random.chance(12)) {
      text.when += "," + moment("end", start + seconds(random.between(1, 20) * season.stretch));
    }
  }
  if (random.chance(15)) {
    text.when += fmt::format(R"(,"jitter":"{}ms")", random.between(1, 3000));
  }
  if (!season.calendar.empty() && random.chance(35)) {
    text.when +=
        fmt::format(R"(,"{}":["{}"])", random.chance(75) ? "exclude" : "include", season.calendar);
  }
  text.rules = random_rules(random);
  return text;
}

std::string to_json(const std::vector<TriggerText>& triggers, const std::string& params) {
  std::string text;
  for (std::size_t i = 0; i < triggers.size(); ++i) {
    const TriggerText& one = triggers[i];
    std::string rules = one.rules;
    if (one.when.starts_with(R"("after")")) {
      rules.clear();  // an end is never missed; and what a circle needs stands in `when`
    }
    text += fmt::format(R"({}{{"name":"t{}",{}{},"enabled":{}{}}})", i == 0 ? "" : ",", i, one.when,
                        rules, one.enabled, params);
  }
  return text;
}

}  // namespace jobflow::sim
