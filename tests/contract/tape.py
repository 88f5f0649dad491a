"""CUDA graphs without a GPU: kernels on the CPU, recorded and run again.

As with a graph, nothing is run when it is captured, the host's code is not run again,
and a replay reads and writes the memory that the capture saw.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape(TorchDispatchMode):
    """Records the operations inside its context, then undoes what they changed."""

    def __enter__(self):
        self.calls, self.before, self.made = [], {}, set()
        self.rng = torch.get_rng_state()
        return super().__enter__()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        for tensor in tensors_in((args, kwargs)):
            memory = tensor.untyped_storage()
            place = memory.data_ptr()
            if place not in self.made and place not in self.before:
                whole = tensor.new_empty(0).set_(memory)
                self.before[place] = whole, whole.clone()
        result = function(*args, **kwargs)
        for tensor in tensors_in(result):
            self.made.add(tensor.untyped_storage().data_ptr())
        self.calls.append((function, args, kwargs, result))
        return result

    def __exit__(self, *error):
        super().__exit__(*error)
        with torch.no_grad():
            for _, _, _, result in self.calls:
                for tensor in tensors_in(result):
                    own = tensor.untyped_storage().data_ptr() not in self.before
                    if own and tensor.is_floating_point():
                        tensor.detach().fill_(torch.nan)
            for tensor, kept in self.before.values():
                tensor.copy_(kept)
        torch.set_rng_state(self.rng)

    @torch.no_grad()
    def replay(self):
        for function, args, kwargs, recorded in self.calls:
            again = function(*args, **kwargs)
            pairs = zip(tensors_in(recorded), tensors_in(again), strict=True)
            for old, new in pairs:
                if old.untyped_storage().data_ptr() != new.untyped_storage().data_ptr():
                    old.detach().copy_(new)


def tensors_in(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def capture(function, device):
    """What `sksemi._engine.capturing.capture` does, on the CPU."""
    with Tape() as tape:
        returned = function()
    return tape.replay, returned
