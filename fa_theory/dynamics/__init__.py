"""Update directions, the dissipation split, gradient descent, SGD, the flow, and their trajectories."""

from fa_theory.dynamics.decay import WeightDecay, decay_rates, decayed
from fa_theory.dynamics.discrete import gradient_descent, recorded_steps
from fa_theory.dynamics.dissipation import (
    Dissipation,
    FeedbackCosine,
    LayerSplit,
    NeuronSplit,
    dissipation,
    feedback_cosines,
)
from fa_theory.dynamics.ensembles import ensemble
from fa_theory.dynamics.exact import size_in_bits
from fa_theory.dynamics.flow import flow
from fa_theory.dynamics.integrate import Progress
from fa_theory.dynamics.passes import (
    ForwardPass,
    backward,
    forward,
    gradients,
    inner,
    loss_of,
    magnitudes,
    tangents,
    update_directions,
)
from fa_theory.dynamics.reduced import ReducedFlow, has_reduced_flow, reduced_flow
from fa_theory.dynamics.simulate import GAUSS_METHODS, METHODS, check_fit, simulate
from fa_theory.dynamics.steppers import minibatches, take_step
from fa_theory.dynamics.trajectory import OUTCOMES, Event, Trajectory, recorded_times

__all__ = [
    "GAUSS_METHODS",
    "METHODS",
    "OUTCOMES",
    "Dissipation",
    "Event",
    "FeedbackCosine",
    "ForwardPass",
    "LayerSplit",
    "NeuronSplit",
    "Progress",
    "ReducedFlow",
    "Trajectory",
    "WeightDecay",
    "backward",
    "check_fit",
    "decay_rates",
    "decayed",
    "dissipation",
    "ensemble",
    "feedback_cosines",
    "flow",
    "forward",
    "gradient_descent",
    "gradients",
    "has_reduced_flow",
    "inner",
    "loss_of",
    "magnitudes",
    "minibatches",
    "recorded_steps",
    "recorded_times",
    "reduced_flow",
    "simulate",
    "size_in_bits",
    "take_step",
    "tangents",
    "update_directions",
]
