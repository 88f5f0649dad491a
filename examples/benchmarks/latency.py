"""What a call of predict costs: one row, a few, and many.

    python examples/benchmarks/latency.py [--methods CatVAEClusterer ...] [--note TEXT]

Every class with default widths, on tables of 64 columns and on images of 8x8
(scikit-learn's digits) and 28x28 (noise), on one thread of a CPU. Prints the median
time of predict for 1, 16 and 256 rows, and rows per second for 10,000 rows in one call.
Adds a line per class and form to examples/papers/results/latency.jsonl.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

import sksemi

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "latency.jsonl"
SIZES = (1, 16, 256)
MANY = 10_000


def make_data(form):
    """Rows of a form: 10,000 of them."""
    if form == "28x28":
        return np.random.RandomState(0).randint(256, size=(MANY, 28, 28)).astype("u1")
    X = (load_digits().data / 16).astype(np.float32)
    X = np.resize(X, (MANY, 64))
    return X if form == "table" else X.reshape(-1, 8, 8)


def median_ms(predict, X, seconds):
    """Median time of a call, in ms, of those that fit into so many seconds."""
    predict(X)
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        predict(X)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="*", default=sksemi.__all__)
    parser.add_argument("--forms", nargs="*", default=["table", "8x8", "28x28"])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each median")
    parser.add_argument("--note", default="", help="goes into the record")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("p50 of predict in ms   " + "".join(f"{n:>9}" for n in SIZES), "   rows/s")
    for form in args.forms:
        X = make_data(form)
        y = np.where(np.arange(400) < 100, np.arange(400) % 10, -1)
        for name in args.methods:
            est = getattr(sksemi, name)(max_iter=1, random_state=0, device="cpu")
            est.fit(X[:400], y)
            p50 = [median_ms(est.predict, X[:n], args.seconds) for n in SIZES]
            start = time.perf_counter()
            est.predict(X)
            rate = MANY / (time.perf_counter() - start)
            figures = "".join(f"{ms:9.1f}" for ms in p50)
            print(f"{name:16} {form:6}{figures}{rate:10.0f}", flush=True)
            line = {
                "script": "latency.py",
                "method": name,
                "form": form,
                "protocol": "default widths, 10 clusters, predict, 1 thread",
                "p50_ms": {
                    str(n): round(ms, 2) for n, ms in zip(SIZES, p50, strict=True)
                },
                "rows_per_second": round(rate),
                "note": args.note,
                "machine": device_name("cpu"),
                "versions": versions(),
            }
            append_line(RESULTS, line)


if __name__ == "__main__":
    main()
