"""A training step captured as a CUDA graph: its kernels are launched all at once.

A step of few rows is hundreds of small kernels, and a GPU waits for the host to launch
each. The graph has them in one launch, its random numbers included. It reads and writes
the memory that the captured step did; all else that the step did on the host is not
done again, and need not be, as a step is static (see `sksemi._engine.training`).
"""

import torch

from sksemi._engine.seeds import get_rng_state, set_rng_state
from sksemi._validation import warn_user

CAPTURED = ("cuda",)  # kinds of devices
# Steps before the capture, in which libraries set up what they cannot during it.
N_FIRST = 3
# In fewer steps a capture does not pay.
FEWEST_STEPS = 30
# Largest difference between the graph and the step, relative to what each step changes:
# kernels that add in any order differ by rounding, a graph of something else by much.
TOLERANCE = 0.05


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
        self.n_done = 0
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
                if tensor is not None:
                    tensor.copy_(new)
            self.replay()
            return self.values
        self.n_done += 1
        if self.given_up:
            return self.step(batch)
        if self.n_done <= N_FIRST:
            return aside(lambda: self.step(batch), self.device)
        return self._begin(batch)

    def _begin(self, batch):
        """Take a step both ways: captured and replayed, and then as it is."""
        self._forget()
        before, rng = self._copies(), get_rng_state(self.device)
        replayed = None
        try:
            self._capture(batch)
            self.replay()
            replayed = [self.values.clone(), *self._copies()]
        except RuntimeError as error:
            self._give_up(str(error).splitlines()[0])
        for tensor, kept in zip(self._tensors(), before, strict=True):
            tensor.copy_(kept)
        set_rng_state(rng, self.device)
        values = self.step(batch)
        if replayed is not None and not self._agree(before, replayed, values):
            self._give_up("its results differ from those of the step that it captured")
        return values

    def _capture(self, batch):
        self.batch = type(batch)(*(t if t is None else t.clone() for t in batch))
        groups = self.step.optimizer.param_groups
        try:
            for group in groups:
                group["capturable"] = True
            self.replay, self.values = capture(
                lambda: self.step(self.batch), self.device
            )
        finally:
            for group in groups:
                group["capturable"] = False
        self.place = self._place(batch)

    def _forget(self):
        """Free the memory of a graph."""
        self.replay = self.values = self.batch = self.place = None
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
        shapes = [None if tensor is None else tensor.shape for tensor in batch]
        tensors = [*model.parameters(), *model.buffers()]
        return shapes, [tensor.data_ptr() for tensor in tensors]

    def _tensors(self):
        """All that a step changes."""
        moments = self.step.optimizer.state.values()
        tensors = [
            *self.step.model.parameters(),
            *self.step.model.buffers(),
            *(value for state in moments for value in state.values()),
        ]
        return [tensor.detach() for tensor in tensors]

    def _copies(self):
        return [tensor.clone() for tensor in self._tensors()]

    def _agree(self, before, replayed, values):
        """Whether the replay has the values and the weights of the step itself."""
        of_graph, *replayed = replayed
        if not torch.allclose(of_graph, values, TOLERANCE, TOLERANCE, equal_nan=True):
            return False
        changes = [0.0, 0.0]  # squared: by the step, and between it and the replay
        for old, graph, own in zip(before, replayed, self._copies(), strict=True):
            for place, other in enumerate((old, graph)):
                change = (own.double() - other.double()).square().sum()
                changes[place] += float(change)
        return changes[1] <= TOLERANCE**2 * changes[0]


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
