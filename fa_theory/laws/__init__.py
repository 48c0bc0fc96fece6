"""Conserved quantities and identities, one file for each statement."""

from fa_theory.laws.bregman_drift import Drift, bregman_drift
from fa_theory.laws.dfa_law import FeedbackPair, dfa_law, dfa_law_size, effective_feedback, feedback_pairs
from fa_theory.laws.exact import exact_array, exact_matrix, exact_network, exact_number, exact_rank, nearest_floats
from fa_theory.laws.law_completeness import LawCount, count_laws
from fa_theory.laws.matched_decay import DecayMatch, decay_matches, matched_decay, matched_laws
from fa_theory.laws.matrix_law import has_matrix_law, matrix_law
from fa_theory.laws.midpoint_exactness import has_quadratic_laws, quadratic_laws, steepest_quadratic_law
from fa_theory.laws.minimum_norm import end_to_end, minimum_norm, predicted_limit, unseen_map, upper_layers
from fa_theory.laws.neuron_identity import Identity, neuron_identity
from fa_theory.laws.neuron_law import layers_with_potential, neuron_law, neuron_law_size, require_degree
from fa_theory.laws.projection_law import feedback_range, unreached_neurons, unseen_inputs

__all__ = [
    "DecayMatch",
    "Drift",
    "FeedbackPair",
    "Identity",
    "LawCount",
    "bregman_drift",
    "count_laws",
    "decay_matches",
    "dfa_law",
    "dfa_law_size",
    "effective_feedback",
    "end_to_end",
    "exact_array",
    "exact_matrix",
    "exact_network",
    "exact_number",
    "exact_rank",
    "feedback_pairs",
    "feedback_range",
    "has_matrix_law",
    "has_quadratic_laws",
    "layers_with_potential",
    "matched_decay",
    "matched_laws",
    "matrix_law",
    "minimum_norm",
    "nearest_floats",
    "neuron_identity",
    "neuron_law",
    "neuron_law_size",
    "predicted_limit",
    "quadratic_laws",
    "require_degree",
    "steepest_quadratic_law",
    "unreached_neurons",
    "unseen_inputs",
    "unseen_map",
    "upper_layers",
]
