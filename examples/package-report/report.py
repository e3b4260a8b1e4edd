"""Writes the package report: one self-contained HTML page, from what the steps before found out.

Usage: report.py OUT.html <facts.json     The last line printed is the workflow's result.
"""

import collections
import datetime
import html
import json
import math
import os
import socket
import sys

MIB = 1024  # sizes come in KiB
BINS = ["16 KiB", "64 KiB", "256 KiB", "1 MiB", "4 MiB", "16 MiB", "64 MiB", "256 MiB", "more"]

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f5f1; --card: #ffffff; --ink: #1d2433; --quiet: #667085; --line: #e4e2da;
  --bar: #3f6ad8; --bar-2: #12977d; --track: #eef0f4; --glow: #3f6ad822;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11141b; --card: #191e28; --ink: #e8ebf2; --quiet: #98a2b6; --line: #2a3140;
    --bar: #7ea2ff; --bar-2: #3fc7a6; --track: #232a37; --glow: #7ea2ff22;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 40px 24px 56px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
  -webkit-font-smoothing: antialiased;
}
main { max-width: 1080px; margin: 0 auto; }
header { margin-bottom: 24px; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -.02em; margin: 0 0 4px; }
h2 { font-size: 15px; margin: 0; }
p { margin: 0; }
.quiet { color: var(--quiet); }
.note { color: var(--quiet); font-size: 13px; margin: 2px 0 14px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 16px; }
.tile, .card {
  background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 18px 20px;
}
.tile b { display: block; font-size: 28px; line-height: 1.15; letter-spacing: -.02em;
          font-variant-numeric: tabular-nums; }
.tile span { color: var(--quiet); font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(12, 1fr); gap: 16px; margin-top: 16px; }
.card { grid-column: span 6; min-width: 0; }
.wide { grid-column: span 7; }
.slim { grid-column: span 5; }
@media (max-width: 820px) { .card { grid-column: 1 / -1; } body { padding: 24px 14px 40px; } }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--ink); font-size: 13px; font-variant-numeric: tabular-nums; }
svg .small { fill: var(--quiet); font-size: 12px; }
svg .bar { fill: var(--bar); } svg .bar-2 { fill: var(--bar-2); }
svg .track { fill: var(--track); } svg .axis { stroke: var(--line); }
svg g:hover .bar { filter: drop-shadow(0 0 6px var(--glow)); opacity: .86; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; font-size: 12px; color: var(--quiet); padding: 0 0 6px; }
td { padding: 6px 0; border-top: 1px solid var(--line); vertical-align: middle; }
td:nth-child(n+2), th:nth-child(n+2) { padding-left: 14px; }
td.n, th.n { text-align: right; white-space: nowrap; }
td.name { font-weight: 500; overflow-wrap: anywhere; }
td.meter { width: 34%; }
td.meter.two { width: 52%; }
.meter i { display: block; height: 8px; border-radius: 4px; background: var(--track); }
.meter i i { background: var(--bar); }
.meter.two i i { background: var(--bar-2); }
.tag { font-size: 12px; color: var(--quiet); background: var(--track); border-radius: 99px;
       padding: 1px 9px; white-space: nowrap; }
footer { margin-top: 20px; font-size: 13px; color: var(--quiet); }
"""


def number(count):
    return f"{count:,}".replace(",", "\u202f")


def size(kib):
    if kib < 10 * MIB:
        return f"{kib / MIB:.1f} MiB"
    if kib < 1024 * MIB:
        return f"{kib / MIB:.0f} MiB"
    return f"{kib / MIB / 1024:.1f} GiB"


def text(words):
    return html.escape(str(words))


def section_bars(sections):
    """Horizontal bars: installed size by section, the rest in one."""
    ranked = sorted(sections.items(), key=lambda item: (-item[1]["size_kib"], item[0]))
    shown, rest = ranked[:12], ranked[12:]
    if rest:
        shown.append((f"{len(rest)} others", {
            key: sum(section[key] for _, section in rest) for key in ("packages", "size_kib")}))
    top = max((section["size_kib"] for _, section in shown), default=1) or 1
    left, right, width, pitch = 112, 150, 640, 30
    room = width - left - right
    rows = []
    for place, (name, section) in enumerate(shown):
        y = place * pitch
        length = max(3, room * section["size_kib"] / top)
        packages = f"{number(section['packages'])} package{'s' * (section['packages'] != 1)}"
        rows.append(
            f'<g><title>{text(name)}: {size(section["size_kib"])} in {packages}</title>'
            f'<text x="{left - 12}" y="{y + 16}" text-anchor="end">{text(name)}</text>'
            f'<rect class="track" x="{left}" y="{y + 4}" width="{room}" height="16" rx="4"/>'
            f'<rect class="bar" x="{left}" y="{y + 4}" width="{length:.1f}" height="16" rx="4"/>'
            f'<text x="{left + room + 12}" y="{y + 16}">{size(section["size_kib"])}</text>'
            f'<text class="small" x="{width}" y="{y + 16}" text-anchor="end">'
            f'{number(section["packages"])}</text></g>')
    height = len(shown) * pitch
    return (f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Installed size by section">'
            f'{"".join(rows)}</svg>')


def size_columns(histogram):
    """Columns: how many packages are how big."""
    width, height, floor, head = 440, 390, 352, 24
    pitch = width / len(BINS)
    top = max(histogram) or 1
    parts = [f'<line class="axis" x1="0" x2="{width}" y1="{floor}" y2="{floor}"/>']
    for place, (name, count) in enumerate(zip(BINS, histogram)):
        tall = (floor - head) * count / top
        x = place * pitch
        label = f"up to {name}" if name != "more" else "more than 256 MiB"
        middle = x + pitch / 2
        amount, _, unit = name.partition(" ")
        parts.append(
            f'<g><title>{number(count)} packages: {label}</title>'
            f'<rect class="bar" x="{x + 5:.1f}" y="{floor - max(tall, 2 if count else 0):.1f}" '
            f'width="{pitch - 10:.1f}" height="{max(tall, 2 if count else 0):.1f}" rx="4"/>'
            f'<text x="{middle:.1f}" y="{floor - tall - 8:.1f}" text-anchor="middle">{number(count)}</text>'
            f'<text class="small" x="{middle:.1f}" y="{floor + 18}" text-anchor="middle">{amount}</text>'
            f'<text class="small" x="{middle:.1f}" y="{floor + 34}" text-anchor="middle">{unit}</text></g>')
    return (f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Packages by size">'
            f'{"".join(parts)}</svg>')


def meter_table(heads, rows, top, kind=""):
    """Rows of (name, middle, shown, value) with a bar each."""
    cells = []
    for name, middle, shown, value in rows:
        share = 100 * value / top if top else 0
        between = f"<td>{middle}</td>" if heads[1] else ""
        cells.append(f'<tr><td class="name">{text(name)}</td>{between}'
                     f'<td class="meter {kind}"><i><i style="width:{share:.1f}%"></i></i></td>'
                     f'<td class="n">{shown}</td></tr>')
    between = f"<th>{heads[1]}</th>" if heads[1] else ""
    return (f'<table><thead><tr><th>{heads[0]}</th>{between}<th></th><th class="n">{heads[2]}</th>'
            f'</tr></thead><tbody>{"".join(cells)}</tbody></table>')


def merged(facts):
    """The groups' figures added up."""
    sections = {}
    histogram = [0] * len(BINS)
    for group in facts["sizes"]:
        sections.update(group["sections"])  # a section is in one group only
        histogram = [a + b for a, b in zip(histogram, group["histogram"])]
    needed = collections.Counter()
    for group in facts["dependencies"]:
        with open(group["file"], encoding="utf-8") as file:
            needed.update(json.load(file))
    return sections, histogram, needed


def page(facts):
    sections, histogram, needed = merged(facts)
    size_kib = sum(group["size_kib"] for group in facts["sizes"])
    edges = sum(group["edges"] for group in facts["dependencies"])
    independent = sum(group["independent"] for group in facts["dependencies"])
    biggest = facts["biggest"]
    median = next((name for name, upto in zip(
        BINS, [sum(histogram[:n + 1]) for n in range(len(BINS))]) if upto * 2 >= sum(histogram)), "")
    share = sum(p["size_kib"] for p in biggest) / size_kib if size_kib else 0
    most_needed = needed.most_common(len(biggest) or 15)
    now = datetime.datetime.now()
    tiles = [(number(facts["packages"]), "packages installed"),
             (size(size_kib), "on disk"),
             (number(edges), f"dependencies, {edges / max(1, facts['packages']):.1f} a package"),
             (number(independent), "packages that need no other")]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Packages of {text(socket.gethostname())}</title>
<style>{STYLE}</style>
</head>
<body><main>
<header>
<h1>What is installed here</h1>
<p class="quiet">{text(socket.gethostname())} · {now:%-d %B %Y, %H:%M}</p>
</header>
<div class="tiles">{"".join(f'<div class="tile"><b>{big}</b><span>{small}</span></div>' for big, small in tiles)}</div>
<div class="cards">
<section class="card wide"><h2>Installed size by section</h2>
<p class="note">The right column counts packages. {number(len(sections))} sections in all.</p>{section_bars(sections)}</section>
<section class="card slim"><h2>Packages by size</h2>
<p class="note">Each column ends at the size below it. Half of all packages are within {median}.</p>{size_columns(histogram)}</section>
<section class="card"><h2>The biggest packages</h2>
<p class="note">Together {share:.0%} of everything.</p>{meter_table(
        ("Package", "Section", "Size"),
        [(p["name"], f'<span class="tag">{text(p["section"])}</span>', size(p["size_kib"]), p["size_kib"])
         for p in biggest], max((p["size_kib"] for p in biggest), default=0))}</section>
<section class="card"><h2>The most needed packages</h2>
<p class="note">How many others name it in Depends or Pre-Depends.</p>{meter_table(
        ("Package", "", "Needed by"),
        [(name, "", number(count), count) for name, count in most_needed],
        most_needed[0][1] if most_needed else 0, "two")}</section>
</div>
<footer>Made by a jobflow workflow: sizes by a C++ handler, dependencies by python, the biggest packages by awk
and sort; run {text(os.environ.get("JOBFLOW_RUN_ID", "by hand"))}.</footer>
</main></body>
</html>
"""


def main():
    path = sys.argv[1]
    facts = json.load(sys.stdin)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(page(facts))
    os.replace(path + ".new", path)  # readers see the old page or the new one, never half of it
    size_kib = sum(group["size_kib"] for group in facts["sizes"])
    print(f"wrote {path}")
    print(json.dumps({
        "report": path,
        "packages": facts["packages"],
        "sections": facts["sections"],
        "installed_mib": math.floor(size_kib / MIB),
        "dependencies": sum(group["edges"] for group in facts["dependencies"]),
    }))


if __name__ == "__main__":
    main()
