"""Tables from results: medians, and ratios to the reference within the same round."""

import json
import statistics

from .workloads import WORKLOADS


def write(path, name, text):
    """Puts a table in the place of the one that a page has between two marks of this name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    with open(path) as file:
        page = file.read()
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise RuntimeError(f"{path} has no place for {name}")
    with open(path, "w") as file:
        file.write(before + begin + text.strip() + "\n" + end + after)


def options(parser):
    """Where a command puts its figures, as it is asked for."""
    parser.add_argument("--json", help="a file for the figures")
    parser.add_argument("--write", help="a page that has marks for the table, such as docs/performance.md")


def tell(asked, name, lines, figures):
    """Prints a table, and puts it and its figures where `options` say."""
    print("\n" + "\n".join(lines))
    if asked.write:
        write(asked.write, name, "\n".join(lines))
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump(figures, file, indent=1)


def write_either(path, tables):
    """Puts each of these tables into a page that has a place for it; there must be one."""
    with open(path) as file:
        page = file.read()
    found = [name for name in tables if f"<!-- {name} -->\n" in page]
    if not found:
        raise RuntimeError(f"{path} has no place for {' or '.join(tables)}")
    for name in found:
        write(path, name, tables[name])


def spread(values):
    """Half the interquartile range, as a share of the median."""
    middle = statistics.median(values)
    if len(values) < 3 or not middle:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle


def cell(workload, rows, reference):
    """Median figure, median ratio, spread of the ratios."""
    figures = [workload.figure(row) for row in rows]
    base = {row["round"]: workload.figure(row) for row in reference}
    ratios = [workload.figure(row) / base[row["round"]] for row in rows if base.get(row["round"])]
    if not ratios:
        return f"{statistics.median(figures):.3g}"
    wide = spread(ratios)
    swing = "" if wide is None else f" ±{100 * wide:.0f} %"
    return f"{statistics.median(figures):.3g} · **{statistics.median(ratios):.2f}**{swing}"


# The works that say most to somebody who has never seen the table.
EXCERPT = ("A", "B", "C", "D", "E", "F", "H", "G")


def excerpt(run):
    """The ratios alone, of a few works."""
    peers, reference = list(run["peers"]), run["reference"]
    lines = [
        f"{run['when']}, {run['machine']}, {run['rounds']} rounds: what the proxy itself costs, {reference} = 1 (lower is better).",
        "", "| work | " + " | ".join(peers) + " |", "|---|" + "---|" * len(peers),
    ]
    for name in EXCERPT:
        results = run["results"].get(name, {})
        base = {row["round"]: WORKLOADS[name].figure(row) for row in results.get(reference, [])}
        cells = []
        for peer in peers:
            ratios = [WORKLOADS[name].figure(row) / base[row["round"]] for row in results.get(peer, []) if base.get(row["round"])]
            cells.append(f"{statistics.median(ratios):.2f}" if ratios else "–")
        if base:
            cost = "memory" if WORKLOADS[name].memory else "CPU time"
            lines.append(f"| {WORKLOADS[name].what}: {cost} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def table(run):
    """The whole run as Markdown."""
    peers = list(run["peers"])
    lines = [
        f"{run['when']}, {run['machine']}, {run['rounds']} rounds, {run['cores']} worker(s). "
        f"In each cell: the median figure, **the ratio to {run['reference']}** in the same round (median), "
        "± half the interquartile range of that ratio.",
        "", "| work | unit | " + " | ".join(peers) + " |", "|---|---|" + "---|" * len(peers),
    ]
    for name, results in run["results"].items():
        workload = WORKLOADS[name]
        cells = [
            cell(workload, results[peer], results.get(run["reference"], [])) if results.get(peer) else "–"
            for peer in peers
        ]
        lines.append(f"| {name} {workload.what} | {workload.unit} | " + " | ".join(cells) + " |")
    rate = run["results"].get("I", {})
    if rate:
        lines += ["", "At 300 requests in a second, from when each was due (µs, median of the rounds):", "",
                  "| | p50 | p99 |", "|---|---|---|"]
        for peer, rows in rate.items():
            p50, p99 = (statistics.median(row[key] for row in rows) for key in ("p50_us", "p99_us"))
            lines.append(f"| {peer} | {p50:.0f} | {p99:.0f} |")
    wide = spread(run["canary_ms"])
    if wide is not None:
        lines += ["", f"A fixed piece of hashing took {statistics.median(run['canary_ms']):.1f} ms ±{100 * wide:.1f} % "
                  "throughout: how steady the machine was."]
    lines += [f"- {problem}" for problem in run["problems"]]
    return "\n".join(lines) + "\n"
