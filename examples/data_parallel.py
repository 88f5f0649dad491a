"""Fit in several processes: one script for python and for torchrun.

    python examples/data_parallel.py
    torchrun --nproc-per-node=2 examples/data_parallel.py

Each process takes its own rows, and all end with the same weights. Few rows have
labels, so every process gets all of these. The batch size is divided by the number of
processes, so that a step sees about as many rows.
"""

import argparse
import os
import time

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import distributed

import sksemi
from sksemi.datasets import mask_labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", default="GMVAEClusterer")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if "WORLD_SIZE" in os.environ:  # torchrun has started this
        gpus = torch.cuda.is_available()
        distributed.init_process_group("nccl" if gpus else "gloo")
        if gpus:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    together = distributed.is_initialized()
    rank = distributed.get_rank() if together else 0
    n_ranks = distributed.get_world_size() if together else 1

    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        X / 16, y, test_size=297, random_state=args.seed
    )
    y = mask_labels(y, 50, random_state=args.seed)
    mine = np.r_[np.flatnonzero(y >= 0), np.flatnonzero(y < 0)[rank::n_ranks]]

    est = getattr(sksemi, args.method)(random_state=args.seed)
    est.set_params(batch_size=est.batch_size // n_ranks)
    start = time.perf_counter()
    est.fit(X[mine], y[mine])
    seconds = time.perf_counter() - start
    if rank == 0:
        print(
            f"{args.method}, seed {args.seed}, {n_ranks} processes, {seconds:.1f} s: "
            f"accuracy {est.score(X_test, y_test):.4f}"
        )
    if together:
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
