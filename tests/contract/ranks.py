"""What each of two processes does in `test_distributed`, by the scenario's name.

    python -m tests.contract.ranks SCENARIO RANK STORE FOLDER

Writes what it has to say to FOLDER as RANK.json.
"""

import contextlib
import hashlib
import json
import os
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import distributed, nn

import sksemi
from sksemi._engine.data import Data
from sksemi._engine.distributed import Ranks
from sksemi._engine.training import Loss, train
from sksemi.callbacks import Checkpoint
from sksemi.datasets import shard_rows
from sksemi.utils import _checking


def fingerprint(est):
    digest = hashlib.sha256()
    for name, value in est.model_.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in est.history_]
    digest.update(json.dumps(rows).encode())
    return digest.hexdigest()


def quick(name, **params):
    return _checking.quick(getattr(sksemi, name)(), **params)


def error_of(function):
    try:
        function()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


class At:
    """A callback that does something after so many epochs."""

    def __init__(self, n_epochs, action):
        self.n_epochs, self.action = n_epochs, action

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch" and len(estimator.history_) == self.n_epochs:
            return self.action()


def same_weights(rank, folder):
    """Ranks with seeds of their own, and labels of their own: five digits each.

    Their rows are every second one of the same mapped file.
    """
    X, y, y_partial = _checking.digits()
    if rank == 0:
        np.save(folder / "X.npy", X)
    distributed.barrier()
    rows, of_rows, mine = shard_rows(
        np.load(folder / "X.npy", mmap_mode="r"), y, y_partial
    )
    np.testing.assert_array_equal(rows, X[rank::2])
    mine = np.where((of_rows < 5) == (rank == 0), mine, -1)
    said = {}
    for name in sksemi.__all__:
        est = quick(name, n_clusters=12, random_state=rank, n_init=1 + (name[0] == "G"))
        est.fit(rows, mine)
        proba = hashlib.sha256(est.predict_proba(X).tobytes()).hexdigest()
        said[name] = [fingerprint(est), proba, est.classes_.tolist()]
        assert len(est.labels_) == len(mine)
    return said


class Mean(nn.Module):
    """Squared error of a linear map of the rows to their sum."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)
        self.norm = nn.BatchNorm1d(1, affine=False)
        self.register_buffer("of_rank", torch.zeros(()))

    def before_epoch(self, data, epoch):
        self.of_rank.fill_(1 + Ranks().rank)

    def loss(self, batch, epoch):
        self.norm(self.linear(batch.x).detach())
        error = self.linear(batch.x)[:, 0] - batch.x.sum(1)
        return Loss({"error": error.square().mean()}, {})


def mean_gradient(rank, folder):
    """Train on halves of the rows, each in one step."""
    rows = torch.linspace(-1, 2, 60).reshape(20, 3).sin()
    torch.manual_seed(rank)  # the weights are rank 0's
    model = Mean()
    data = Data(rows[rank::2], torch.full((10,), -1), 1.0)
    _, history = train(model, data, max_iter=5, batch_size=10, learning_rate=0.1)
    return {
        "weights": [p.tolist() for p in model.linear.parameters()],
        "of_rank": float(model.of_rank),
        "statistics": model.norm.running_mean.tolist(),
        "loss": [row["loss"] for row in history],
    }


def bad_set_ups(rank, folder):
    """Errors of one rank are errors of both, and the next fit is in step."""
    X, _, y_partial = _checking.digits()
    X, y_partial = X[rank::2].copy(), y_partial[rank::2].copy()
    names = y_partial.astype(str).astype(object)
    alone = X.copy()
    alone[0, 0] = np.nan if rank else 0.5
    none = np.full(len(X), -1)
    est = quick("CatVAEClusterer", max_iter=1)
    cases = {
        "columns": lambda: est.fit(X[:, rank:], y_partial),
        "rows": lambda: est.fit(X[: 150 - 100 * rank], y_partial[: 150 - 100 * rank]),
        "NaN": lambda: est.fit(alone, y_partial),
        "labels": lambda: est.fit(X, none if rank else y_partial),
        "types": lambda: est.fit(
            X, np.where(y_partial < 0, -1, names) if rank else y_partial
        ),
        "parameters": lambda: quick("CatVAEClusterer", batch_size=50 + rank).fit(X),
        "uint8": lambda: est.fit(X.astype(np.uint8) if rank else X, y_partial),
        "good": lambda: est.fit(X, y_partial),
    }
    return {name: error_of(case) for name, case in cases.items()}


def a_fit_alone(rank, folder):
    """The other rank is there, but does not fit."""
    sksemi._engine.distributed.PATIENCE = 2
    if rank == 0:
        X, _, y_partial = _checking.digits()
        said = error_of(lambda: quick("M2Generator").fit(X, y_partial))
        (folder / "done").touch()
        return said
    while not (folder / "done").exists():
        time.sleep(0.1)
    return "none"


def stopped(rank, folder):
    """By a callback, and by Ctrl-C, of rank 1 alone."""
    X, _, y_partial = _checking.digits()
    said = {}
    for name, action in [
        ("callback", lambda: True),
        ("interrupt", lambda: os.kill(os.getpid(), signal.SIGINT)),
    ]:
        est = quick("GMVAEClusterer", max_iter=6)
        est.set_callbacks(At(2, action if rank == 1 else lambda: None))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            est.fit(X[rank::2], y_partial[rank::2])
        said[name] = [est.n_iter_, fingerprint(est)]
    return said


def cut_off(rank, folder, kill=True):
    """Rank 1 is killed after three epochs."""
    X, _, y_partial = _checking.digits()
    est = quick("ACOLClusterer", max_iter=6, random_state=rank)
    action = At(3, lambda: rank and kill and os.kill(os.getpid(), signal.SIGKILL))
    est.set_callbacks(Checkpoint(folder / "fit.skops"), action)
    said = error_of(lambda: est.fit(X[rank::2], y_partial[rank::2]))
    return [said, None if kill else fingerprint(est)]


def uncut(rank, folder):
    """The same, and nobody is killed."""
    return cut_off(rank, folder, kill=False)


def resumed(rank, folder):
    """From what rank 0 had saved, with and without the rows that each had."""
    X, _, y_partial = _checking.digits()
    est = Checkpoint.load(folder / "fit.skops")
    swapped = error_of(lambda: est.fit(X[1 - rank :: 2], y_partial[1 - rank :: 2]))
    est.fit(X[rank::2], y_partial[rank::2])
    return [swapped, fingerprint(est)]


def main():
    scenario, rank, store, folder = sys.argv[1:]
    rank, folder = int(rank), Path(folder)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*collapsed")
    distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    said = globals()[scenario](rank, folder)
    (folder / f"{rank}.json").write_text(json.dumps(said))
    with contextlib.suppress(RuntimeError):  # where the other rank was lost
        # gloo may abort a process whose peer goes before it
        distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
