"""Kinks: the surfaces z = 0 of hidden neurons, each shared by all samples whose inputs to the neuron are parallel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fa_theory.backend import machine_epsilon, to_numpy
from fa_theory.dynamics.passes import ForwardPass
from fa_theory.model import Network

Host = np.ndarray[Any, Any]

_PARALLEL = 1e-10
_NOISE = 1e6
_NOISE_OF_ZERO = 0.1


@dataclass(frozen=True)
class Kink:
    """The surface z = 0 of one hidden neuron, shared by all samples whose inputs to it are parallel.

    Attributes
    ----------
    layer, neuron : int
        Hidden layer and neuron, counted from 0.
    samples : tuple of int
        The samples on it.
    orientations : tuple of int
        +1 for a sample on the same side as the first, -1 for one on the other side.
    """

    layer: int
    neuron: int
    samples: tuple[int, ...]
    orientations: tuple[int, ...]

    def members(self) -> set[tuple[int, int, int]]:
        """Return (layer, neuron, sample) for every sample on it."""
        return {(self.layer, self.neuron, sample) for sample in self.samples}

    def without(self, members: set[tuple[int, int, int]]) -> Kink | None:
        """Return the kink without some of its members; None when nothing is left."""
        left = [
            (sample, orientation)
            for sample, orientation in zip(self.samples, self.orientations, strict=True)
            if (self.layer, self.neuron, sample) not in members
        ]
        if not left:
            return None
        first = left[0][1]
        return Kink(self.layer, self.neuron, tuple(s for s, _ in left), tuple(first * o for _, o in left))


def rounding_of_preactivations(network: Network, passed: ForwardPass) -> tuple[Host, ...]:
    """Return the size below which each hidden z_ij is zero up to rounding, (N, n_l) for each hidden layer.

    Rounding below is carried upwards: where all neurons of a layer sit on their kinks, so do those above. Weights of a
    neuron that have come down to zero keep the rounding of the size that they had, for which the layer's others stand.
    """
    eps = machine_epsilon(passed.output)
    limits: list[Host] = []
    for layer, (h, W, b) in enumerate(zip(passed.inputs, network.weights[:-1], network.biases, strict=False)):
        weight = abs(to_numpy(W)).T
        size = abs(to_numpy(h)) @ (weight + _NOISE_OF_ZERO * np.max(weight))
        limit = 8 * eps * (size if b is None else size + abs(to_numpy(b)))
        limits.append(limit if layer == 0 else limit + (abs(to_numpy(passed.slopes[layer - 1])) * limits[-1]) @ weight)
    return tuple(limits)


def touching_kinks(
    network: Network, passed: ForwardPass, reach: float = 1.0, dormant: tuple[Host, ...] | None = None
) -> list[Kink]:
    """Group the neurons and samples with z_ij = 0 up to `reach` times rounding into kinks with parallel inputs.

    Dormant samples are left out.
    """
    kinks = []
    rounding = rounding_of_preactivations(network, passed)
    if dormant is None:
        dormant = tuple(np.zeros(len(each), dtype=bool) for each in rounding)
    for layer, (z, size, asleep) in enumerate(zip(passed.preactivations[:-1], rounding, dormant, strict=True)):
        touching = (abs(to_numpy(z)) <= reach * size) & ~asleep[:, None]
        if touching.any():
            directions = _unit_inputs(passed, network, layer)
            for neuron in np.flatnonzero(touching.any(axis=0)):
                samples = np.flatnonzero(touching[:, neuron])
                kinks.extend(_group_parallel(layer, int(neuron), samples, directions))
    return kinks


def kink_through(network: Network, passed: ForwardPass, layer: int, neuron: int, sample: int) -> Kink:
    """Return the kink of one neuron and sample with all samples whose inputs are parallel to that one's."""
    samples = np.concatenate([[sample], np.delete(np.arange(passed.output.shape[0]), sample)])
    return _first_group(layer, neuron, samples, _unit_inputs(passed, network, layer))[0]


def kinks_of_inputs(network: Network, passed: ForwardPass) -> list[Kink]:
    """Return the kinks that neuron 0 of the first layer has, a kink for each direction of its inputs."""
    return _group_parallel(0, 0, np.arange(passed.output.shape[0]), _unit_inputs(passed, network, 0))


def _unit_inputs(passed: ForwardPass, network: Network, layer: int) -> Host:
    """Return the directions of a layer's inputs, (N, ...), zero where an input vanishes up to rounding."""
    h = to_numpy(passed.inputs[layer]).astype(float)
    noise = np.zeros(len(h))
    if network.biases[layer] is not None:
        h = np.column_stack([h, np.ones(len(h))])
    elif layer > 0:
        slopes = abs(to_numpy(passed.slopes[layer - 1]))
        often = min(_NOISE, 1e-4 / machine_epsilon(passed.output))
        noise = often * np.max(slopes * rounding_of_preactivations(network, passed)[layer - 1], axis=1)
    norms = np.linalg.norm(h, axis=1)
    return np.asarray(np.divide(h, norms[:, None], out=np.zeros_like(h), where=(norms > noise)[:, None]))


def _group_parallel(layer: int, neuron: int, samples: Host, directions: Host) -> list[Kink]:
    kinks = []
    while len(samples):
        kink, samples = _first_group(layer, neuron, samples, directions)
        kinks.append(kink)
    return kinks


def _first_group(layer: int, neuron: int, samples: Host, directions: Host) -> tuple[Kink, Host]:
    """Return the kink of the first sample with all that are parallel to it, and the samples that are left."""
    units = directions[samples]
    cosines = units @ units[0]
    gaps = np.linalg.norm(units - np.sign(cosines)[:, None] * units[0], axis=1)
    alike = (gaps <= _PARALLEL) & (cosines != 0)
    alike[0] = True
    orientations = np.where(cosines[alike] < 0, -1, 1)
    return Kink(layer, neuron, tuple(samples[alike].tolist()), tuple(orientations.tolist())), samples[~alike]
