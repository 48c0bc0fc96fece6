"""Judgement: assumptions, verdicts, reports and the standard suite."""

from fa_theory.verification.bounded import (
    assess_bound,
    assess_descent,
    assess_generalised_decay,
    assess_hitting_time,
    without_decay,
)
from fa_theory.verification.completeness import assess_law_completeness
from fa_theory.verification.conserved import (
    LawDrift,
    assess_matrix_law,
    assess_neuron_law,
    assess_projection_law,
    law_drift,
    matrix_law_drift,
    neuron_law_drift,
    projection_law_drift,
)
from fa_theory.verification.dominance import (
    Alignment,
    Dominance,
    LayerAlignment,
    alignment_along,
    dominance_along,
    dominance_json,
)
from fa_theory.verification.further_laws import (
    assess_dfa_law,
    assess_matched_decay,
    assess_midpoint_exactness,
    dfa_law_drift,
    included_kernels,
    matched_decay_drift,
    midpoint_drift,
)
from fa_theory.verification.identities import assess_bregman_drift, assess_dissipation_split, assess_neuron_identity
from fa_theory.verification.instance import (
    USED_BY,
    Instance,
    command_from_state,
    instance_from_data,
    instance_from_state,
)
from fa_theory.verification.measured_decay import MeasuredDecay, measured_decay
from fa_theory.verification.predicted import assess_minimum_norm, assess_reduced_flow
from fa_theory.verification.report import Report, bound_json, describe, run_instance, trajectory_json, verify
from fa_theory.verification.suite import Summary, run_suite, standard_suite, summarise
from fa_theory.verification.verdict import VERDICTS, Verdict

__all__ = [
    "USED_BY",
    "VERDICTS",
    "Alignment",
    "Dominance",
    "Instance",
    "LawDrift",
    "LayerAlignment",
    "MeasuredDecay",
    "Report",
    "Summary",
    "Verdict",
    "alignment_along",
    "assess_bound",
    "assess_bregman_drift",
    "assess_descent",
    "assess_dfa_law",
    "assess_dissipation_split",
    "assess_generalised_decay",
    "assess_hitting_time",
    "assess_law_completeness",
    "assess_matched_decay",
    "assess_matrix_law",
    "assess_midpoint_exactness",
    "assess_minimum_norm",
    "assess_neuron_identity",
    "assess_neuron_law",
    "assess_projection_law",
    "assess_reduced_flow",
    "bound_json",
    "command_from_state",
    "describe",
    "dfa_law_drift",
    "dominance_along",
    "dominance_json",
    "included_kernels",
    "instance_from_data",
    "instance_from_state",
    "law_drift",
    "matched_decay_drift",
    "matrix_law_drift",
    "measured_decay",
    "midpoint_drift",
    "neuron_law_drift",
    "projection_law_drift",
    "run_instance",
    "run_suite",
    "standard_suite",
    "summarise",
    "trajectory_json",
    "verify",
    "without_decay",
]
