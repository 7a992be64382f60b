"""The table of faults: how often each was done, and what came of the requests."""

COLUMNS = (
    ("fault", lambda r: r.fault),
    ("times", lambda r: r.injected),
    ("in flight", lambda r: r.inFlight),
    ("requests", lambda r: r.sent),
    ("answers", lambda r: r.answers),
    ("cancels", lambda r: r.cancelled),
    ("cut off", lambda r: r.cut),
    ("lost", lambda r: r.lost),
    ("doubled", lambda r: r.duplicated),
    ("wrong", lambda r: r.wrong),
    ("recovers ms", lambda r: f"{r.recoverMs:.0f}"),
    ("p99 before", lambda r: f"{r.calmP99:.1f}"),
    ("p99 under it", lambda r: f"{r.p99:.1f}"),
)


def total(rows, row_class):
    """One row of all."""
    t = row_class("all")
    for r in rows:
        t.merge(r)
    return t


def table(rows):
    """Rows as lines of Markdown, aligned."""
    cells = [[name for name, _ in COLUMNS]]
    cells += [[str(of(r)) for _, of in COLUMNS] for r in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]

    def line(words):
        parts = [w.ljust(n) if i == 0 else w.rjust(n)
                 for i, (w, n) in enumerate(zip(words, widths))]
        return "| " + " | ".join(parts) + " |"

    rule = "|" + "|".join("-" * (n + 2) for n in widths) + "|"
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])
