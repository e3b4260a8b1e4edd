#!/usr/bin/env python3
"""Writes when recurrence rules of iCalendar fall, as python-dateutil and zoneinfo find it: an
answer to src/schedule that shares no code with it. Clause S4.5.

  python3 tests/schedule/make_recurrences.py > src/schedule/testdata/recurrences.tsv

Each line: DTSTART's text with its parameters, RRULE, how many occurrences begin before 2100-01-02
on the event's clock, the sum of their beginnings (seconds since 1970), the first ones, and the last
one. DTSTART always is an occurrence of its rule: what else it would be, RFC 5545 leaves open.
"""

import random
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai",
         "America/Santiago"]
DAYS = "SU MO TU WE TH FR SA".split()
END = datetime(2100, 1, 2)


def some(rng, values, most):
    return sorted(rng.sample(values, rng.randint(1, most)))


def weekdays(rng, ordinal):
    return ",".join((str(rng.choice([1, 2, 3, 4, 5, -1, -2, *([20, -10] if ordinal > 5 else [])]))
                     if ordinal and rng.random() < 0.7 else "") + day
                    for day in some(rng, DAYS, 4))


def rule(rng):
    freq = rng.choice(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"])
    parts = {"FREQ": freq}
    if rng.random() < 0.4:
        parts["INTERVAL"] = rng.randint(2, 5)
    months = rng.random() < 0.35
    if months:
        parts["BYMONTH"] = ",".join(map(str, some(rng, range(1, 13), 4)))
    if freq != "WEEKLY" and rng.random() < 0.4:
        days = [n for n in range(-31, 32) if n]
        parts["BYMONTHDAY"] = ",".join(map(str, some(rng, days, 6)))
    if rng.random() < 0.5:
        ordinal = {"MONTHLY": 5, "YEARLY": 5 if months else 53}.get(freq, 0)
        parts["BYDAY"] = weekdays(rng, ordinal)
    # dateutil counts the positions of a first week from DTSTART on, not in the whole week.
    if freq != "WEEKLY" and {"BYDAY", "BYMONTHDAY"} & parts.keys() and rng.random() < 0.3:
        parts["BYSETPOS"] = ",".join(map(str, some(rng, [1, 2, 3, -1, -2], 2)))
    if freq == "WEEKLY" and rng.random() < 0.4:
        parts["WKST"] = rng.choice(DAYS)
    if rng.random() < 0.3:
        parts["COUNT"] = rng.randint(1, 60)
    return parts


def seconds(moment, zone):
    return int(moment.replace(tzinfo=zone).timestamp())


def main():
    rng = random.Random(5545)
    written = 0
    while written < 400:
        parts = rule(rng)
        text = ";".join(f"{name}={value}" for name, value in parts.items())
        start = datetime(rng.randint(1985, 2060), rng.randint(1, 12), rng.randint(1, 28),
                         rng.randint(0, 23), rng.choice([0, 15, 30, 45]))
        free = rrulestr(text.split(";COUNT")[0], dtstart=start)
        start = next((found for found in free.xafter(start - timedelta(1), 1)), None)
        if start is None or start.year > 2090:
            continue
        zone = rng.choice(ZONES)
        clock = ZoneInfo(zone)
        found = list(rrulestr(text, dtstart=start).between(start, END, inc=True))
        if not found or found[0] != start or found[-1] >= END:
            continue
        if "COUNT" not in parts and rng.random() < 0.5:
            until = datetime(rng.randint(start.year, 2099), rng.randint(1, 12), 15, 11, 12, 13)
            limit = seconds(until, clock)
            found = [one for one in found if seconds(one, clock) <= limit]
            text += ";UNTIL=" + datetime.fromtimestamp(limit, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        stamps = [seconds(one, clock) for one in found]
        stamp = start.strftime("%Y%m%dT%H%M%S")
        when = f":{stamp}Z" if zone == "UTC" else f";TZID={zone}:{stamp}"
        print(when, text, len(stamps), sum(stamps), " ".join(map(str, stamps[:6])),
              stamps[-1] if stamps else "", sep="\t")
        written += 1


main()
