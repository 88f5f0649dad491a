"""Training rows: batches for steps, and parts for passes over all of them."""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from sksemi._engine.hashing import GOLDEN, row_hashes, scrambled
from sksemi._nn.precision import double

# Rows of a part, fewer where they are so wide that a part would have more values.
PART_SIZE = 1024
PART_VALUES = 2**22
HASHED_VALUES = 2**18  # fewer, as hashing takes several arrays of this size
# Rows that are shuffled together: those of some blocks, drawn at random. A smaller pool
# is shuffled whole.
SHUFFLED_ROWS, BLOCK_ROWS = 2**18, 2**10


class Batch(NamedTuple):
    """Rows of a training step.

    ``x`` (n_rows, n_features) of float32; ``y`` the labels of the first ``len(y)``
    rows, which may be none; ``parents`` (n_rows,) coarse labels of all rows, or None;
    ``n_extra`` so many of the labeled rows are here only for their labels.
    """

    x: torch.Tensor
    y: torch.Tensor
    parents: torch.Tensor | None = None
    n_extra: int = 0

    def fair(self):
        """Index of rows that have labels as often as all rows have: (n,), or a slice.

        Few labeled rows may be half of every batch. All but ``n_extra`` of them, drawn
        anew at each call, stand beside the unlabeled ones as they do among all rows.
        """
        n = len(self.y)
        if self.n_extra in (0, n):
            return slice(self.n_extra, None)
        labeled = torch.rand(n, device=self.x.device).argsort()[self.n_extra :]
        return torch.cat([labeled, torch.arange(n, len(self.x), device=self.x.device)])


class Part(NamedTuple):
    """Some of all rows.

    ``index`` (n_rows,) row numbers; ``x`` (n_rows, n_features) of float32; ``codes``
    (n_rows,) label codes, -1 for unlabeled rows.
    """

    index: torch.Tensor
    x: torch.Tensor
    codes: torch.Tensor


@dataclass
class Data:
    """Training rows, and what is known of each.

    Parameters
    ----------
    x : source of shape (n_rows, n_features)
        See `sksemi._engine.sources`; a tensor, for instance. Of the type that the rows
        came in; it may lie on another device than ``codes``.
    codes : Tensor of shape (n_rows,) of int64
        Label codes from 0, -1 for unlabeled rows, on the training device.
    scale : float
        Divides ``x`` when a batch is made.
    parents : Tensor of shape (n_rows,) of int64, default=None
        Coarse labels of all rows.
    n_past : int, default=0
        Of so many rows, the first, training has had its pass: see `Minibatches`.
    settled : float, default=1.0
        From 0, while labels are still coming, to 1, if all are there.
    """

    x: torch.Tensor
    codes: torch.Tensor
    scale: float
    parents: torch.Tensor | None = None
    n_past: int = 0
    settled: float = 1.0

    @property
    def device(self):
        """Device that training runs on."""
        return self.codes.device

    @property
    def n_parts(self):
        """Number of the parts that `parts` yields."""
        return math.ceil(len(self.codes) / self._part_size)

    @property
    def _part_size(self):
        return min(PART_SIZE, max(1, PART_VALUES // max(1, self.x.shape[1])))

    def rows(self, index):
        """Rows as float32 on the training device: (n,) -> (n, n_features)."""
        x = self.x[index.to(self.x.device)].to(self.device, torch.float32)
        return x if self.scale == 1 else x / self.scale

    def batch(self, index, y, n_extra=0):
        """Rows of a step, of which the first have labels y: see `Batch`."""
        parents = None if self.parents is None else self.parents[index]
        return Batch(self.rows(index), y, parents, n_extra)

    def parts(self):
        """Yield all rows once, in parts of nearly equal size.

        In an order that their values alone decide: then a part is a fair sample of the
        rows, though they may have come sorted by class, and the same sample however
        they came.
        """
        # equal, because a part of one row would have no batch statistics
        for index in self._mixed.tensor_split(self.n_parts):
            yield Part(index, self.rows(index), self.codes[index])

    def fingerprint(self):
        """Return a hash of all rows, labels and coarse labels in their order."""
        digest = hashlib.sha256(self._hashes())
        digest.update(self.codes.cpu().numpy())
        if self.parents is not None:
            digest.update(self.parents.cpu().numpy())
        return digest.hexdigest()

    def distinct(self):
        """Numbers of rows, one for equal ones of one label, in the order of hashes."""
        return self._distinct

    @cached_property
    def _distinct(self):  # asked for before and after a call of partial_fit
        codes = self.codes.cpu().numpy().astype(np.uint64)
        rows = np.column_stack([scrambled(self._hashes()), codes])
        return torch.from_numpy(np.unique(rows, axis=0, return_index=True)[1])

    def _hashes(self):
        """Hash of each row's values as float32: (n_rows,)."""
        hashes = np.empty(len(self.codes), np.uint64)
        size = min(PART_SIZE, max(1, HASHED_VALUES // max(1, self.x.shape[1])))
        for place in _slices(0, len(hashes), size):
            index = torch.arange(place.start, place.stop, device=self.device)
            hashes[place] = row_hashes(self.rows(index))
        return hashes

    @cached_property
    def _mixed(self):
        """Row numbers in the order of their hashes: (n_rows,)."""
        hashes = self._hashes()
        # Equal rows are told apart by their number, or they would stand together.
        order = np.argsort(hashes, kind="stable")
        again = []  # places in that order of rows that equal the row before
        for place in _slices(1, len(order), 2**16):
            before = slice(place.start - 1, place.stop - 1)
            equal = hashes[order[place]] == hashes[order[before]]
            again.append(place.start + np.flatnonzero(equal))
        again = np.concatenate(again)
        first = np.diff(again, prepend=-1) > 1  # the first that equals another
        first = np.repeat(again[first], np.diff(np.r_[first.nonzero()[0], len(again)]))
        hashes[order[again]] += (again - first + 1).astype(np.uint64) * GOLDEN
        del order
        for place in _slices(0, len(hashes), 2**16):
            hashes[place] = scrambled(hashes[place])
        order = np.argsort(hashes, kind="stable")
        return torch.from_numpy(order).to(self.device)


def _slices(start, stop, size):
    """Consecutive slices, one at least: for temporary arrays of so many rows."""
    firsts = range(start, max(stop, start + 1), size)
    return [slice(first, min(first + size, stop)) for first in firsts]


class Minibatches:
    """Row numbers of one training step after another, all steps of the same shape.

    A step has ``n_labeled = min(batch_size // 2, n)`` of the n labeled rows, drawn
    balanced over the classes, and fills up from a stream of permutations of the pool:
    the unlabeled rows, or all rows. Of a pool of more than 2**18 rows, blocks of 1,024
    are shuffled, and then the rows of 256 blocks at a time. With every row labeled and
    a pool of unlabeled rows, the stream runs over the labeled ones. The last step of an
    epoch is completed from the next permutation.

    Parameters
    ----------
    y : Tensor of shape (n_rows,)
        Labels, -1 where there is none.
    batch_size : int
    pool : {"unlabeled", "all"}, default="unlabeled"
    n_past : int, default=0
        So many rows, the first, are not in the pool.
    """

    def __init__(self, y, batch_size, pool="unlabeled", n_past=0):
        self.y = y
        labeled = (y >= 0).nonzero()[:, 0]
        if pool == "all":
            pool = torch.arange(n_past, len(y), device=y.device)
        else:
            pool = (y[n_past:] < 0).nonzero()[:, 0].add_(n_past)
        self.all_labeled = len(pool) == 0
        if self.all_labeled:
            labeled, pool = pool, labeled[labeled >= n_past]
        self.labeled, self.pool = labeled, pool
        self.n_labeled = min(batch_size // 2, len(labeled))
        self.n_pool = min(batch_size - self.n_labeled, len(pool))
        self.n_steps = math.ceil(len(pool) / self.n_pool)
        # labeled rows of a step beyond their share: all, if the pool has them too
        share = 0
        if len(pool) < len(y) - n_past:
            share = round(int((labeled >= n_past).sum()) * self.n_pool / len(pool))
        self.n_extra = max(0, self.n_labeled - share)
        classes = y[labeled]
        counts = classes.bincount()
        starts = counts.cumsum(0) - counts
        # position of each labeled row within its class, once sorted by class
        rank = torch.arange(len(labeled), device=y.device) - starts.repeat_interleave(
            counts
        )
        self.classes = double(classes)
        self.rank = rank.to(self.classes.device)
        self.block = BLOCK_ROWS if len(pool) > SHUFFLED_ROWS else len(pool)
        self.restart()

    def restart(self):
        """Have the next draw begin a permutation of the pool."""
        # rows of the pool to come, and numbers of the blocks after them
        self.order = self.blocks = self.pool[:0]

    def draw(self):
        """Draw one step.

        Returns
        -------
        index : Tensor of shape (n_labeled + n_pool,)
            Rows of the training set, labeled ones first.
        y : Tensor of shape (n_labeled,) or (n_pool,) if every row is labeled
            Labels of the first rows.
        n_extra : int
            So many of the labeled rows are more than these are among all rows.
        """
        while len(self.order) < self.n_pool:
            self.order = torch.cat([self.order, self.shuffled()])
        index, self.order = self.order[: self.n_pool], self.order[self.n_pool :]
        if self.all_labeled:
            return index, self.y[index], 0
        index = torch.cat([self.draw_labeled(), index])
        return index, self.y[index[: self.n_labeled]], self.n_extra

    def shuffled(self):
        """Rows of the next blocks of the pool in random order: (n,).

        The pool may be too large for a second array of its size.
        """
        device = self.pool.device
        if len(self.blocks) == 0:
            n_blocks = math.ceil(len(self.pool) / self.block)
            self.blocks = torch.randperm(n_blocks, device=device)
        n = max(1, SHUFFLED_ROWS // self.block)
        blocks, self.blocks = self.blocks[:n], self.blocks[n:]
        within = torch.arange(self.block, device=device)
        places = (self.block * blocks[:, None] + within).flatten()
        rows = self.pool[places[places < len(self.pool)]]
        return rows[torch.randperm(len(rows), device=device)]

    def draw_labeled(self):
        """Draw the labeled rows of one step: (n_labeled,)."""
        if self.n_labeled == len(self.labeled):
            return self.labeled
        key = torch.rand_like(self.classes)
        by_class = (self.classes + key).argsort()
        # every class gives its first row before any gives its second
        order = (self.rank + key[by_class]).argsort()
        drawn = by_class[order[: self.n_labeled]]
        return self.labeled[drawn.to(self.labeled.device)]
