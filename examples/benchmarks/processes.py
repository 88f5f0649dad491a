"""One process beside two that fit together: accuracy, speed, bytes.

    python examples/benchmarks/processes.py accuracy [--methods ...] [--seeds 0 1]
    python examples/benchmarks/processes.py speed [--methods ...] [--repeats 5]
    python examples/benchmarks/processes.py bytes

``accuracy`` is that of examples/data_parallel.py. ``speed`` fits 5,000 rows of 784
columns, 100 with a label, for six epochs by one process and by two with all labeled
rows and half of the others each, in turn, with the default ``batch_size`` in every
process and one thread. Rows per second are those of the fastest epoch by the clock, and
of the epoch with the least processor time, which other work on the machine hardly
lengthens, but which leaves out waiting for the other process. ``bytes`` is what a
process sends in a step, 4 per weight. Adds lines to
examples/papers/results/processes.jsonl, and skips those that are there.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import distributed

import sksemi
from sksemi.datasets import shard_rows

sys.path.insert(0, str(Path(__file__).parents[1] / "papers"))
from _common import append_line, device_name, read_lines, versions

EXAMPLES = Path(__file__).parents[1]
RESULTS = EXAMPLES / "papers" / "results" / "processes.jsonl"
N_ROWS = 5_000
SHAPES = {"784 columns": (784,), "28x28": (28, 28)}


def rows_of(n_rows, shape):
    """Rows near ten centers, and labels of a hundred."""
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=n_rows)
    X = rng.random((10, *shape), dtype=np.float32)[y] / 2
    X += rng.random(X.shape, dtype=np.float32) / 2
    y[100:] = -1
    order = rng.permutation(n_rows)
    return X[order], y[order]


def launched(n_processes, script, *arguments):
    """What a script prints in so many processes of one thread each."""
    command = [sys.executable, script, *arguments]
    if n_processes > 1:
        launch = ["-m", "torch.distributed.run", "--standalone"]
        command[1:1] = [*launch, f"--nproc-per-node={n_processes}"]
    done = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return done.stdout


def accuracy(method, n_processes, seed):
    """Accuracy of the example."""
    said = launched(
        n_processes,
        str(EXAMPLES / "data_parallel.py"),
        f"--method={method}",
        f"--seed={seed}",
    )
    return {"accuracy": float(re.search(r"accuracy (\S+)", said)[1])}


def speed(method, n_processes, repeat):
    """Rows per second of one fit."""
    said = launched(n_processes, __file__, "rank", f"--methods={method}")
    return json.loads(said.splitlines()[-1])


class Clock:
    """A callback that notes the processor seconds of every epoch."""

    def setup(self, estimator, context):
        self.seconds, self.last = [], None

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        now = time.process_time()
        if context.task_name == "epoch":
            if self.last is not None:
                self.seconds.append(now - self.last)
            self.last = now


def rank(method):
    """Be one of the processes of `speed`."""
    warnings.simplefilter("ignore")
    if "WORLD_SIZE" in os.environ:
        distributed.init_process_group("gloo")
    X, y = rows_of(N_ROWS, (784,))
    labeled = y >= 0
    rest, of_rest = shard_rows(X[~labeled], y[~labeled])
    X, y = np.r_[X[labeled], rest], np.r_[y[labeled], of_rest]
    clock = Clock()
    est = getattr(sksemi, method)(max_iter=6, random_state=0, device="cpu")
    est.set_callbacks(clock).fit(X, y)
    seconds = min(row["seconds"] for row in est.history_)
    if not distributed.is_initialized() or distributed.get_rank() == 0:
        figures = {
            "rows_per_second": round(N_ROWS / seconds),
            "rows_per_processor_second": round(N_ROWS / min(clock.seconds)),
        }
        print(json.dumps(figures))
    if distributed.is_initialized():
        distributed.destroy_process_group()


def bytes_per_step(method, shape):
    """What a process sends in a step of the defaults with ten clusters."""
    warnings.simplefilter("ignore")
    est = getattr(sksemi, method)(max_iter=1, random_state=0, device="cpu")
    X, y = rows_of(200, SHAPES[shape])
    model = est.fit(X, y).model_
    return {
        "bytes": 4 * sum(p.numel() for p in model.parameters() if p.requires_grad),
        "batch_size": est.batch_size,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["accuracy", "speed", "bytes", "rank"])
    parser.add_argument("--methods", nargs="*", default=sorted(sksemi.__all__))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--note", default="", help="goes into the record")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "rank":
        rank(*args.methods)
        return
    function, names, grid = {
        "accuracy": (
            accuracy,
            ("method", "processes", "seed"),
            [(m, n, s) for s in args.seeds for m in args.methods for n in (1, 2)],
        ),
        "speed": (
            speed,
            ("method", "processes", "repeat"),
            [
                (m, n, i)
                for m in args.methods
                for i in range(args.repeats)
                for n in (1, 2)
            ],
        ),
        "bytes": (
            bytes_per_step,
            ("method", "rows"),
            [(m, shape) for m in args.methods for shape in SHAPES],
        ),
    }[args.what]
    known = [line["setting"] for line in read_lines(args.out)]
    for values in grid:
        setting = {"what": args.what, **dict(zip(names, values, strict=True))}
        if setting in known:
            continue
        figures = function(*values)
        print(json.dumps(setting | figures), flush=True)
        line = {
            "script": "processes.py",
            "setting": setting,
            **figures,
            "note": args.note,
            "machine": device_name("cpu"),
            "versions": versions(),
        }
        append_line(args.out, line)


if __name__ == "__main__":
    main()
