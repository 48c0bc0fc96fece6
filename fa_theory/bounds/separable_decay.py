"""separable-decay: exponential and logistic loss on separable data, from an aligned start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.bounds import assumptions as assume
from fa_theory.bounds.bound import Assumption, Bound, Host
from fa_theory.model import Margin, Network, Problem, max_margin

SMALLEST_RELATIVE_MARGIN = 1e-9


def logistic_primitive(sigma: float) -> float:
    """Return -1/q + log q + sigma, q = 1 - exp(-sigma): a primitive of 1/q^2, increasing from -infinity."""
    q = -np.expm1(-sigma)
    return float(-1 / q + np.log(q) + sigma)


def invert_logistic_primitive(value: float, upper: float) -> float:
    """Return the sigma in (0, upper] whose primitive is `value` <= the primitive of `upper`, by bracketing in log sigma.

    Raises
    ------
    ArithmeticError
        If sigma is too small to be a normal float.
    """
    if value >= logistic_primitive(upper):
        return upper
    low = min(upper, 1.0)
    while logistic_primitive(low) > value:
        low /= 16
        if low < 1e-300:
            raise ArithmeticError(f"separable-decay: the loss bound falls below 1e-300 (primitive {value:.6g})")
    root = brentq(lambda x: logistic_primitive(np.exp(x)) - value, np.log(low), np.log(upper), xtol=1e-15, rtol=1e-14)
    return float(np.exp(root))


def _exponential_curve(start: float, rho: float) -> Callable[[Host], Host]:
    return lambda times: np.asarray(start / (1 + rho * start * times))


def _logistic_curve(start: float, rho: float, n_samples: int) -> Callable[[Host], Host]:
    sigma = n_samples * start

    def curve(times: Host) -> Host:
        first = logistic_primitive(sigma)
        values = [invert_logistic_primitive(first - rho * t / n_samples, sigma) for t in times.tolist()]
        return np.asarray(values) / n_samples

    return curve


def separable_data(margin: Margin | None) -> Assumption:
    """Judge whether some u has y_j u.x_j > 0 for all j; the margin is gamma / max |x|, undecided below 1e-9."""
    name = "separable data"
    if margin is None:
        return Assumption(name, -1.0, False, "labels are not a column of -1 and +1")
    if margin.relative >= SMALLEST_RELATIVE_MARGIN:
        return Assumption(name, margin.relative, True, f"gamma = {margin.lower:.6g} (at most {margin.upper:.6g})")
    short = margin.upper / margin.scale if margin.scale else 0.0
    detail = f"a convex combination of y_j x_j has length {margin.upper:.3g}, so no unit vector has a larger margin"
    return Assumption(name, margin.relative - short, None if margin.lower > 0 else False, detail)


def separable_decay(network: Network, problem: Problem) -> Bound:
    """Bound the exponential or logistic loss of a two-layer, scalar, leaky network with an aligned start.

    rho = a^2 gamma^2 s with gamma the max margin. Exponential loss: L(t) <= L(0) / (1 + rho L(0) t). Logistic loss, with
    sigma = N L: P(sigma(t)) <= P(sigma(0)) - rho t / N for P = -1/q + log q + sigma, q = 1 - exp(-sigma), inverted
    numerically. With a hidden bias (x, 1) stands in place of x.

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
    Statement separable-decay (generalised decay on separable data: paper; constants and assumptions: own). For linear
    networks s > 0 is enough in place of all C_i <= 0, as all g_i agree.
    """
    labels = to_numpy(problem.Y)
    signs = labels.shape[1] == 1 and bool(np.all(abs(labels) == 1))
    margin = max_margin(network.first_layer_inputs(problem.X), problem.Y) if signs else None
    alignment = assume.initial_alignment(network)
    slope = float(network.activation.slope or 0.0)
    judged = (
        assume.two_layers(network),
        assume.scalar_output(network),
        assume.leaky(network),
        assume.loss_is(problem, "exponential", "logistic"),
        assume.aligning_rule(network),
        separable_data(margin),
        assume.aligned_start(network, alignment, strict=True),
    )
    gamma = margin.lower if margin is not None else 0.0
    rho = slope**2 * gamma**2 * max(alignment.total, 0.0)
    start = assume.start_loss(network, problem)
    if problem.loss.name == "exponential":
        curve = _exponential_curve(start, rho)
    else:
        curve = _logistic_curve(start, rho, problem.n_samples)
    return Bound(
        id="separable-decay",
        quantity="loss",
        assumptions=judged,
        curve=curve,
        rate=None,
        floor=0.0,
        rounding=256 * machine_epsilon(problem.X),
        constants={
            "rho": rho,
            "gamma": gamma,
            "gamma_upper": margin.upper if margin is not None else 0.0,
            "s": alignment.total,
            "slope": slope,
            "start_loss": start,
        },
    )
