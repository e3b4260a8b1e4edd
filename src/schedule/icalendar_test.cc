// Events of iCalendar texts (S4.5): examples reckoned by hand from RFC 5545, and recurrences as
// another program found them (tests/schedule/make_recurrences.py).
#include "schedule/icalendar.h"

#include "model/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace jobflow::schedule {
namespace {

std::shared_ptr<const Zone> zone(const char* name) {
  return *find_zone(name);
}

std::string in_calendar(const std::string& lines) {
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + lines + "END:VCALENDAR\r\n";
}
std::string event(const std::string& lines) {
  return "BEGIN:VEVENT\r\n" + lines + "END:VEVENT\r\n";
}

// "12-24T18:00+90m" (UTC) for a moment, "2026-12-24+2d" for days; the first ones, in order.
std::string shown(const std::string& text, const char* zone_name = "UTC", std::size_t most = 12) {
  auto times = read_icalendar(text, zone(zone_name));
  if (!times) {
    return times.problem().detail;
  }
  std::ranges::sort(times->days, {}, &EventTimes::Days::from);
  std::ranges::sort(times->moments, {}, &EventTimes::Moments::from);
  std::vector<std::string> words;
  for (const auto& [from, end] : times->days) {
    words.push_back(to_rfc3339({from * 1000}).substr(0, 10) + "+" +
                    std::to_string((end - from) / 86'400) + "d");
  }
  for (const auto& [from, end] : times->moments) {
    words.push_back(to_rfc3339(from).substr(0, 16) + "+" +
                    std::to_string((end - from).ms / 60'000) + "m");
  }
  words.resize(std::min(words.size(), most));
  return std::accumulate(words.begin(), words.end(), std::string(),
                         [](const std::string& all, const std::string& word) {
                           return all + (all.empty() ? "" : " ") + word;
                         });
}

std::string shown_event(const std::string& lines, const char* zone_name = "UTC") {
  return shown(in_calendar(event(lines)), zone_name);
}

TEST(ICalendar, ReadsDaysAndTimesInEveryForm) {  // RFC 5545, 3.3.4-3.3.6, 3.6.1
  EXPECT_EQ(shown_event("DTSTART;VALUE=DATE:20261224\n"), "2026-12-24+1d");
  EXPECT_EQ(shown_event("DTSTART:20261224\nDTEND:20261227\n"), "2026-12-24+3d");
  EXPECT_EQ(shown_event("DTSTART:20261224\nDTEND:20261224\n"), "2026-12-24+1d");
  EXPECT_EQ(shown_event("DTSTART:20261224\nDURATION:P1W\n"), "2026-12-24+7d");
  EXPECT_EQ(shown_event("DTSTART:20261224T180000Z\nDTEND:20261224T193000Z\n"),
            "2026-12-24T18:00+90m");
  EXPECT_EQ(shown_event("DTSTART;TZID=\"Europe/Berlin\":20261224T180000\nDURATION:PT1H\n"),
            "2026-12-24T17:00+60m");
  // Without a zone: the calendar's own.
  EXPECT_EQ(shown_event("DTSTART:20261224T180000\nDURATION:PT1H\n", "Asia/Shanghai"),
            "2026-12-24T10:00+60m");
  EXPECT_EQ(shown_event("DTSTART;TZID=Europe/Berlin:20260701T090000\n"
                        "DTEND;TZID=America/New_York:20260701T090000\n"),
            "2026-07-01T07:00+360m");
  EXPECT_EQ(shown_event("DTSTART:20261224T235960Z\nDURATION:+PT1M\n"), "2026-12-24T23:59+1m");
}

TEST(ICalendar, ADayLastsAsLongAsTheClockSays) {  // RFC 5545, 3.3.5, 3.3.6
  // 28 March 2027 has 23 hours in Berlin. A skipped time is taken with the offset before.
  EXPECT_EQ(shown_event("DTSTART;TZID=Europe/Berlin:20270327T120000\nDURATION:P1D\n"),
            "2027-03-27T11:00+1380m");
  EXPECT_EQ(shown_event("DTSTART;TZID=Europe/Berlin:20270327T120000\nDURATION:PT24H\n"),
            "2027-03-27T11:00+1440m");
  EXPECT_EQ(shown_event("DTSTART;TZID=Europe/Berlin:20270328T023000\nDURATION:PT1H\n"),
            "2027-03-28T01:30+60m");
  EXPECT_EQ(shown_event("DTSTART;TZID=Europe/Berlin:20271031T023000\nDURATION:PT1H\n"),
            "2027-10-31T00:30+60m");
  // Each occurrence for itself; DTEND says exact time, of all.
  EXPECT_EQ(shown_event("DTSTART;TZID=Europe/Berlin:20270326T120000\nDURATION:P1D\n"
                        "RRULE:FREQ=DAILY;COUNT=3\n"),
            "2027-03-26T11:00+1440m 2027-03-27T11:00+1380m 2027-03-28T10:00+1440m");
  EXPECT_EQ(shown_event("DTSTART;TZID=Europe/Berlin:20270326T120000\n"
                        "DTEND;TZID=Europe/Berlin:20270327T120000\nRRULE:FREQ=DAILY;COUNT=2\n"),
            "2027-03-26T11:00+1440m 2027-03-27T11:00+1440m");
}

TEST(ICalendar, FollowsRules) {  // RFC 5545, 3.8.5.3
  struct Case {
    const char* start;
    const char* rule;
    const char* shown;
  };
  for (const auto& [start, rule, expected] : {
           Case{"20261224", "FREQ=YEARLY;COUNT=3", "2026-12-24+1d 2027-12-24+1d 2028-12-24+1d"},
           // Thanksgiving, Memorial Day.
           {"20261126", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;UNTIL=20281231",
            "2026-11-26+1d 2027-11-25+1d 2028-11-23+1d"},
           {"20260525", "FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;COUNT=2", "2026-05-25+1d 2027-05-31+1d"},
           // "Every day in January", "the first and last Sunday", "the tenth and the last day".
           {"19980101", "FREQ=YEARLY;UNTIL=20000131;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA;COUNT=1",
            "line 5: RRULE: COUNT and UNTIL stand together: drop one"},
           {"19970907", "FREQ=MONTHLY;INTERVAL=2;COUNT=4;BYDAY=1SU,-1SU",
            "1997-09-07+1d 1997-09-28+1d 1997-11-02+1d 1997-11-30+1d"},
           {"19970928", "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=3",
            "1997-09-28+1d 1997-10-29+1d 1997-11-28+1d"},
           {"20260131", "FREQ=MONTHLY;COUNT=3", "2026-01-31+1d 2026-03-31+1d 2026-05-31+1d"},
           {"20240229", "FREQ=YEARLY;COUNT=2", "2024-02-29+1d 2028-02-29+1d"},
           // Where the week begins matters (the RFC's own example).
           {"19970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "1997-08-05+1d 1997-08-10+1d 1997-08-19+1d 1997-08-24+1d"},
           {"19970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "1997-08-05+1d 1997-08-17+1d 1997-08-19+1d 1997-08-31+1d"},
           {"19970929", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=3",
            "1997-09-29+1d 1997-10-30+1d 1997-11-27+1d"},
           {"19970519", "FREQ=YEARLY;BYDAY=20MO;COUNT=3",
            "1997-05-19+1d 1998-05-18+1d 1999-05-17+1d"},
           {"19980213", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=3",
            "1998-02-13+1d 1998-03-13+1d 1998-11-13+1d"},
           // A Wednesday, its week's second: the week has positions of its own from Monday on.
           {"20260107", "FREQ=WEEKLY;BYDAY=MO,WE,SU;BYSETPOS=1,3;COUNT=3",
            "2026-01-07+1d 2026-01-11+1d 2026-01-12+1d"},
           // DTSTART counts, even where the rule would not name it.
           {"20260101", "FREQ=WEEKLY;BYDAY=MO;COUNT=2", "2026-01-01+1d 2026-01-05+1d"},
           {"20260101", "FREQ=DAILY;UNTIL=20260102T090000Z", "2026-01-01+1d 2026-01-02+1d"},
           {"20260101", "FREQ=DAILY;UNTIL=20251231", ""},
           {"20991230", "FREQ=DAILY;UNTIL=99991231T235959Z",
            "2099-12-30+1d 2099-12-31+1d 2100-01-01+1d"},
       }) {
    EXPECT_EQ(shown_event("DTSTART:" + std::string(start) + "\nRRULE:" + std::string(rule) + "\n"),
              expected)
        << rule;
  }
}

TEST(ICalendar, EndsARuleAtItsInstant) {  // UNTIL is inclusive, and in UTC where DTSTART has a zone
  const std::string start = "DTSTART;TZID=Europe/Berlin:20260101T090000\nDURATION:PT1H\n";
  EXPECT_EQ(shown_event(start + "RRULE:FREQ=DAILY;UNTIL=20260102T080000Z\n"),
            "2026-01-01T08:00+60m 2026-01-02T08:00+60m");
  EXPECT_EQ(shown_event(start + "RRULE:FREQ=DAILY;UNTIL=20260102T075959Z\n"),
            "2026-01-01T08:00+60m");
  EXPECT_EQ(shown_event(start + "RRULE:FREQ=DAILY;UNTIL=20260102T085959\n"),
            "2026-01-01T08:00+60m");
  EXPECT_EQ(shown_event(start + "RRULE:FREQ=DAILY;UNTIL=20260102\n"),
            "2026-01-01T08:00+60m 2026-01-02T08:00+60m");
}

TEST(ICalendar, TakesOutAndAddsDates) {  // RFC 5545, 3.8.5.1, 3.8.5.2
  EXPECT_EQ(shown_event("DTSTART:20260101\nRRULE:FREQ=DAILY;COUNT=4\n"
                        "EXDATE;VALUE=DATE:20260102,20260103\n"),
            "2026-01-01+1d 2026-01-04+1d");
  EXPECT_EQ(shown_event("DTSTART;TZID=Europe/Berlin:20260101T090000\nDURATION:PT1H\n"
                        "RRULE:FREQ=DAILY;COUNT=4\nEXDATE;TZID=Europe/Berlin:20260102T090000\n"
                        "EXDATE:20260103T080000Z\nEXDATE;VALUE=DATE:20260104\n"),
            "2026-01-01T08:00+60m");
  EXPECT_EQ(shown_event("DTSTART:20260101\nRDATE;VALUE=DATE:20260201,20260301\n"),
            "2026-01-01+1d 2026-02-01+1d 2026-03-01+1d");
  EXPECT_EQ(shown_event("DTSTART:20260101T090000Z\nDURATION:PT1H\n"
                        "RDATE:20260201T090000Z\n"
                        "RDATE;VALUE=PERIOD:20260301T090000Z/20260301T093000Z,"
                        "20260401T090000Z/PT5M\n"),
            "2026-01-01T09:00+60m 2026-02-01T09:00+60m 2026-03-01T09:00+30m 2026-04-01T09:00+5m");
}

TEST(ICalendar, LeavesOutWhatIsCancelledAndMovesWhatIsChanged) {  // RFC 5545, 3.8.4.4
  EXPECT_EQ(shown_event("DTSTART:20260101\nSTATUS:cancelled\n"), "");
  EXPECT_EQ(shown_event("DTSTART:20260101\nSTATUS:CONFIRMED\n"), "2026-01-01+1d");
  const std::string series = event("UID:a\nDTSTART:20260101\nRRULE:FREQ=DAILY;COUNT=3\n");
  EXPECT_EQ(shown(in_calendar(
                event("UID:a\nRECURRENCE-ID:20260102\nDTSTART:20260115\n") + series +
                event("UID:a\nRECURRENCE-ID:20260103\nDTSTART:20260103\nSTATUS:CANCELLED\n") +
                event("UID:b\nRECURRENCE-ID:20260101\nDTSTART:20260120\n"))),
            "2026-01-01+1d 2026-01-15+1d 2026-01-20+1d");
}

TEST(ICalendar, PassesOverWhatSaysNothingOfEvents) {
  const std::string text =
      "\xef\xbb\xbf"
      "begin:vcalendar\nPRODID:-//x//y\nX-WR-CALNAME:Feiertage\n"
      "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:DAYLIGHT\nDTSTART:16010101T020000\n"
      "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n"
      "BEGIN:VTODO\nDTSTART:nonsense\nno colon at all\nEND:VTODO\n"
      "BEGIN:VEVENT\nDTSTART\n ;VALUE=DA\n\tTE:2026\n 1224\nSUMMARY;X=\"a:b;c\":Heilig\n  abend\n"
      "TRANSP:TRANSPARENT\nBEGIN:VALARM\nTRIGGER:-PT10M\nDURATION:nonsense\nEND:VALARM\n"
      "END:VEVENT\n\nend:vcalendar\nBEGIN:VCALENDAR\nEND:VCALENDAR\n";
  EXPECT_EQ(shown(text), "2026-12-24+1d");
}

TEST(ICalendar, SaysWhatItDoesNotUnderstandAndInWhichLine) {
  struct Case {
    std::string text;
    std::string detail;
  };
  const std::string start = "DTSTART:20260101\n";  // line 4
  for (const auto& [text, detail] : {
           Case{"", "line 1: an iCalendar text begins with BEGIN:VCALENDAR"},
           {"\n\nhello", "line 3: an iCalendar text begins with BEGIN:VCALENDAR"},
           {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\n",
            "line 3: END:VEVENT is missing: the text was cut"},
           {"BEGIN:VCALENDAR\nEND:VEVENT\n",
            "line 2: END:VEVENT ends nothing that began: END:VCALENDAR is to come first"},
           {"BEGIN:VCALENDAR\nEND:VCALENDAR\nX:1\n",
            "line 3: stands outside of BEGIN:VCALENDAR and END:VCALENDAR"},
           {in_calendar("BEGIN:VCALENDAR\n"), "line 3: BEGIN:VCALENDAR does not belong here"},
           {in_calendar(event("BEGIN:VEVENT\n")), "line 4: BEGIN:VEVENT does not belong here"},
           {in_calendar(event("UID:a\n")), "line 3: the event has no DTSTART"},
           {in_calendar(event("DTSTART 20260101\n")),
            "line 4: 'DTSTART 20260101' is not of the form NAME:value; a line that goes on begins "
            "with a blank"},
           {in_calendar(event("DTSTART;VALUE=DATE\n")),
            "line 4: DTSTART: no ':' comes after the parameter VALUE"},
           {in_calendar(event("DTSTART;VALUE:20260101\n")),
            "line 4: DTSTART: a parameter has no value"},
           {in_calendar(event("DTSTART:20260230\n")),
            "line 4: DTSTART: '20260230' is not a date or time such as 20261224 or "
            "20261224T180000Z"},
           {in_calendar(event("DTSTART;VALUE=DATE:20260101T000000\n")),
            "line 4: DTSTART: '20260101T000000' is not what VALUE=DATE says: a date is VALUE=DATE, "
            "a time DATE-TIME"},
           {in_calendar(event(start + start)), "line 5: DTSTART: stands twice in one event"},
           {in_calendar(event(start + "DTEND:20251231\n")), "line 5: DTEND: is before DTSTART"},
           {in_calendar(event(start + "DTEND:20260102T000000\n")),
            "line 5: DTEND: is a date where DTSTART is a time, or the reverse"},
           {in_calendar(event(start + "DURATION:PT1H\n")),
            "line 5: DURATION: an all-day event lasts whole days"},
           {in_calendar(event(start + "DURATION:-P1D\n")),
            "line 5: DURATION: '-P1D' is not a duration such as P1D or PT1H30M"},
           {in_calendar(event(start + "DTEND:20260102\nDURATION:P1D\n")),
            "line 6: DURATION: stands beside DTEND: drop one of them"},
           {in_calendar(event(start + "EXRULE:FREQ=DAILY\n")),
            "line 5: EXRULE: is not understood: write the exceptions as EXDATE"},
           {in_calendar(event(start + "RECURRENCE-ID;RANGE=THISANDFUTURE:20260101\n")),
            "line 5: RECURRENCE-ID: RANGE is not understood: end the series with UNTIL and begin "
            "another"},
           {in_calendar(event(start + "RDATE:20260201T100000\n")),
            "line 5: RDATE: is a date where DTSTART is a time, or the reverse"},
           {in_calendar(event(start + "RRULE:FREQ=DAILY;UNTIL=soon\n")),
            "line 5: UNTIL: 'SOON' is not a date or time such as 20261224 or 20261224T180000Z"},
       }) {
    EXPECT_EQ(shown(text), detail) << text;
  }
  const std::string unknown = shown_event("DTSTART;TZID=W. Europe Standard Time:20260101T090000\n");
  EXPECT_TRUE(unknown.starts_with("line 4: DTSTART: TZID: ")) << unknown;
}

TEST(ICalendar, SaysWhatIsWrongWithARule) {
  struct Case {
    const char* rule;
    const char* detail;
  };
  for (const auto& [rule, detail] : {
           Case{"COUNT=3", "FREQ is missing"},
           {"FREQ=DAILY;", "'' is not of the form PART=value"},
           {"FREQ=DAILY;FREQ=DAILY", "FREQ stands twice"},
           {"FREQ=DAYLY", "FREQ=DAYLY is not understood: did you mean 'DAILY'?"},
           {"FREQ=HOURLY", "FREQ=HOURLY is not understood: calendars recur by days at the finest"},
           {"FREQ=DAILY;BYHOUR=9",
            "BYHOUR is not understood: calendars recur by days at the finest"},
           {"FREQ=YEARLY;BYWEEKNO=20", "BYWEEKNO is not understood"},
           {"FREQ=YEARLY;BYYEARDAY=100", "BYYEARDAY is not understood"},
           {"FREQ=DAILY;INTERVAL=0", "INTERVAL=0: write a number from 1 to 1000000"},
           {"FREQ=YEARLY;BYMONTH=13", "BYMONTH=13: write a number from 1 to 12"},
           {"FREQ=MONTHLY;BYMONTHDAY=0",
            "BYMONTHDAY=0 says nothing: count from 1, or from -1 backwards"},
           {"FREQ=WEEKLY;BYDAY=XX", "BYDAY: 'XX' is not one of SU, MO, TU, WE, TH, FR, SA"},
           {"FREQ=WEEKLY;BYDAY=2MO",
            "BYDAY counts weekdays of a month or year: FREQ must be MONTHLY or YEARLY"},
           {"FREQ=WEEKLY;BYMONTHDAY=2", "BYMONTHDAY says nothing in FREQ=WEEKLY"},
           {"FREQ=MONTHLY;BYSETPOS=1",
            "BYSETPOS chooses among the days of another BY part, and there is none"},
       }) {
    const std::string told =
        shown_event("DTSTART:20260101\nRRULE:" + std::string(rule) + "\n").substr(0, 200);
    EXPECT_TRUE(told.starts_with("line 5: RRULE: " + std::string(detail))) << told;
  }
}

TEST(ICalendar, IsBounded) {
  EXPECT_EQ(shown(std::string(limits::kICalendarBytes + 1, ' ')), "is longer than 1048576 bytes");
  std::string many;
  for (int i = 0; i < 10; ++i) {
    many += event("DTSTART:19700101\nRRULE:FREQ=DAILY\n");
  }
  EXPECT_NE(shown(in_calendar(many)).find("with this event there are more than 300000"),
            std::string::npos);
  many.clear();
  for (int i = 0; i < 150; ++i) {  // no such day
    many += event("DTSTART:19700101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\n");
  }
  EXPECT_NE(shown(in_calendar(many)).find("take too long to follow"), std::string::npos);
}

// Whatever the text: times or a problem.
TEST(ICalendar, TakesAnyText) {
  const std::string whole =
      in_calendar(event("UID:a\nDTSTART;TZID=Europe/Berlin:20260101T090000\nDURATION:P1DT2H\n"
                        "RRULE:FREQ=MONTHLY;BYDAY=-1FR,2MO;BYSETPOS=1;UNTIL=20270101T000000Z\n"
                        "EXDATE;VALUE=DATE:20260130\nRDATE;VALUE=PERIOD:20260301T090000Z/PT5M\n"
                        "STATUS:CONFIRMED\n") +
                  event("UID:a\nRECURRENCE-ID:20260227\nDTSTART:20260301\nDTEND:20260303\n"));
  std::mt19937 random(5545);
  int read = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = whole;
    for (auto change = 1 + random() % 3; change > 0; --change) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text.erase(at, 1 + random() % 8);
          break;
        case 1:
          text[at] = whole[random() % whole.size()];
          break;
        default:
          text.insert(at, whole.substr(random() % whole.size(), random() % 8));
      }
    }
    const auto times = read_icalendar(text, zone("UTC"));
    read += times ? 1 : 0;
    EXPECT_TRUE(times || times.problem().detail.starts_with("line ")) << times.problem().detail;
  }
  EXPECT_GT(read, 100);
  EXPECT_LT(read, 2900);
}

TEST(ICalendar, AgreesWithAnotherProgram) {
  std::ifstream file(std::string(JOBFLOW_SCHEDULE_TESTDATA) + "/recurrences.tsv");
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    std::vector<std::string> columns;
    std::istringstream text(line);
    for (std::string column; std::getline(text, column, '\t');) {
      columns.push_back(column);
    }
    ASSERT_GE(columns.size(), 5U) << line;
    auto times = read_icalendar(in_calendar(event("DTSTART" + columns[0] + "\nDURATION:PT1S\n" +
                                                  "RRULE:" + columns[1] + "\n")),
                                zone("UTC"));
    ASSERT_TRUE(times) << line << "\n" << times.problem().detail;
    std::string first;
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < times->moments.size(); ++i) {
      const std::int64_t from = times->moments[i].from.ms / 1000;
      sum += from;
      first += i < 6 ? (i == 0 ? "" : " ") + std::to_string(from) : "";
    }
    EXPECT_EQ(first, columns[4]) << line;
    EXPECT_EQ(std::to_string(times->moments.size()), columns[2]) << line;
    EXPECT_EQ(std::to_string(sum), columns[3]) << line;
  }
  EXPECT_EQ(lines, 400);
}

}  // namespace
}  // namespace jobflow::schedule
