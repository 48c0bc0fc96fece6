"""matched-decay: under weight decay with q lambda_{l+1} = 2 lambda_l the neuron law decays as exp(-2 lambda_l t)."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING, NamedTuple

from fa_theory.laws.neuron_law import layers_with_potential, neuron_law
from fa_theory.model import AdaptiveFeedback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fa_theory.backend import Array
    from fa_theory.model import Network

_ROUNDINGS = 4 * 2.0**-52


class DecayMatch(NamedTuple):
    """How the decay of a hidden layer with a neuron law goes with that of the layer above.

    Attributes
    ----------
    layer : int
        The hidden layer, counted from 0.
    rate : float
        2 lambda_l, at which 1/2 (|w_i|^2 + b_i^2) decays.
    above : float or None
        q lambda_{l+1}, at which Psi_i decays; None where Psi is not homogeneous.

    Examples
    --------
    >>> from fa_theory.laws import DecayMatch
    >>> DecayMatch(layer=0, rate=0.2, above=0.2).matched, DecayMatch(layer=0, rate=0.2, above=0.1).matched
    (True, False)
    """

    layer: int
    rate: float
    above: float | None

    @property
    def matched(self) -> bool:
        """Whether both decay at the same rate (up to the rounding of the given numbers)."""
        return self.above is not None and abs(self.above - self.rate) <= _ROUNDINGS * self.rate


def decay_matches(network: Network, rates: Sequence[float]) -> tuple[DecayMatch, ...]:
    """Compare 2 lambda_l with q lambda_{l+1} for every hidden layer that has a neuron law.

    Under adaFA, B decays at lambda_{l+1} too, so that both kappa/2 |v_i|^2 and <D_i, v_i> are of degree q = 2 in what
    decays.

    Parameters
    ----------
    network : Network
        The network.
    rates : sequence of float
        lambda_1, ..., lambda_L.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.initialise("gaussian", (2, 3, 1))  # FA: the potential is linear in W_2, q = 1
    >>> [match.matched for match in ft.laws.decay_matches(network, [0.1, 0.2])]
    [True]
    >>> [match.matched for match in ft.laws.decay_matches(network, [0.1, 0.1])]
    [False]
    """
    matches = []
    for layer in layers_with_potential(network):
        rule = network.feedback[layer]
        degree = 2 if isinstance(rule, AdaptiveFeedback) else rule.degree
        above = None if degree is None else degree * rates[layer + 1]
        matches.append(DecayMatch(layer, 2 * rates[layer], above))
    return tuple(matches)


def matched_decay(start: Network, rates: Sequence[float], time: float) -> tuple[Array, ...]:
    """Return C_i(t) = C_i(0) exp(-2 lambda_l t), an array (n_l,) for each hidden layer whose decay is matched.

    Parameters
    ----------
    start : Network
        The network at time 0; its activation must be homogeneous.
    rates : sequence of float
        lambda_1, ..., lambda_L.
    time : float
        t.

    Raises
    ------
    ValueError
        If the activation is not homogeneous.

    Notes
    -----
    Statement matched-decay (own). By neuron-identity d/dt 1/2 |w_i|^2 = -p <M_i, F_{l+1}[:, i]> - lambda_l |w_i|^2, and
    d/dt Psi_i = -<M_i, F_{l+1}[:, i]> - q lambda_{l+1} Psi_i by Euler's theorem.

    Examples
    --------
    >>> from math import log
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1]], [[2]]], "linear", [[[1]]])  # C = 1/2 - 2
    >>> (law,) = ft.laws.matched_decay(network, [0.5, 1.0], time=log(3))
    >>> round(law.item(), 9)  # C exp(-t)
    -0.5
    """
    laws = zip(decay_matches(start, rates), neuron_law(start), strict=True)
    return tuple(law * exp(-match.rate * time) for match, law in laws if match.matched)


def matched_laws(network: Network, rates: Sequence[float]) -> tuple[Array, ...]:
    """Return C_i of the hidden layers whose decay is matched, as they are now.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.Network([[[1]], [[2]]], "linear", [[[1]]])
    >>> [law.tolist() for law in ft.laws.matched_laws(network, [0.5, 1.0])]
    [[-1.5]]
    >>> ft.laws.matched_laws(network, [0.5, 0.5])  # the decays do not match
    ()
    """
    laws = zip(decay_matches(network, rates), neuron_law(network), strict=True)
    return tuple(law for match, law in laws if match.matched)
