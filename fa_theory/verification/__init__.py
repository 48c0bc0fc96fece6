"""Judgement: assumptions, verdicts, reports and the standard suite."""

from fa_theory.verification.bounded import assess_bound, assess_descent, assess_hitting_time
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
from fa_theory.verification.dominance import Dominance, dominance_along
from fa_theory.verification.identities import assess_bregman_drift, assess_dissipation_split, assess_neuron_identity
from fa_theory.verification.instance import Instance, instance_from_data, instance_from_state
from fa_theory.verification.predicted import assess_minimum_norm, assess_reduced_flow
from fa_theory.verification.report import Report, bound_json, describe, run_instance, trajectory_json, verify
from fa_theory.verification.suite import Summary, run_suite, standard_suite, summarise
from fa_theory.verification.verdict import VERDICTS, Verdict

__all__ = [
    "VERDICTS",
    "Dominance",
    "Instance",
    "LawDrift",
    "Report",
    "Summary",
    "Verdict",
    "assess_bound",
    "assess_bregman_drift",
    "assess_descent",
    "assess_dissipation_split",
    "assess_hitting_time",
    "assess_matrix_law",
    "assess_minimum_norm",
    "assess_neuron_identity",
    "assess_neuron_law",
    "assess_projection_law",
    "assess_reduced_flow",
    "bound_json",
    "describe",
    "dominance_along",
    "instance_from_data",
    "instance_from_state",
    "law_drift",
    "matrix_law_drift",
    "neuron_law_drift",
    "projection_law_drift",
    "run_instance",
    "run_suite",
    "standard_suite",
    "summarise",
    "trajectory_json",
    "verify",
]
