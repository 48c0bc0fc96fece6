"""separable-decay: exponential and logistic loss on separable data, from an aligned start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Assumption, Bound, Host
from fa_theory.bounds.float_range import within_floats
from fa_theory.model import Margin, Network, Problem, max_margin

if TYPE_CHECKING:
    from collections.abc import Callable

SMALLEST_RELATIVE_MARGIN = 1e-9


def logistic_primitive(sigma: float) -> float:
    """Return -1/q + log q + sigma, q = 1 - exp(-sigma): a primitive of 1/q^2, increasing from -infinity."""
    q = -np.expm1(-sigma)
    return float(-1 / q + np.log(q) + sigma)


def invert_logistic_primitive(value: float, upper: float) -> float:
    """Return the sigma in (0, upper] whose primitive is `value`; `upper` if that has a smaller one.

    Below 1e-300 the search ends, and a number that is too large, and so still a bound, is returned.
    """
    if value >= logistic_primitive(upper):
        return upper
    low = min(upper, 1.0)
    while logistic_primitive(low) > value:
        if low < 1e-300:
            return low
        low /= 16
    root = brentq(
        lambda log_sigma: logistic_primitive(np.exp(log_sigma)) - value,
        np.log(low),
        np.log(upper),
        xtol=1e-15,
        rtol=4 * np.finfo(float).eps,
    )
    return float(np.exp(root))


def _exponential_curve(start: float, rho: float) -> Callable[[Host], Host]:
    def curve(times: Host) -> Host:
        with np.errstate(divide="ignore"):  # a loss of zero or infinity stays so
            return np.asarray(1 / (1 / np.float64(start) + rho * times))

    return curve


def _logistic_curve(start: float, rho: float, n_samples: int) -> Callable[[Host], Host]:
    sigma = n_samples * start

    def curve(times: Host) -> Host:
        if sigma == 0:
            return np.zeros(times.shape)
        first = logistic_primitive(sigma)
        values = [invert_logistic_primitive(first - rho * t / n_samples, sigma) for t in times.tolist()]
        return np.asarray(values) / n_samples

    return curve


def margin_of_labels(network: Network, problem: Problem) -> Margin | None:
    """Return the max margin of the inputs, None where the labels are not a column of -1 and +1."""
    labels = to_numpy(problem.Y)
    signs = labels.shape[1] == 1 and bool(np.all(abs(labels) == 1))
    return max_margin(network.first_layer_inputs(problem.X), problem.Y) if signs else None


def separable_data(margin: Margin | None) -> Assumption:
    """Judge whether some u has y_j u.x_j > 0 for all j; the margin is that of the data over max_j |x_j|.

    Where that is below 1e-9 it is not decided, unless convex weights with sum_j a_j y_j x_j = 0 up to as much
    certify that there is no such u; the margin is then what is lacking.
    """
    name = "separable data"
    if margin is None:
        return Assumption(name, -1.0, False, "labels are not a column of -1 and +1")
    if margin.relative >= SMALLEST_RELATIVE_MARGIN:
        found = f"gamma = {margin.lower:.6g} (at most {margin.upper:.6g})"
        return Assumption(name, margin.relative, True, found)
    lacking = margin.relative - SMALLEST_RELATIVE_MARGIN
    certified = margin.lower <= 0 and margin.upper <= SMALLEST_RELATIVE_MARGIN * margin.scale
    detail = f"a convex combination of y_j x_j has length {margin.upper:.3g}, which no margin exceeds"
    return Assumption(name, lacking, False if certified else None, detail)


@within_floats
def separable_decay(network: Network, problem: Problem) -> Bound:
    """Bound the exponential or logistic loss of a two-layer, scalar, leaky network with an aligned start.

    rho = a^2 gamma^2 s with gamma the max margin. Exponential loss: L(t) <= L(0) / (1 + rho L(0) t). Logistic
    loss, with sigma = N L: P(sigma(t)) <= P(sigma(0)) - rho t / N for P = -1/q + log q + sigma, q = 1 -
    exp(-sigma), inverted numerically. With a hidden bias (x, 1) stands in place of x. rho is rounded down by
    what its ingredients may be off.

    Parameters
    ----------
    network, problem
        Start and data, labels +-1.

    Returns
    -------
    Bound
        On the mean loss; `constants` holds rho, gamma (attained), gamma_upper (dual) and s.

    Notes
    -----
    Statement separable-decay (generalised decay on separable data: paper; constants and assumptions: own).
    For linear networks s > 0 is enough in place of all C_i <= 0, as all g_i agree.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1, 0], [0, 1]], [[2, 1]]], "linear", [[[1], [1]]])
    >>> problem = ft.Problem([[1, 0], [0, 1]], [1, -1], "exponential")
    >>> bound = ft.bounds.separable_decay(network, problem)
    >>> round(bound.constants["rho"], 9)  # gamma^2 s with gamma = 1 / sqrt(2) and s = 2
    1.0
    """
    inputs = network.first_layer_inputs(problem.X)
    margin = margin_of_labels(network, problem)
    alignment = assume.initial_alignment(network)
    slope = float(network.activation.slope or 0.0)
    judged = (
        *assume.leaky_two_layers(network, problem, "exponential", "logistic"),
        assume.aligning_rule(network),
        separable_data(margin),
        assume.aligned_start(network, alignment, strict=True),
    )
    eps = machine_epsilon(problem.X)
    gamma, gamma_upper, certain = 0.0, 0.0, 0.0
    if margin is not None:
        gamma, gamma_upper = margin.lower, margin.upper
        certain = max(gamma - (8 + inputs.shape[1]) * float(np.finfo(float).eps) * margin.scale, 0.0)
    total = max(alignment.total - float(np.sum(alignment.rounding)), 0.0)
    rho = slope**2 * certain**2 * total
    start = assume.start_loss(network, problem)
    rounding = 256 * eps
    if problem.loss.name == "exponential":
        curve = _exponential_curve(start, rho)
    else:
        curve = _logistic_curve(start, rho, problem.n_samples)
        # the primitive of a large sigma cancels on the way down, by up to its own size
        rounding *= 1 + problem.n_samples * start
    return Bound(
        id="separable-decay",
        quantity="loss",
        assumptions=judged,
        curve=curve,
        rate=None,
        floor=0.0,
        rounding=rounding,
        constants={
            "rho": rho,
            "gamma": gamma,
            "gamma_upper": gamma_upper,
            "s": alignment.total,
            "slope": slope,
            "start_loss": start,
        },
    )
