#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""table.py OUT BENCH [--record]: judges OUT/results.tsv.

Prints and writes the table (OUT/table.txt) and the plot of churn against the number of mappings (OUT/churn.svg),
and compares with BENCH/recorded: a ratio to the best comparison that there is (type1, else the floor) that got worse
by more than 5 % is a failure, and so is a missed goal that is recorded as met. Other missed goals are listed. What
depends on the time of day (scaling, contended) is shown and judged against its goal, but not recorded.
"""
import sys

BACKENDS = ("type1", "floor", "ioasidfd")
KINDS = ("cost", "invalidations", "memory", "scaling", "contended")
RECORDED_KINDS = ("cost", "invalidations", "memory")
WORSE = 1.05


def read_results(path):
    results, order = {}, []
    with open(path) as lines:
        for line in lines:
            field = line.rstrip("\n").split("\t")
            key = (field[0], field[1])
            if field[0] not in KINDS:
                continue
            if key not in results:
                results[key] = {}
                order.append(key)
            # Of the minimum and the median of a cost the median is the one that is judged.
            if field[-1] != "-":
                results[key][field[2]] = float(field[-1])
    return results, order


def read_table(path):
    table = {}
    try:
        with open(path) as lines:
            for line in lines:
                field = line.split()
                if field and not field[0].startswith("#"):
                    table[(field[1], field[0])] = field[2:]
    except FileNotFoundError:
        pass
    return table


def number(value, kind):
    if value is None:
        return "-"
    return f"{value:,.0f}" if kind == "cost" else f"{value:,.2f}"


def ratio(values):
    """How many times cheaper than type1, or than the floor where type1 has no such thing."""
    ours = values.get("ioasidfd")
    other = values.get("type1") or values.get("floor")
    return other / ours if ours and other else None


def is_met(key, ours, goal):
    """All are the most that is allowed, but for how much faster two processors are."""
    return ours >= goal if key[0] == "scaling" else ours <= goal


def make_table(results, order, goals):
    rows = [("workload", *BACKENDS, "type1/us", "us/floor", "goal", "ok")]
    for kind in KINDS:
        for key in (k for k in order if k[0] == kind):
            values = results[key]
            ours, type1, floor = (values.get(b) for b in ("ioasidfd", "type1", "floor"))
            goal = float(goals[key][0]) if key in goals else None
            name = key[1] if kind == "cost" else f"{key[1]} ({kind})"
            rows.append((name, *(number(values.get(b), kind) for b in BACKENDS),
                         f"{type1 / ours:.2f}" if ours and type1 else "-",
                         f"{ours / floor:.2f}" if ours and floor else "-",
                         number(goal, kind),
                         "" if goal is None else "-" if ours is None
                         else "yes" if is_met(key, ours, goal) else "NO"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "".join("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                             for i, (cell, w) in enumerate(zip(row, widths))).rstrip() + "\n"
                   for row in rows)


def write_recorded(path, results, order, goals):
    lost = {key for key, _ in missed(results, goals)}
    with open(path, "w") as out:
        out.write("# SPDX-License-Identifier: GPL-2.0-only\n"
                  "# Written by `make bench RECORD=1`: workload, kind, how many times cheaper than type1\n"
                  "# (than the floor where type1 cannot do it), whether its goal was met.\n")
        for key in order:
            value = ratio(results[key]) if key[0] == "cost" else None
            met = "-" if key not in goals else "missed" if key in lost else "met"
            if key[0] in RECORDED_KINDS and (value is not None or met != "-"):
                out.write(f"{key[1]}\t{key[0]}\t{'-' if value is None else f'{value:.3f}'}\t{met}\n")


def regressions(results, recorded, goals):
    for key, (was, *_) in recorded.items():
        if was == "-":
            continue
        value = ratio(results.get(key, {}))
        if value is None:
            yield f"{key[1]}: no figure, was {was}"
        elif value * WORSE < float(was):
            yield f"{key[1]}: {value:.3f} times cheaper than the comparison, was {was}"
    for key, text in missed(results, goals):
        if recorded.get(key, ["-"])[-1] == "met":
            yield f"{text}: the goal had been met"


def missed(results, goals):
    for key, (goal, *_) in goals.items():
        ours = results.get(key, {}).get("ioasidfd")
        if ours is None:
            yield key, f"{key[1]} ({key[0]}): no figure, goal {float(goal):,g}"
        elif not is_met(key, ours, float(goal)):
            yield key, f"{key[1]} ({key[0]}): {ours:,.2f}, goal {float(goal):,g}"


COLOURS = {"type1": "#c0392b", "floor": "#7f8c8d", "ioasidfd": "#2471a3"}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 80, 120, 40, 60


def plot(results):
    import math

    lines = {b: [] for b in BACKENDS}
    for (kind, name), values in results.items():
        if kind == "cost" and name.startswith("churn-"):
            for backend, value in values.items():
                lines[backend].append((int(name[6:]), value))
    points = [p for line in lines.values() for p in line]
    if not points:
        return ""
    most_x = math.log2(max(x for x, _ in points) + 1)
    most_y = -(-max(y for _, y in points) // 2000) * 2000

    def at(x, y):
        return (LEFT + math.log2(x + 1) / most_x * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - y / most_y * (HEIGHT - TOP - BOTTOM))

    svg = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="22" font-size="15">'
           'Unmap and map one 4 KiB page among N others: instructions</text>']
    for y in range(0, int(most_y) + 1, 2000):
        _, py = at(0, y)
        svg.append(f'<line x1="{LEFT}" y1="{py:.1f}" x2="{WIDTH - RIGHT}" y2="{py:.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{py + 4:.1f}" text-anchor="end">{y:,}</text>')
    for x in sorted({x for x, _ in points}):
        px, py = at(x, 0)
        svg.append(f'<text x="{px:.1f}" y="{py + 18:.1f}" text-anchor="middle">{x:,}</text>')
    svg.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 14}" text-anchor="middle">'
               'mappings present</text>')
    for backend, line in lines.items():
        if not line:
            continue
        line.sort()
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in (at(*p) for p in line))
        px, py = at(*line[-1])
        svg.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[backend]}" stroke-width="2"/>'
                   f'<text x="{px + 6:.1f}" y="{py + 4:.1f}" fill="{COLOURS[backend]}">{backend}</text>')
    return "\n".join(svg) + "\n</svg>\n"


def main():
    out, bench = sys.argv[1:3]
    results, order = read_results(f"{out}/results.tsv")
    goals = read_table(f"{bench}/goals")
    text = make_table(results, order, goals)
    print(text, end="")
    with open(f"{out}/table.txt", "w") as f:
        f.write(text)
    with open(f"{out}/churn.svg", "w") as f:
        f.write(plot(results))
    for _, line in missed(results, goals):
        print(f"goal missed: {line}")
    if "--record" in sys.argv:
        write_recorded(f"{bench}/recorded", results, order, goals)
        return 0
    bad = list(regressions(results, read_table(f"{bench}/recorded"), goals))
    for line in bad:
        print(f"REGRESSION {line}")
    return 1 if bad else 0


sys.exit(main())
