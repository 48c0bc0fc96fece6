"""Feedback rules of a user's own, given by their potential Psi and its gradient."""

# ruff: noqa: ARG002 - all rules share one signature
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fa_theory.backend import Array, floating, from_numpy, is_exact, to_numpy
from fa_theory.model.feedback import validate_shape


@dataclass(frozen=True)
class PotentialFeedback:
    """A user's own rule: Psi and its gradient M, each a function of the weight W_{l+1}, (n_{l+1}, n_l).

    Attributes
    ----------
    gradient : callable
        W -> M, (n_l, n_{l+1}), with M[i, :] = grad Psi_i(W[:, i]).
    energy : callable
        W -> Psi, (n_l,).
    name : str
        A short name for tables.
    degree : int or None
        The degree q of positive homogeneity of Psi, if it has one.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.model import PotentialFeedback
    >>> cubic = PotentialFeedback(lambda W: W.T**3, lambda W: np.sum(W**4, axis=0) / 4, name="cubic", degree=4)
    >>> ft.Network([[[1.0]], [[2.0]]], "linear", [cubic]).matrices()[0].tolist()
    [[8.0]]
    """

    gradient: Callable[[Array], Array]
    energy: Callable[[Array], Array]
    name: str = "potential"
    degree: int | None = None
    direct: ClassVar[bool] = False

    def matrix(self, weight: Array) -> Array:
        """Return the user's M."""
        return self.gradient(weight)

    def potential(self, weight: Array) -> Array:
        """Return the user's Psi."""
        return self.energy(weight)

    def validate(self, label: str, weight: Array, n_outputs: int) -> None:
        """Require the right shapes and kinds, that M = grad Psi, and Euler's <M_i, W[:, i]> = q Psi_i where q is given.

        M is compared with a central difference at a generic point near the weight, as the weight may lie on a kink of
        Psi; in float64 and with a short step, as the point may lie close to one.
        """
        shape = (weight.shape[1], weight.shape[0])
        for name, array, of_shape in (
            ("gradient(W)", self.gradient(weight), shape),
            ("energy(W)", self.energy(weight), shape[:1]),
        ):
            validate_shape(f"{label}: {name}", floating(f"{label}: {name}", array, len(of_shape)), of_shape, weight)
        if not is_exact(weight):
            self._compare_with_difference(label, weight)

    def _compare_with_difference(self, label: str, weight: Array) -> None:
        rng = np.random.default_rng(0)
        host = to_numpy(weight).astype(float)
        size = float(np.max(abs(host))) or 1.0
        point = host + size / 4 * rng.standard_normal(host.shape)
        shift = 1e-8 * size * rng.standard_normal(host.shape)
        around = (from_numpy(W, weight) for W in (point + shift, point, point - shift))
        ahead, here, behind = (to_numpy(self.energy(W)) for W in around)
        matrix = to_numpy(self.gradient(from_numpy(point, weight)))
        first_order = 2 * matrix * shift.T
        _require_equal(
            f"{label}: gradient(W) is not the gradient of energy(W)",
            np.sum(first_order, axis=1),
            ahead - behind,
            np.sum(abs(first_order), axis=1) + 1e-8 * abs(here),
        )
        if self.degree is not None:
            products = matrix * point.T
            _require_equal(
                f"{label}: energy(W) is not homogeneous of degree {self.degree}",
                np.sum(products, axis=1),
                self.degree * here,
                np.sum(abs(products), axis=1),
            )


def _require_equal(complaint: str, left: Array, right: Array, scale: Array) -> None:
    wrong = np.flatnonzero(~(abs(left - right) <= 1e-3 * scale))
    if wrong.size:
        i = int(wrong[0])
        raise ValueError(f"{complaint}: at neuron {i}, {left[i]:.6g} is not {right[i]:.6g}")
