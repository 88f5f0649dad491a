"""Displays of fitted estimators, following scikit-learn's convention.

Create a display with ``from_estimator``, or from arrays with ``from_predictions``: both
draw it at once. ``plot`` draws it again. All of them draw on the axes they are given,
or else on a new figure. No other part of the package imports matplotlib, and this one
imports it only to draw.
"""

from sksemi.inspection._activity_graph import ActivityGraphDisplay
from sksemi.inspection._cluster_examples import ClusterExamplesDisplay
from sksemi.inspection._history import HistoryDisplay
from sksemi.inspection._label_efficiency import LabelEfficiencyDisplay
from sksemi.inspection._latent_space import LatentSpaceDisplay
from sksemi.inspection._reconstruction import ReconstructionDisplay
from sksemi.inspection._sample_grid import SampleGridDisplay

__all__ = [
    "ActivityGraphDisplay",
    "ClusterExamplesDisplay",
    "HistoryDisplay",
    "LabelEfficiencyDisplay",
    "LatentSpaceDisplay",
    "ReconstructionDisplay",
    "SampleGridDisplay",
]
