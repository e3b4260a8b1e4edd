// A ledger that lies is found out, in every way it can (S4.8, I2); one that does not is left alone.
#include "schedule/ledger_audit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace jobflow::schedule {
namespace {

constexpr Instant kBegin{1'700'000'040'000};  // a whole minute

Instant minute(int number) {
  return kBegin + minutes(number);
}
LedgerEntry ran(int number) {
  return {minute(number), minute(number), 1, true};
}
LedgerEntry skipped(int from, int to, std::int64_t count) {
  return {minute(from), minute(to), count, false};
}

// Every minute, saved just before the first.
std::vector<Reign> each_minute() {
  return {{kBegin - seconds(1), {.cron = "* * * * *"}, 0}};
}

std::string findings(const AuditResult& result) {
  std::string text;
  for (const Finding& one : result.findings) {
    text += std::string(to_string(one.flaw)) + " " +
            std::to_string((one.from - kBegin).ms / 60'000) + "-" +
            std::to_string((one.to - kBegin).ms / 60'000) + " x" + std::to_string(one.count) + "; ";
  }
  return text;
}

std::string audited(const std::vector<LedgerEntry>& ledger, int minutes = 10) {
  return findings(audit_ledger(each_minute(), ledger, kBegin, minute(minutes)));
}

TEST(LedgerAudit, AWholeLedgerIsClean) {
  EXPECT_EQ(audited({ran(0), skipped(1, 4, 4), ran(5), ran(6), skipped(7, 9, 3)}), "");
  const AuditResult result =
      audit_ledger(each_minute(), {ran(0), skipped(1, 9, 9)}, kBegin, minute(10));
  EXPECT_EQ(result.due, 10);
  EXPECT_EQ(result.ran, 1);
  EXPECT_EQ(result.skipped, 9);
}

TEST(LedgerAudit, EveryLieIsFound) {
  EXPECT_EQ(audited({ran(0), ran(1), ran(5), skipped(6, 9, 4)}), "missing 2-4 x3; ");
  EXPECT_EQ(audited({}), "missing 0-9 x10; ");
  EXPECT_EQ(audited({skipped(0, 7, 8)}), "missing 8-9 x2; ");
  EXPECT_EQ(audited({skipped(0, 8, 9), ran(8), ran(9)}), "doubled 8-8 x1; ");
  EXPECT_EQ(audited({skipped(0, 4, 5), skipped(3, 9, 7)}), "doubled 3-4 x2; ");
  EXPECT_EQ(audited({skipped(0, 9, 8)}), "miscounted 0-9 x10; ");
  EXPECT_EQ(audited({skipped(0, 9, 10), {minute(3) + seconds(1), minute(3) + seconds(1), 1, true}}),
            "unplanned 3-3 x1; ");
}

TEST(LedgerAudit, OnlyTheSpanCounts) {
  const std::vector<LedgerEntry> ledger{skipped(0, 4, 5), ran(5), skipped(6, 9, 4)};
  EXPECT_EQ(findings(audit_ledger(each_minute(), ledger, minute(2), minute(8))), "");
  EXPECT_EQ(audit_ledger(each_minute(), ledger, minute(2), minute(8)).due, 6);
  EXPECT_EQ(findings(audit_ledger(each_minute(), {}, minute(-100), minute(0))), "")
      << "before it was saved";
}

// An edit: each schedule answers for its own time.
TEST(LedgerAudit, ReignsFollowEachOther) {
  std::vector<Reign> reigns = each_minute();
  reigns.push_back({minute(3) + seconds(30), {.cron = "*/2 * * * *"}, 0});
  reigns.push_back({minute(6) + seconds(30), {.kind = ScheduleKind::after_run}, 0});
  reigns.push_back(
      {minute(8) + seconds(30), {.kind = ScheduleKind::fixed_rate, .every = seconds(30)}, 0});
  std::vector<LedgerEntry> ledger{ran(0), ran(1), ran(2), ran(3)};
  for (Instant due = Timetable::make(reigns[1].schedule, {}, 0)->next_after(reigns[1].since);
       due <= reigns[2].since; due = due + minutes(2)) {
    ledger.push_back({due, due, 1, true});
  }
  ledger.push_back(ran(7));  // of an end
  ledger.push_back(skipped(9, 9, 1));
  EXPECT_EQ(findings(audit_ledger(reigns, ledger, kBegin, minute(9) + seconds(1))), "");
  ledger.pop_back();
  EXPECT_EQ(findings(audit_ledger(reigns, ledger, kBegin, minute(9) + seconds(1))),
            "missing 9-9 x1; ");
}

TEST(LedgerAudit, MoreThanCanBeToldIsCounted) {
  std::vector<LedgerEntry> ledger;
  for (int i = 0; i < 1000; i += 2) {
    ledger.push_back(ran(i));
  }
  const AuditResult result = audit_ledger(each_minute(), ledger, kBegin, minute(1000));
  EXPECT_EQ(result.findings.size(), AuditResult::kMost);
  EXPECT_EQ(result.more, 400);
  EXPECT_EQ(result.due, 1000);
}

// Any ledger that is written from the timetable is clean, and any one change to it is found.
TEST(LedgerAudit, OneChangeToAnyLedgerIsFound) {
  std::mt19937_64 random(4);
  const auto draw = [&](std::uint64_t below) { return random() % below; };
  for (int round = 0; round < 500; ++round) {
    const char* crons[] = {"* * * * *", "*/7 * * * *", "30 2 * * *", "*/20 * * * * *"};
    const char* zones[] = {"UTC", "Europe/Berlin", "America/New_York"};
    const Reign reign{kBegin, {.cron = crons[draw(4)], .timezone = zones[draw(3)]}, 0};
    const auto times = *Timetable::make(reign.schedule, reign.since, reign.hash);
    std::vector<LedgerEntry> ledger;
    Instant last = reign.since;
    for (int i = 0; i < 20; ++i) {
      LedgerEntry entry{times.next_after(last), times.next_after(last), 1, draw(2) == 0};
      for (std::uint64_t more = entry.ran ? 0 : draw(9); more > 0; --more) {
        entry.to = times.next_after(entry.to);
        ++entry.count;
      }
      last = entry.to;
      ledger.push_back(entry);
    }
    const Instant until = last + milliseconds(1);
    const AuditResult clean = audit_ledger({reign}, ledger, kBegin, until);
    ASSERT_EQ(findings(clean), "");
    ASSERT_EQ(clean.due, clean.ran + clean.skipped);
    auto tampered = ledger;
    const std::size_t where = draw(ledger.size());
    switch (draw(4)) {
      case 0:
        tampered.erase(tampered.begin() + static_cast<std::ptrdiff_t>(where));
        break;
      case 1:
        tampered.insert(tampered.begin() + static_cast<std::ptrdiff_t>(where), ledger[where]);
        break;
      case 2:
        tampered[where].count += 1;
        break;
      default:
        tampered[where].from = tampered[where].from + milliseconds(1);
    }
    ASSERT_FALSE(audit_ledger({reign}, tampered, kBegin, until).findings.empty());
  }
}

// S4.5: what ran and what was skipped must be what the calendars said then.
TEST(LedgerAudit, CalendarsAreHeldAgainstTheLedger) {
  CalendarBook book;
  const auto at = [](int number) { return to_rfc3339(minute(number)).substr(11, 5); };
  const auto save = [&](int revision, const std::string& from, const std::string& to,
                        Instant since) {
    book.take(
        {.number = revision,
         .name_space = "default",
         .name = "off",
         .revision = revision,
         .document = R"({"spec":{"weekly":[{"from":")" + from + R"(","to":")" + to + R"("}]}})",
         .updated = since});
  };
  save(1, at(3), at(6), {});
  const auto audited = [&](const std::vector<LedgerEntry>& ledger) {
    std::vector<Reign> reigns = each_minute();
    reigns[0].schedule.exclude = {"off"};
    reigns[0].open = Openings::past(reigns[0].schedule, "default", book);
    return findings(audit_ledger(reigns, ledger, kBegin, minute(10)));
  };
  const auto kept_off = [](int from, int to) {
    return LedgerEntry{minute(from), minute(to), to - from + 1, false, true};
  };
  EXPECT_EQ(audited({ran(0), ran(1), ran(2), kept_off(3, 5), skipped(6, 9, 4)}), "");
  EXPECT_EQ(audited({skipped(0, 2, 3), ran(3), kept_off(4, 5), skipped(6, 9, 4)}),
            "calendar 3-3 x1; ");
  EXPECT_EQ(audited({kept_off(0, 5), skipped(6, 9, 4)}), "calendar 0-0 x1; ");
  EXPECT_EQ(audited({skipped(0, 2, 3), kept_off(3, 6), skipped(7, 9, 3)}), "calendar 6-6 x1; ");
  EXPECT_EQ(audited({skipped(0, 9, 10)}), "") << "it may have been paused meanwhile";
  // From here on it covers other minutes; at the change itself either is right.
  save(2, at(8), at(9), minute(4));
  EXPECT_EQ(
      audited({skipped(0, 2, 3), kept_off(3, 4), ran(5), skipped(6, 7, 2), kept_off(8, 8), ran(9)}),
      "");
  EXPECT_EQ(audited({skipped(0, 2, 3), kept_off(3, 3), ran(4), ran(5), skipped(6, 9, 4)}), "");
  EXPECT_EQ(audited({skipped(0, 2, 3), kept_off(3, 5), skipped(6, 9, 4)}), "calendar 5-5 x1; ");
}

}  // namespace
}  // namespace jobflow::schedule
