"""A training step captured as a CUDA graph: its kernels are launched all at once.

A step of few rows is hundreds of small kernels, and a GPU waits for the host to launch
each. The graph has them in one launch, its random numbers included. It reads and writes
the memory that the captured step did; all else that the step did on the host is not
done again, and need not be, as a step is static (see `sksemi._engine.training`).
"""

import random
import weakref
from collections import defaultdict

import numpy as np
import torch

from sksemi._engine.seeds import get_rng_state, set_rng_state
from sksemi._validation import warn_user

CAPTURED = ("cuda",)  # kinds of devices
# Steps before the capture, in which libraries set up what they cannot during it.
N_FIRST = 3
# In fewer steps a capture does not pay.
FEWEST_STEPS = 30
# Captures in a row whose graph could not be used once.
MOST_IN_VAIN = 3
# Largest difference between the graph and the step, relative to what the step changes:
# kernels that add in any order differ by rounding, a graph of something else by much.
# Adam makes rounding large in weights without a gradient, as those before batch norm.
TOLERANCE, OF_WEIGHTS = 0.05, 0.5
# The same relative to what a tensor is, for one that the step hardly changes.
ROUNDING = 1e-6
# Steps that hold a graph. A capture changes the generator that their graphs draw from,
# and may use their streams.
HOLDERS = weakref.WeakSet()


def is_worth_capturing(device, n_steps, n_ranks):
    """Whether to capture steps: on a GPU, in one process, if there are enough."""
    # Between ranks, gradients are averaged in the middle of a step.
    return device.type in CAPTURED and n_ranks == 1 and n_steps >= FEWEST_STEPS


class CapturedStep:
    """A step, after the first few by a graph of it.

    The first replay is compared with the step itself from the same state, random
    numbers included. Where they differ, or the capture fails, all steps are taken as
    they are, with a warning.

    Parameters
    ----------
    step : TrainingStep
    device : torch.device
    """

    def __init__(self, step, device):
        self.step, self.device = step, device
        self.n_done = self.n_vain = 0
        self.given_up = False
        self._forget()

    @property
    def names(self):
        """Names of the values that a call returns."""
        return self.step.names

    @property
    def terms(self):
        """Names of those that are minimized or part of it."""
        return self.step.terms

    def __call__(self, batch):
        """Take a step, and return its values."""
        if self.replay is not None and self._place(batch) == self.place:
            for tensor, new in zip(self.batch, batch, strict=True):
                if torch.is_tensor(tensor):
                    tensor.copy_(new)
            self.replay()
            self.n_vain = 0
            return self.values
        self.n_done += 1
        if self.given_up:
            return self.step(batch)
        if self.n_done <= N_FIRST:
            return aside(lambda: self.step(batch), self.device)
        self._forget()
        if len(HOLDERS):  # a fit within a fit, or in another thread
            return self.step(batch)
        if self.n_vain == MOST_IN_VAIN:
            self._give_up("its memory is another one at every step")
            return self.step(batch)
        return self._begin(batch)

    def _begin(self, batch):
        """Take a step both ways: captured and replayed, and then as it is."""
        before, rng = self._copies(), get_rng_state(self.device)
        replayed = values = None
        try:
            self._capture(batch)
            self.replay()
            replayed = [self.values.clone()], *self._copies()
        except RuntimeError as error:
            # what ended a capture comes before what the end of it says
            self._give_up(str(error.__context__ or error).splitlines()[0])
        self._put_back(before, rng)
        try:
            values = self.step(batch)
        except torch.OutOfMemoryError:
            if self.replay is None:
                raise
        if values is None:
            replayed = None
            self._give_up("there is no memory for it")
            self._put_back(before, rng)
            values = self.step(batch)
        if replayed is not None and not self._agree(before, replayed, values):
            self._give_up("its results differ from those of the step that it captured")
        return values

    def _put_back(self, before, rng):
        for (_, tensors), kept in zip(self._groups(), before, strict=True):
            for tensor, old in zip(tensors, kept, strict=True):
                tensor.copy_(old)
        set_rng_state(rng, self.device)

    def _capture(self, batch):
        self.n_vain += 1
        fields = (t.clone() if torch.is_tensor(t) else t for t in batch)
        self.batch = type(batch)(*fields)
        optimizer, host = self.step.optimizer, host_state()
        known = {id(parameter) for parameter in optimizer.state}
        try:
            for group in optimizer.param_groups:
                group["capturable"] = True
            self.replay, self.values = capture(
                lambda: self.step(self.batch), self.device
            )
            HOLDERS.add(self)
        finally:
            for group in optimizer.param_groups:
                group["capturable"] = False
            late = [p for p in optimizer.state if id(p) not in known]
            for parameter in late:  # its moments would start anew at each replay
                del optimizer.state[parameter]
        if late:
            raise RuntimeError("a weight has its first gradient only now")
        if not is_same(host_state(), host):
            random.setstate(host[0])
            np.random.set_state(host[1])
            raise RuntimeError("it draws random numbers that are not the device's")
        self.place = self._place(batch)

    def _forget(self):
        """Free the memory of a graph."""
        self.replay = self.values = self.batch = self.place = None
        HOLDERS.discard(self)
        self.step.optimizer.zero_grad()

    def _give_up(self, why):
        self._forget()
        self.given_up = True
        warn_user(
            f"A training step could not be captured as a CUDA graph ({why}). Training "
            "continues without one: results are the same, but it takes longer."
        )

    def _place(self, batch):
        """Return what a graph holds on to: shapes of rows, addresses of the model."""
        model = self.step.model
        shapes = [t.shape if torch.is_tensor(t) else t for t in batch]
        tensors = [*model.parameters(), *model.buffers()]
        return shapes, [tensor.data_ptr() for tensor in tensors]

    def _groups(self):
        """All that a step changes: tensors that are compared together, by tolerance.

        Counters among them would hide what other tensors do.
        """
        model, moments = self.step.model, defaultdict(list)
        for state in self.step.optimizer.state.values():
            for name, value in state.items():
                moments[name].append(value)
        return [
            (OF_WEIGHTS, [parameter.detach() for parameter in model.parameters()]),
            *((TOLERANCE, tensors) for tensors in moments.values()),
            *((TOLERANCE, [buffer]) for buffer in model.buffers()),
        ]

    def _copies(self):
        return [[tensor.clone() for tensor in tensors] for _, tensors in self._groups()]

    def _agree(self, before, replayed, values):
        """Whether the replay has the values and the weights of the step itself."""
        ((of_graph,), *replayed) = replayed
        if not torch.allclose(of_graph, values, TOLERANCE, TOLERANCE, equal_nan=True):
            return False
        for (tolerance, own), old, graph in zip(
            self._groups(), before, replayed, strict=True
        ):
            most = tolerance * distance(own, old) + ROUNDING * distance(own)
            if distance(own, graph) > most:  # not where a step has diverged
                return False
        return True


def distance(tensors, others=None):
    """Euclidean distance between lists of tensors, or from 0."""
    others = [torch.zeros_like(t) for t in tensors] if others is None else others
    pairs = zip(tensors, others, strict=True)
    squares = [(t.double() - o.double()).square().sum() for t, o in pairs]
    return float(sum(squares)) ** 0.5


def host_state():
    """States of the generators that a graph does not draw from."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def is_same(state, other):
    """Whether two such states are equal."""
    return (
        state[0] == other[0]
        and all(map(np.array_equal, state[1], other[1]))
        and torch.equal(state[2], other[2])
    )


def aside(function, device):
    """Call a function on another stream than the one that is current."""
    current, other = torch.cuda.current_stream(device), torch.cuda.Stream(device)
    other.wait_stream(current)
    with torch.cuda.stream(other):
        returned = function()
    current.wait_stream(other)
    returned.record_stream(current)
    return returned


def capture(function, device):
    """Capture what a function launches, without running it.

    Parameters
    ----------
    function : callable
    device : torch.device

    Returns
    -------
    replay : callable
        Runs what was captured, on the same memory.
    returned : Tensor
        What the function returned, without values until a replay.
    """
    generator = torch.cuda.default_generators[device.index]
    whole = generator.clone_state()
    graph = torch.cuda.CUDAGraph()
    try:
        with (
            torch.cuda.device(device),
            torch.cuda.stream(torch.cuda.current_stream(device)),
            torch.cuda.graph(
                graph,
                stream=torch.cuda.Stream(device),
                capture_error_mode="thread_local",  # other threads may predict
            ),
        ):
            returned = function()
    except BaseException:
        # A capture that was cut off keeps the generator.
        generator.graphsafe_set_state(whole)
        raise
    return graph.replay, returned
