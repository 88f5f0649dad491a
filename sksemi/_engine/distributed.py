"""One fit by several processes, each with rows of its own.

A process is a rank of torch.distributed, which the caller has initialized; without it
there is one rank, and nothing here does anything. Gradients are averaged over the ranks
at every step, so that all hold the same weights. What is learned from the rows outside
the steps, units and k-means for instance, rank 0 learns from its own.
"""

import hashlib
import re
import signal
import threading
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import torch
from torch import distributed as dist

from sksemi._engine.seeds import reseed

# Seconds for which a rank waits for the others to begin fit.
PATIENCE = 60
# A rank with more times the rows of another is refused.
MOST_UNEVEN = 2


class OtherRankError(RuntimeError):
    """What another rank could not do."""


class Ranks:
    """The processes that fit together; one, unless torch.distributed says otherwise.

    Attributes
    ----------
    rank : int
        Number of this process.
    size : int
        Number of processes.
    """

    def __init__(self):
        self.rank, self.size, self.interrupted = 0, 1, False
        if dist.is_available() and dist.is_initialized():
            self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def meet(self):
        """Wait until every rank has begun this fit.

        Raises
        ------
        RuntimeError
            If one has not after a minute.
        """
        if self.size == 1 or dist.get_backend() != "gloo":
            return
        try:
            dist.monitored_barrier(timeout=timedelta(seconds=PATIENCE))
        except RuntimeError as error:
            raise RuntimeError(
                f"torch.distributed has {self.size} processes, but not all of them "
                f"called fit within {PATIENCE} seconds. Call it in all of them, with "
                "torch.distributed.barrier() before it if some start later, or call "
                "torch.distributed.destroy_process_group() first to fit in a single "
                "process."
            ) from error

    def gather(self, value):
        """Values of all ranks, in their order: a list.

        Raises
        ------
        OtherRankError
            If a rank has failed: see `together`.
        """
        if self.size == 1:
            return [value]
        return self._gather(value, None)

    def _gather(self, value, failure):
        told = [None] * self.size
        with _connected():
            dist.all_gather_object(told, (value, failure))
        failures = [(rank, why) for rank, (_, why) in enumerate(told) if why]
        if failures and failure is None:
            rank, why = failures[0]
            raise OtherRankError(f"Rank {rank} of this fit has failed: {why}")
        return [value for value, _ in told]

    @contextmanager
    def together(self):
        """Context in which an error on one rank is an error on all."""
        try:
            yield
        except OtherRankError:
            raise
        except Exception as error:
            if self.size > 1:
                self._gather(None, f"{type(error).__name__}: {error}")
            raise
        self.gather(None)

    def union(self, labels):
        """Distinct labels of all ranks, sorted, of labels as y was read."""
        if self.size == 1:
            return labels
        every = [of_rank for of_rank in self.gather(labels) if len(of_rank)]
        if not every:
            return labels
        kinds = {of_rank.dtype.kind for of_rank in every}
        if len(kinds) > 1:
            raise ValueError("y has labels of different types on different ranks.")
        merged = sorted({label for of_rank in every for label in of_rank.tolist()})
        return np.array(merged, dtype=every[0].dtype)

    def check_device(self, device):
        """Refuse a device whose tensors torch.distributed does not send.

        Raises
        ------
        ValueError
            If there are several ranks.
        """
        if self.size > 1 and device.type == "mps":
            raise ValueError(
                f'device="{device}" trains in one process, but torch.distributed has '
                f'{self.size}. Use device="cpu".'
            )

    def check_same(self, settings):
        """Refuse to fit together what is not the same on all ranks.

        Parameters
        ----------
        settings : dict of str to object

        Raises
        ------
        ValueError
            Naming the first that differs.
        """
        if self.size == 1:
            return
        shown = {
            name: re.sub(r" at 0x\w+", "", repr(value))
            for name, value in settings.items()
        }
        every = self.gather(shown)
        for name in shown:
            values = [of_rank.get(name) for of_rank in every]
            if len(set(values)) > 1:
                listed = ", ".join(dict.fromkeys(map(str, values)))
                raise ValueError(
                    f"{name} is not the same in all processes of this fit: {listed}. "
                    "Only the rows of X and y may differ."
                )

    def check_shards(self, codes):
        """Refuse ranks whose rows are too unlike for steps together.

        Parameters
        ----------
        codes : Tensor of shape (n_rows,)
            Label codes of this rank's rows, -1 for those without a label.

        Raises
        ------
        ValueError
            If one has far more rows than another, or labels where another has none.
        """
        if self.size == 1:
            return
        every = self.gather((len(codes), int((codes >= 0).sum())))
        n_rows = [n for n, _ in every]
        if max(n_rows) > MOST_UNEVEN * min(n_rows):
            raise ValueError(
                f"The processes of this fit have {n_rows} rows of X. Give each about "
                "the same number: X, y = sksemi.datasets.shard_rows(X, y)."
            )
        for what, kinds in [
            ("a label", [n_labeled > 0 for _, n_labeled in every]),
            ("no label", [n_labeled < n for n, n_labeled in every]),
        ]:
            if len(set(kinds)) > 1:
                raise ValueError(
                    f"Only some processes of this fit have rows with {what}: "
                    f"ranks {[rank for rank, has in enumerate(kinds) if has]}. "
                    "Distribute them to all; you may give the same few to each."
                )

    def fingerprint(self, data):
        """Hash of the rows and labels of all ranks."""
        own = data.fingerprint()
        if self.size == 1:
            return own
        return hashlib.sha256(" ".join(self.gather(own)).encode()).hexdigest()

    def once(self, function, model):
        """Call a function on rank 0 alone, and give all ranks the model it leaves."""
        with self.together():
            if self.rank == 0:
                function()
        self.share(model)

    def share(self, model):
        """Give all ranks the weights and buffers of rank 0."""
        if self.size == 1:
            return
        with _connected():
            for tensor in model.state_dict().values():
                whole = tensor.contiguous()
                dist.broadcast(whole, 0)
                tensor.copy_(whole)

    def average(self, tensors):
        """Replace tensors by their means over the ranks: one flat all-reduce."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _connected():
            dist.all_reduce(flat)
        parts = (flat / self.size).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def any(self, flag):
        """Whether a flag is set on some rank."""
        return any(self.gather(bool(flag)))

    def begin_epoch(self, epoch, seed, batches):
        """Start an epoch's draws, which are this rank's own.

        They depend on the seed, the epoch and the rank alone, so that a checkpoint of
        rank 0 is one for all.
        """
        if self.size == 1:
            return
        own = np.random.SeedSequence([seed, epoch, self.rank]).generate_state(1)
        reseed(int(own[0]), batches.y.device)
        batches.restart()

    @contextmanager
    def noting_interrupts(self):
        """Context in which Ctrl-C waits for `raise_interrupt`.

        In one process alone, and in threads, which get no signals, it does not.
        """
        self.interrupted = False
        main = threading.current_thread() is threading.main_thread()
        if self.size == 1 or not main:
            yield
            return

        def note(*_):
            self.interrupted = True

        before = signal.signal(signal.SIGINT, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def raise_interrupt(self):
        """Raise KeyboardInterrupt on all ranks after Ctrl-C on one."""
        if self.any(self.interrupted):
            raise KeyboardInterrupt


@contextmanager
def _connected():
    """Have the loss of another rank said in words."""
    try:
        yield
    except RuntimeError as error:
        raise RuntimeError(
            "Another process of this fit has failed or was ended, and this one cannot "
            "continue alone. If a Checkpoint was set, load it and call fit in all "
            "processes to finish this fit."
        ) from error
