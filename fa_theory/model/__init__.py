"""Networks, problems, activations, losses, feedback rules, initialisations and start states."""

from fa_theory.model.activations import Activation, activation, leaky_relu, linear, power, relu, tanh
from fa_theory.model.feedback import (
    RULES,
    AdaptiveFeedback,
    Backprop,
    DirectFeedback,
    FeedbackAlignment,
    FeedbackRule,
    SignFeedback,
    feedback_rules,
)
from fa_theory.model.initialise import INITIALISATIONS, initialise
from fa_theory.model.losses import LOSSES, Loss, cross_entropy, exponential, logistic, loss, squared
from fa_theory.model.margin import Margin, max_margin
from fa_theory.model.network import Network, Parameters
from fa_theory.model.potential import PotentialFeedback
from fa_theory.model.problem import Problem, Spectrum, spectrum
from fa_theory.model.state import State, load_state, save_state
from fa_theory.model.transfer import BACKENDS, backend_namespace, to_backend

__all__ = [
    "BACKENDS",
    "INITIALISATIONS",
    "LOSSES",
    "RULES",
    "Activation",
    "AdaptiveFeedback",
    "Backprop",
    "DirectFeedback",
    "FeedbackAlignment",
    "FeedbackRule",
    "Loss",
    "Margin",
    "Network",
    "Parameters",
    "PotentialFeedback",
    "Problem",
    "SignFeedback",
    "Spectrum",
    "State",
    "activation",
    "backend_namespace",
    "cross_entropy",
    "exponential",
    "feedback_rules",
    "initialise",
    "leaky_relu",
    "linear",
    "load_state",
    "logistic",
    "loss",
    "max_margin",
    "power",
    "relu",
    "save_state",
    "spectrum",
    "squared",
    "tanh",
    "to_backend",
]
