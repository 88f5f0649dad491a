"""How time and memory grow with rows, clusters and labels.

    python examples/benchmarks/growth.py [--method GMVAEClusterer] [--rows 10000 60000]
    python examples/benchmarks/growth.py --compare --rows 1000000
    python examples/benchmarks/growth.py --sparse --rows 50000
    python examples/benchmarks/growth.py --plot growth.png

Each setting runs in its own process: two epochs of fit, then predict, on rows of 784
values near ten centers, one hidden layer of 128, one thread. Times are processor times,
which exclude other work on the machine. Memory is the highest RssAnon (Linux) above
that before fit, which leaves out the pages of a mapped file. Adds a
line per setting to examples/papers/results/growth.jsonl, and skips those that are
there. ``--compare`` compares rows in a mapped file with the same in memory.
``--sparse`` takes TF-IDF of random texts of 60 words, of 20,000 that are as frequent
as words are, in CSR; its lines also have the highest RssAnon of all.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

import sksemi

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, read_lines, versions

RESULTS = Path(__file__).parents[1] / "papers" / "results" / "growth.jsonl"
BASE = {"rows": 10_000, "clusters": 10, "labels": 100, "dtype": "uint8", "in": "map"}
N_EPOCHS = 2
N_FEATURES = 784
N_WORDS = 20_000


def settings(args):
    """What to measure, one after another."""
    grid = [{"rows": n} for n in args.rows]
    grid += [{"clusters": k} for k in args.clusters]
    grid += [{"labels": n} for n in args.labels]
    if args.compare:
        grid = [
            {"rows": n, "dtype": dtype, "in": place}
            for n in args.rows
            for dtype in ("uint8", "float32")
            for place in ("memory", "map")
        ]
    if args.sparse:
        texts = {"dtype": "float32", "in": "csr", "columns": N_WORDS}
        grid = [{"rows": n} | texts for n in args.rows]
    return [BASE | {"method": args.method} | changed for changed in grid]


def write_rows(path, n_rows, dtype):
    """Rows near ten centers in a file; returns their labels."""
    rng = np.random.default_rng(0)
    centers = rng.integers(256, size=(10, N_FEATURES))
    y = rng.integers(10, size=n_rows)
    X = np.lib.format.open_memmap(path, "w+", dtype, (n_rows, N_FEATURES))
    for start in range(0, n_rows, 10_000):
        here = slice(start, start + 10_000)
        noise = rng.integers(-60, 60, size=(len(y[here]), N_FEATURES))
        rows = (centers[y[here]] + noise).clip(0, 255)
        X[here] = rows if dtype == "uint8" else rows / 255
    X.flush()
    return y


def random_texts(n_rows):
    """TF-IDF of texts on ten topics, in CSR, and their topics."""
    rng = np.random.default_rng(0)
    frequency = 1 / np.arange(10, N_WORDS + 10)  # Zipf's law
    topics = frequency * rng.choice([1, 10], p=[0.95, 0.05], size=(10, N_WORDS))
    y = rng.integers(10, size=n_rows)
    words = np.empty((n_rows, 60), np.int32)
    for k, topic in enumerate(topics):
        size = ((y == k).sum(), 60)
        words[y == k] = rng.choice(N_WORDS, size=size, p=topic / topic.sum())
    counts = sparse.csr_array(
        (
            np.ones(words.size, np.float32),
            words.ravel(),
            60 * np.arange(n_rows + 1, dtype=np.int32),
        ),
        shape=(n_rows, N_WORDS),
    )
    counts.sum_duplicates()
    return TfidfTransformer().fit_transform(counts), y


def anonymous():
    """Memory of this process that no file backs, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024


class Peak:
    """Context that finds the most memory above what there was."""

    def __enter__(self):
        self.before = self.highest = anonymous()
        self.done = threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()
        return self

    def watch(self):
        while not self.done.wait(0.01):
            self.highest = max(self.highest, anonymous())

    def __exit__(self, *_):
        self.done.set()
        self.watcher.join()
        self.mb = round(max(self.highest, anonymous()) - self.before)


def measure(setting):
    """Times and memory of one setting, in this process."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        if setting["in"] == "csr":
            X, y = random_texts(setting["rows"])
        else:
            path = Path(folder) / "X.npy"
            y = write_rows(path, setting["rows"], setting["dtype"])
            X = np.load(path, mmap_mode="r" if setting["in"] == "map" else None)
        y[setting["labels"] :] = -1
        est = getattr(sksemi, setting["method"])(
            setting["clusters"],
            max_iter=N_EPOCHS,
            hidden_layer_sizes=(128,),
            random_state=0,
            device="cpu",
        )
        with Peak() as fit:
            start = time.process_time()
            est.fit(X, y)
            fit_seconds = time.process_time() - start
        with Peak() as predict:
            start = time.process_time()
            est.predict(X)
            predict_seconds = time.process_time() - start
    n = setting["rows"]
    highest = {}
    if setting["in"] == "csr":
        highest["highest_mb"] = round(max(fit.before + fit.mb, predict.highest))
    return {
        "fit_us_per_row_and_epoch": round(1e6 * fit_seconds / n / N_EPOCHS, 1),
        "predict_us_per_row": round(1e6 * predict_seconds / n, 1),
        "fit_mb": fit.mb,
        "predict_mb": predict.mb,
        **highest,
    }


def plot(path):
    """Draw time per row and memory over rows, clusters and labels."""
    import matplotlib.pyplot as plt

    lines = [x for x in read_lines(RESULTS) if "columns" not in x["setting"]]
    _, axes = plt.subplots(2, 3, sharey="row", figsize=(9, 5), layout="constrained")
    for column, name in enumerate(("rows", "clusters", "labels")):
        others = {key: value for key, value in BASE.items() if key != name}
        for method in sorted({line["setting"]["method"] for line in lines}):
            own = sorted(
                (
                    line["setting"][name],
                    line["fit_us_per_row_and_epoch"],
                    line["fit_mb"],
                )
                for line in lines
                if line["setting"].items() >= (others | {"method": method}).items()
            )
            if own:
                x, times, memory = zip(*own, strict=True)
                axes[0, column].loglog(x, times, "o-", label=method)
                axes[1, column].semilogx(x, memory, "o-", label=method)
        axes[1, column].set_xlabel(name)
    axes[0, 0].set_ylabel("fit, µs per row and epoch")
    axes[1, 0].set_ylabel("memory of fit, MB")
    axes[1, 0].set_ylim(0, 1.1 * max(line["fit_mb"] for line in lines))
    axes[0, 0].legend(frameon=False)
    plt.savefig(path, dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="GMVAEClusterer")
    for name, default in [
        ("rows", [10_000, 60_000, 600_000]),
        ("clusters", [100, 1000]),
        ("labels", [1000, 10_000]),
    ]:
        parser.add_argument(f"--{name}", type=int, nargs="*", default=default)
    parser.add_argument("--compare", action="store_true", help="map against memory")
    parser.add_argument("--sparse", action="store_true", help="TF-IDF of texts")
    parser.add_argument("--note", default="", help="goes into the record")
    parser.add_argument("--plot", metavar="FILE", help="draw what is recorded")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(json.loads(args.one))))
        return
    if args.plot:
        plot(args.plot)
        return
    known = [line["setting"] for line in read_lines(RESULTS)]
    for setting in settings(args):
        if setting in known:
            continue
        command = [sys.executable, __file__, "--one", json.dumps(setting)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures = json.loads(done.stdout)
        print(json.dumps(setting | figures), flush=True)
        line = {
            "script": "growth.py",
            "setting": setting,
            **figures,
            "protocol": f"{setting.get('columns', N_FEATURES)} columns, hidden (128,), "
            "batch 200, 1 thread",
            "note": args.note,
            "machine": device_name("cpu"),
            "versions": versions(),
        }
        append_line(RESULTS, line)


if __name__ == "__main__":
    main()
