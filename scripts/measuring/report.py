"""Tables as docs/performance.md has them."""

import os
import platform
import statistics
import time

from measuring.built import SMALL


def head(more=""):
    print(f"\n{platform.platform()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d', time.gmtime())}{more}\n")
    if SMALL:
        print("A debug build and a hundredth of everything: these figures are worth nothing.\n")


def table(*columns):
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))


def row(what, *figures):
    print(f"| {what} | " + " | ".join(figures) + " |", flush=True)


def spread(values, unit, digits=0):
    """Median, 99th percentile and maximum."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]
    return [f"{value:.{digits}f} {unit}" for value in (statistics.median(ordered), p99, ordered[-1])]
