"""law-completeness, judged by exact ranks at the start."""

from __future__ import annotations

from fa_theory.bounds import Assumption
from fa_theory.laws import count_laws, exact_rank
from fa_theory.model import AdaptiveFeedback, DirectFeedback, FeedbackAlignment, Network
from fa_theory.verification.verdict import Verdict, first_failure, no_weight_decay, not_applicable, yes_or_no

_COUNTED = 100
"""Exact ranks of the laws of more weights than that take longer than the rest of a verification."""


def _is_fixed(network: Network) -> bool:
    return all(
        isinstance(rule, FeedbackAlignment | DirectFeedback) or (isinstance(rule, AdaptiveFeedback) and rule.kappa == 0)
        for rule in network.feedback
    )


def assess_law_completeness(network: Network, weight_decay: tuple[float, ...] = ()) -> Verdict:
    """Judge statement law-completeness at the start: count the laws and the dimension of the orbit over the rationals.

    Both numbers are predicted, and together they are the number of weights, so that nothing is left for another law.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_law_completeness
    >>> verdict = assess_law_completeness(ft.initialise("gaussian", (2, 3, 1)))
    >>> print(verdict.evidence, verdict.detail, sep=": ")
    exact: nd + mn - md - m(m-1)/2 = 7 laws at n = 3, d = 2, m = 1; exact ranks: 7 laws, orbit 2, weights 9
    """
    failure = first_failure(
        no_weight_decay(weight_decay),
        yes_or_no("linear activation", network.activation.is_linear, network.activation.name),
        Assumption("two layers", float(2 - network.depth) or 1.0, network.depth == 2, f"depth {network.depth}"),
        yes_or_no("rule is fa", _is_fixed(network), network.rule_name),
        yes_or_no("no output bias", network.biases[-1] is None, "an output bias is trained"),
    )
    if failure is not None:
        return not_applicable("law-completeness", failure)
    n, d = network.first_layer_weights().shape
    m, weights = network.widths[-1], n * (d + network.widths[-1])
    rank = exact_rank(network.matrices()[0])
    few = yes_or_no(f"at most {_COUNTED} weights to count", weights <= _COUNTED, f"{weights} weights")
    failure = first_failure(
        Assumption("B of full column rank", float(rank - m) or 1.0, rank == m, f"rank {rank} of {m}"), few
    )
    if failure is not None:
        return not_applicable("law-completeness", failure)
    count = count_laws(network)
    detail = (
        f"nd + mn - md - m(m-1)/2 = {count.predicted_laws} laws at n = {n}, d = {d}, m = {m}; exact ranks: "
        f"{count.laws} laws, orbit {count.orbit}, weights {count.parameters}"
    )
    verdict, margin = ("holds", 1.0) if count.complete else ("refuted", -1.0)
    return Verdict("law-completeness", verdict, "exact", margin, detail)
