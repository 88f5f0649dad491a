"""How much labels that the network assigned count beside those that it was given."""

import torch
from torch import nn

# So many training steps are taught by given labels alone.
FIRST_STEPS = 25


class Trust(nn.Module):
    """Weights of a batch's rows in the terms of labels.

    Assigned labels count nothing in the first steps: made by a network that knows none,
    they would confirm their errors.

    Attributes
    ----------
    settled : Tensor of shape ()
        Weight of assigned labels after them, from 0 to 1.
    n_steps : Tensor of shape ()
        Training steps so far.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("settled", torch.ones(()))
        self.register_buffer("n_steps", torch.zeros(()))

    @torch.no_grad()
    def forward(self, n_rows, n_labeled):
        """Weights (n_rows,), the first n_labeled of given labels; of none, all 1."""
        if self.training:
            self.n_steps += 1
        if n_labeled == 0:
            return self.settled.new_ones(n_rows)
        assigned = self.settled * (self.n_steps > FIRST_STEPS)
        weight = assigned.expand(n_rows).clone()
        weight[:n_labeled] = 1
        return weight
