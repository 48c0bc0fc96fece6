"""Conserved quantities and identities, one file for each statement."""

from fa_theory.laws.bregman_drift import Drift, bregman_drift
from fa_theory.laws.exact import exact_array, exact_network, exact_number, nearest_floats
from fa_theory.laws.matrix_law import has_matrix_law, matrix_law
from fa_theory.laws.minimum_norm import end_to_end, minimum_norm, predicted_limit, unseen_map, upper_layers
from fa_theory.laws.neuron_identity import Identity, neuron_identity
from fa_theory.laws.neuron_law import layers_with_potential, neuron_law, neuron_law_size, require_degree
from fa_theory.laws.projection_law import feedback_range, unreached_neurons, unseen_inputs

__all__ = [
    "Drift",
    "Identity",
    "bregman_drift",
    "end_to_end",
    "exact_array",
    "exact_network",
    "exact_number",
    "feedback_range",
    "has_matrix_law",
    "layers_with_potential",
    "matrix_law",
    "minimum_norm",
    "nearest_floats",
    "neuron_identity",
    "neuron_law",
    "neuron_law_size",
    "predicted_limit",
    "require_degree",
    "unreached_neurons",
    "unseen_inputs",
    "unseen_map",
    "upper_layers",
]
