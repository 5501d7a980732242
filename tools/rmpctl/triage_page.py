# SPDX-License-Identifier: GPL-2.0-only
"""What triage has found, as one HTML page that needs nothing beside it.

No script, nothing that is loaded: a page with names that others chose is sent by mail,
and opened from there.
"""

import html
import time

from .printable import printable
from .units import plural

BARS = 60

STYLE = """
:root { --ink: #191919; --faint: #666; --line: #ddd; --bad: #c41414; --note: #26549b;
        --paper: #fff; --box: #f6f6f6; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --faint: #a0a0a0; --line: #444; --bad: #ff6b6b; --note: #8ab4f8;
          --paper: #1b1b1b; --box: #262626; } }
body { font: 15px/1.45 "DejaVu Sans", system-ui, sans-serif; color: var(--ink);
       background: var(--paper); max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; }
h2 { font-size: 1.1rem; margin: 0; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
         vertical-align: top; }
th { color: var(--faint); font-weight: normal; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
section { border: 1px solid var(--line); border-left: 5px solid var(--note); padding: 1rem;
          margin: 1.2rem 0; border-radius: 4px; }
section.bad { border-left-color: var(--bad); }
.faint { color: var(--faint); }
.lists { display: flex; gap: 2rem; flex-wrap: wrap; }
.lists > div { flex: 1 1 20rem; min-width: 0; overflow-wrap: anywhere; }
pre { background: var(--box); padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere;
      font: 12px/1.4 "DejaVu Sans Mono", monospace; }
.bar { height: .5rem; background: var(--note); border-radius: 2px; }
.bad .bar { background: var(--bad); }
svg { display: block; width: 100%; height: 48px; margin: .6rem 0 0; }
svg rect { fill: var(--note); } .bad svg rect { fill: var(--bad); }
summary { cursor: pointer; color: var(--faint); }
a { color: inherit; }
"""


def _e(value):
    return html.escape(printable(value), quote=True)


def when(usec):
    """A moment, as people write it."""
    if usec is None:
        return "time not known"
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(usec / 1e6))
    except (OverflowError, ValueError, OSError):
        return "time not known"


def _span(report):
    if report["first_us"] is None:
        return "The logs have no times."
    return f"{when(report['first_us'])} to {when(report['last_us'])}"


def _bars(group, first, last):
    """How many by time, from the first violation of all to the last, as a picture."""
    if not group["by_minute"]:
        return ""
    start, end = first // 60000000, last // 60000000
    step = max((end - start) // BARS + 1, 1)
    counts = [0] * BARS
    for minute, count in group["by_minute"]:
        counts[min((minute - start) // step, BARS - 1)] += count
    most = max(counts)
    rects = "".join(f'<rect x="{i * 10 + 1}" y="{40 - 40 * n / most:.1f}" width="8" '
                    f'height="{40 * n / most:.1f}"/>' for i, n in enumerate(counts) if n)
    return (f'<svg viewBox="0 0 {BARS * 10} 41" preserveAspectRatio="none" role="img" '
            f'aria-label="violations by time"><line x1="0" y1="40.5" x2="{BARS * 10}" y2="40.5" '
            f'stroke="currentColor" stroke-opacity=".3"/>{rects}</svg>'
            f'<div class="faint">{_e(when(first))} to {_e(when(last))}; a bar is '
            f'{_e(step)} min</div>')


def _list(head, entries, more):
    rows = "".join(
        f'<tr><td>{_e(name)}<div class="bar" style="width:{100 * count / entries[0][1]:.0f}%">'
        f'</div></td><td class="n">{count}</td></tr>' for name, count in entries)
    if more:
        rows += f'<tr><td class="faint">and {more} more</td><td></td></tr>'
    return (f'<div><table><tr><th>{_e(head)}</th><th class="n">violations</th></tr>{rows}'
            '</table></div>')


def _section(number, group, report):
    bad = ' class="bad"' if group["guest_error"] else ""
    facts = [plural(group["count"], "violation"), plural(group["hosts_total"], "host"),
             plural(group["domains_total"], "domain")]
    if group["acted_upon"]:
        facts.append(f"{group['acted_upon']} acted upon")
    seen = "Time not known" if group["first_us"] is None else (
        f"First {when(group['first_us'])}, last {when(group['last_us'])}")
    words = group["example"]
    causes = "".join(f"<li>{_e(c)}</li>" for c in words["causes"])
    look = "".join(f"<li>{_e(c)}</li>" for c in words["look_at"])
    short = f"<p><b>{_e(words['in_short'])}</b></p>" if words["in_short"] else ""
    places = "; ".join(f"{name}: {count}" for name, count in group["places"] + group["images"])
    return f"""<section{bad} id="{_e(group['id'])}">
<h2>{number}. {_e(group['title'])}</h2>
<div class="faint">{_e(', '.join(facts))}. {_e(seen)}. {_e(places)}</div>
{_bars(group, report['first_us'], report['last_us'])}
<div class="lists">{_list('host', group['hosts'], group['hosts_total'] - len(group['hosts']))}
{_list('domain', group['domains'], group['domains_total'] - len(group['domains']))}</div>
<h3>The best example</h3>
{short}<p>{_e(words['who'])}: {_e(words['what'])} {_e(words['last_psc'])} {_e(words['outcome'])}</p>
<div class="lists"><div>Usual causes<ul>{causes}</ul></div>
<div>What to look at<ul>{look}</ul></div></div>
<details><summary>The record</summary><pre>{_e(words['line'])}</pre></details>
</section>"""


def page(report):
    """The page, from what --json prints."""
    rows = "".join(
        f'<tr><td class="n">{i}</td><td><a href="#{_e(g["id"])}">{_e(g["title"])}</a></td>'
        f'<td class="n">{g["count"]}</td><td class="n">{g["hosts_total"]}</td>'
        f'<td class="n">{g["domains_total"]}</td></tr>'
        for i, g in enumerate(report["groups"], 1))
    notes = "".join(f"<li>{_e(n)}</li>" for n in report["notes"])
    sections = "\n".join(_section(i, g, report) for i, g in enumerate(report["groups"], 1))
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>rmp_enforce: {_e(report['headline'])}</title>
<style>{STYLE}</style></head><body>
<h1>{_e(report['headline'])}</h1>
<p class="faint">{_e(_span(report))}</p>
<table><tr><th></th><th>what speaks against guests first</th><th class="n">violations</th>
<th class="n">hosts</th><th class="n">domains</th></tr>{rows}</table>
<ul class="faint">{notes}</ul>
{sections}
</body></html>
"""
