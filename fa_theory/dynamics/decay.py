"""Weight decay: dW_l/dt = -F_l - lambda_l W_l, biases too, and adaFA's B at the rate of the weights it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Real
from typing import Any

from fa_theory.backend import namespace, number_like
from fa_theory.model import AdaptiveFeedback, Network, Parameters

WeightDecay = float | Sequence[float]
"""lambda_1, ..., lambda_L, or one number for all layers."""


def decay_rates(weight_decay: WeightDecay, depth: int) -> tuple[float, ...]:
    """Return lambda_1, ..., lambda_L; nothing where all are zero.

    Raises
    ------
    ValueError
        If a rate is not a finite number >= 0, or there is not one for each layer.

    Examples
    --------
    >>> from fa_theory.dynamics import decay_rates
    >>> decay_rates(0.1, 3), decay_rates([0.1, 0.2], 2), decay_rates(0.0, 2)
    ((0.1, 0.1, 0.1), (0.1, 0.2), ())
    """
    given: Any = [weight_decay] * depth if isinstance(weight_decay, Real) else weight_decay
    try:
        rates = tuple(float(rate) for rate in given)
    except (TypeError, ValueError):
        raise ValueError(f"weight_decay must be a number, or one for each layer, got {weight_decay!r}") from None
    if len(rates) != depth:
        raise ValueError(f"weight_decay must be one number, or one for each of {depth} layers, got {len(rates)}")
    wrong = [rate for rate in rates if not (isfinite(rate) and rate >= 0)]
    if wrong:
        raise ValueError(f"weight_decay must be finite and >= 0, got {wrong[0]}")
    return rates if any(rates) else ()


def with_decay(network: Network, weight_decay: WeightDecay) -> tuple[Network, tuple[float, ...]]:
    """Return the network, with the shares of adaFA's D among its parameters if they decay, and the `decay_rates`."""
    rates = decay_rates(weight_decay, network.depth)
    network = _with_whole_feedback(network)
    if not rates or not any(isinstance(rule, AdaptiveFeedback) for rule in network.feedback):
        return network, rates
    whole = namespace(network.weights[0]).ones_like(network.weights[0][0, :1])
    shares = (whole,) * (network.depth - 1)
    return network.with_parameters(network.parameters._replace(shares=shares)), rates


def _with_whole_feedback(network: Network) -> Network:
    """Return a network that an earlier decay left with a share of D, with B as it is now for adaFA's start."""
    if not network.parameters.shares:
        return network
    feedback = [
        AdaptiveFeedback(rule.kappa, rule.matrix(W), W) if isinstance(rule, AdaptiveFeedback) else rule
        for rule, W in zip(network.feedback, network.weights[1:], strict=True)
    ]
    return Network(network.weights, network.activation, feedback, network.biases)


def decayed(directions: Parameters, parameters: Parameters, rates: tuple[float, ...]) -> Parameters:
    """Return F_l + lambda_l W_l and the biases' likewise; the share of hidden layer l's D goes at lambda_{l+1}.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.dynamics import decayed
    >>> now = ft.Network([[[1.0]], [[2.0]]], "linear", "backprop").parameters
    >>> [F.tolist() for F in decayed(now, now, (0.5, 0.25)).weights]
    [[[1.5]], [[2.5]]]
    """
    if not rates:
        return directions
    like = [number_like(rate, W) for rate, W in zip(rates, parameters.weights, strict=True)]
    return Parameters(
        tuple(F + rate * W for F, rate, W in zip(directions.weights, like, parameters.weights, strict=True)),
        tuple(
            None if b is None else F + rate * b
            for F, rate, b in zip(directions.biases, like, parameters.biases, strict=True)
        ),
        tuple(rate * share for rate, share in zip(like[1:], parameters.shares, strict=False)),
    )


def opposite(directions: Parameters) -> Parameters:
    """Return the velocity that goes against the given directions."""
    return Parameters(
        tuple(-F for F in directions.weights),
        tuple(None if F is None else -F for F in directions.biases),
        tuple(-F for F in directions.shares),
    )


def decay_option(rates: tuple[float, ...]) -> dict[str, list[float]]:
    """Return what a trajectory's options record of weight decay: nothing where there is none."""
    return {"weight_decay": list(rates)} if rates else {}
