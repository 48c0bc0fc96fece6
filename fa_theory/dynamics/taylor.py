"""Taylor coefficients in time of the flow of a two-layer network whose slopes theta_ij stay as they are.

Between events a two-layer network with a piecewise-linear activation has polynomial equations: with mu = M e,

    N dW_1/dt = -(theta * mu) X,   N dW_2/dt = -e h^T,   h = theta * (W_1 X^T),   f = W_2 h

(neurons and outputs first, samples last: mu, theta, h are (n, N), e and f (m, N)). So the coefficient of degree k + 1
of the weights follows from those of degree <= k of everything, products turning into Cauchy products. A bias b_1 is a
weight on a constant input. The same coefficients give the state at any time of the step, and every surface as a
polynomial.

On a sliding kink z_is = 0, s in S_i, the products theta_is mu_is are unknowns c_is with
    sum_r c_ir x_r.x_s = -sum_{j not in S_i} theta_ij mu_ij x_j.x_s   for s in S_i,
so that the rows of dW_1/dt are projected off the span of the samples that the neuron slides on; f does not depend on
theta there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from fa_theory.dynamics.error_series import error_series
from fa_theory.model import Backprop, Network, Parameters, Problem

Host = np.ndarray[Any, Any]

_FLOOR = 1e-6
"""A layer that is smaller than the other is measured by this share of its squared norm."""


class Slides(NamedTuple):
    """The sliding kinks as arrays: q kinks, and the p samples on them.

    Attributes
    ----------
    neurons : array, (q,)
        Their neurons.
    inputs : array, (q, d)
        The input of each kink's first sample.
    member_neurons, member_samples : array, (p,)
        Neuron and sample of each member of a kink.
    low, high : array, (p,)
        mu of the members times these, added up for each kink, is c at fraction 0 and at fraction 1.
    sizes : array, (q,)
        How many members each kink has.
    inverse : array, (q, q)
        Inverse of the matrix of inner products of the inputs, between kinks of the same neuron; zero elsewhere.
    spread : array, (n, q)
        One at (neuron, kink).
    starts : array, (q,)
        Where the members of each kink start.
    """

    neurons: Host
    inputs: Host
    member_neurons: Host
    member_samples: Host
    low: Host
    high: Host
    sizes: Host
    inverse: Host
    spread: Host
    starts: Host


class Expansion(ABC):
    """The Taylor series of a two-layer network's flow at one state; buffers are used again for every state.

    Attributes
    ----------
    S : array, (P + 1, size)
        Coefficients of the state: W_1 (with b_1 as its last column), W_2, b_2, adaFA's share.
    W, V : list of arrays
        Views of W_1's and W_2's coefficients in it.
    length : float
        |W_1|.
    moving : bool
        Whether M changes with time.
    sized : bool
        False where the state is zero.
    order : int
        The degree up to which the last expansion went.
    """

    def __init__(self, network: Network, problem: Problem, decay: tuple[float, ...], highest: int) -> None:
        W, V = network.first_layer_weights(), network.weights[1]
        self.network, self.highest, self.order = network, highest, 0
        self.X = np.ascontiguousarray(network.first_layer_inputs(problem.X))
        self.XT = np.ascontiguousarray(self.X.T)
        self.N, (self.n, self.d), self.m = len(self.X), W.shape, V.shape[0]
        self.rates = decay or (0.0, 0.0)
        self.sized, self.length = True, 0.0
        self._degrees = np.arange(highest + 1)
        self._weight_of = 1.0, 1.0
        n, m, dtype = self.n, self.m, problem.X.dtype
        first, last = W.size, W.size + V.size
        self.S = np.zeros((highest + 1, last + m + 1), dtype=dtype)
        self.W = [row[:first].reshape(W.shape) for row in self.S]
        self.V = [row[first:last].reshape(V.shape) for row in self.S]
        self.c = [row[last : last + m] for row in self.S]
        self.share = [row[last + m :] for row in self.S]
        self.errors = error_series(problem, highest)
        self.outer = np.zeros((m, (highest + 1) * n), dtype=dtype)  # W_2, reversed: degree k at place P - k
        rule = network.feedback[0]
        self.kappa = 1.0 if isinstance(rule, Backprop) else float(getattr(rule, "kappa", 0.0))
        self.constant = np.ascontiguousarray(rule.matrix(V) - self.kappa * V.T)  # M = kappa W_2^T + share * constant
        self.moving = self.kappa != 0 or bool(network.parameters.shares)
        self.M = np.zeros((n, (highest + 1) * m), dtype=dtype)  # degree l at columns l m, ...

    def pack(self, parameters: Parameters) -> Host:
        """Return the state vector."""
        (W, V), (b, c) = parameters.weights, parameters.biases
        W = W if b is None else np.column_stack([W, b])
        bias = np.zeros(self.m, dtype=self.S.dtype) if c is None else c
        share = parameters.shares[0] if parameters.shares else np.ones(1, dtype=self.S.dtype)
        return np.concatenate([W.ravel(), V.ravel(), bias, share])

    def unpack(self, state: Host) -> Parameters:
        """Undo `pack`."""
        like = self.network.parameters
        first = self.n * self.d
        W, rest = state[:first].reshape(self.n, self.d), state[first:]
        V, c, share = np.split(rest, [self.m * self.n, self.m * self.n + self.m])
        inputs = like.weights[0].shape[1]
        biases = (None if like.biases[0] is None else W[:, inputs].copy(), None if like.biases[1] is None else c)
        weights = (np.ascontiguousarray(W[:, :inputs]), V.reshape(self.m, self.n))
        return Parameters(weights, biases, (share,) if like.shares else ())

    def at(self, time: float) -> Host:
        """Return the state at a time after the expansion's."""
        return np.asarray(self.powers(time, self.order + 1) @ self.S[: self.order + 1])

    def powers(self, time: float, count: int) -> Host:
        """Return 1, t, t^2, ..."""
        return np.asarray(np.power(time, self._degrees[:count], dtype=self.S.dtype))

    def start(self, state: Host) -> None:
        """Put the expansion at a state."""
        self.S[0] = state
        self.order = 0
        first = self.n * self.d
        inner, outer = (float(np.dot(part, part)) for part in (state[:first], state[first:-1]))
        self.length = inner**0.5
        self.sized = inner + outer > 0
        self._weight_of = 1 / (max(inner, _FLOOR * outer) or 1.0), 1 / (max(outer, _FLOOR * inner) or 1.0)
        self.outer[:, self.highest * self.n :] = self.V[0]
        self.M[:, : self.m] = self._matrix(0)

    def _matrix(self, k: int) -> Host:
        V = self.V[k]
        if not self.moving:
            return self.constant
        moved = np.asarray(self.kappa * V.T)
        return moved + self.share[k] * self.constant if k == 0 or self.network.parameters.shares else moved

    def extend(self) -> float:
        """Add one degree; return the norm of its coefficient, each layer's relative to that of its weights."""
        k = self.order
        self._outputs(k)
        self._weights(k)
        k += 1
        scale = -1.0 / k
        if self.network.biases[1] is not None:
            self.c[k][...] = scale * np.mean(self.errors.reversed[self.highest - k + 1], axis=1)
        if self.rates[0] or self.rates[1]:
            first, last = scale * self.rates[0], scale * self.rates[1]
            self.W[k] += first * self.W[k - 1]
            self.V[k] += last * self.V[k - 1]
            self.c[k] += last * self.c[k - 1]
            if self.network.parameters.shares:
                np.multiply(self.share[k - 1], last, out=self.share[k])
        start = (self.highest - k) * self.n
        self.outer[:, start : start + self.n] = self.V[k]
        if self.moving:
            self.M[:, k * self.m : (k + 1) * self.m] = self._matrix(k)
        self.order = k
        first = self.n * self.d
        inner, outer = self.S[k, :first], self.S[k, first:]
        weights = self._weight_of
        square = float(weights[0] * np.dot(inner, inner) + weights[1] * np.dot(outer, outer))
        return float(square**0.5)

    @abstractmethod
    def _outputs(self, k: int) -> None: ...

    @abstractmethod
    def _weights(self, k: int) -> None: ...


class GatedExpansion(Expansion):
    """With a kink: theta is a matrix.

    Attributes
    ----------
    theta : array, (n, N)
        Slopes; zero at sliding kinks, and where a sample's input is zero.
    Z, dZ : array, (n, N)
        z and dz/dt at the start.
    coefficients : array, (P + 1, n, d)
        W_1's coefficients.
    slides : Slides or None
        The sliding kinks.
    held : array, (P, q)
        Coefficients of their c.
    member_signals : array, (P, p)
        Coefficients of mu at their members.
    norms, longest : array, (N,), and float
        |x_j| and the largest of them.
    work : array, (n, N)
        Room for whoever needs it.
    """

    def __init__(self, network: Network, problem: Problem, decay: tuple[float, ...], highest: int) -> None:
        super().__init__(network, problem, decay, highest)
        shape, dtype = (self.n, self.N), self.S.dtype
        self.theta, self.Z, self.dZ, self.work = (np.zeros(shape, dtype=dtype) for _ in range(4))
        self.coefficients = self.S[:, : self.n * self.d].reshape(highest + 1, self.n, self.d)
        self.norms = np.sqrt(np.einsum("jd,jd->j", self.X, self.X))
        self.longest = float(np.max(self.norms))
        self._held_rows = np.zeros((self.n, self.d), dtype=dtype)
        self.slide_on(None)

    def slide_on(self, slides: Slides | None) -> None:
        """Go on with other sliding kinks."""
        self.slides = slides
        count, members = (0, 0) if slides is None else (len(slides.neurons), len(slides.member_neurons))
        self.held = np.zeros((self.highest, count), dtype=self.S.dtype)
        self.member_signals = np.zeros((self.highest, members), dtype=self.S.dtype)

    def signal_of(self, neuron: int, state: Host, time: float) -> Host:
        """Return mu of one neuron, (N,), at a time after the expansion's, at which the state is given."""
        errors = self.errors.reversed[self.highest - self.order + 1 :].reshape(self.order, self.m * self.N)
        e = self.powers(time, self.order)[::-1] @ errors
        M = self.constant[neuron]
        if self.moving:
            V = state[self.n * self.d :][: self.m * self.n].reshape(self.m, self.n)
            M = self.kappa * V[:, neuron] + state[-1] * M
        return np.asarray(M @ e.reshape(self.m, self.N))

    def _hold(self, k: int, W: Host, mu: Host) -> None:
        """Add the c of the sliding kinks to W = (theta * mu) X, which makes dz/dt = 0 there."""
        slides = self.slides
        if slides is not None:
            self.member_signals[k] = mu
            c = np.einsum("qd,qd->q", W.take(slides.neurons, axis=0), slides.inputs)
            c = np.negative(slides.inverse.dot(c, self.held[k]), self.held[k])
            W += slides.spread.dot(c[:, None] * slides.inputs, self._held_rows)


class ScalarExpansion(GatedExpansion):
    """With one output everything but theta is of the weights' size: two products with X a degree.

    With U = (theta * e) X: N dw_i/dt = -M_i U_i, N dv_i/dt = -w_i.U_i and f_j = sum_i theta_ij (v_i w_i).x_j.
    """

    def __init__(self, network: Network, problem: Problem, decay: tuple[float, ...], highest: int) -> None:
        super().__init__(network, problem, decay, highest)
        self._U = np.zeros((highest, self.n, self.d), dtype=self.S.dtype)  # reversed: degree k at place P - 1 - k
        self._V = self.outer.reshape(highest + 1, 1, self.n).transpose(2, 1, 0)
        self._W = self.coefficients.transpose(1, 0, 2)
        self._H = np.zeros_like(self.theta)
        self._ones = np.ones(self.n, dtype=self.S.dtype)

    def _outputs(self, k: int) -> None:
        if k == 0:
            f = self.V[0] @ np.multiply(self.theta, self.Z, out=self._H)
        elif k == 1:
            self.W[1].dot(self.XT, self.dZ)
            f = self.V[0] @ np.multiply(self.theta, self.dZ, out=self.work)
            f += self.V[1] @ self._H
        else:
            P = np.matmul(self._V[:, :, self.highest - k :], self._W[:, : k + 1])[:, 0]  # sum_l v_l w_{k-l}
            P.dot(self.XT, self.work)
            f = self._ones.dot(np.multiply(self.theta, self.work, self.work))
        if self.c[0] or k:
            f += self.c[k]
        self.errors.extend(k, f)

    def _weights(self, k: int) -> None:
        W, scale = self.W[k + 1], -1.0 / (self.N * (k + 1))
        e = self.errors.reversed[self.highest - k, 0]
        start = self.highest - 1 - k
        U = self._U[start:]
        np.multiply(self.theta, e, self.work).dot(self.X, U[0])
        if self.moving:
            np.einsum("nl,lnd->nd", self.M[:, : k + 1], U, out=W)
        else:
            np.multiply(self.constant, U[0], out=W)
        if self.slides is not None:
            i, j = self.slides.member_neurons, self.slides.member_samples
            if self.moving:
                mu = np.einsum("pl,lp->p", self.M[i, : k + 1], self.errors.reversed[self.highest - k :, 0, j])
            else:
                mu = self.constant[i, 0] * e.take(j)
            self._hold(k, W, mu)
        W *= scale
        V = np.einsum("lnd,lnd->n", self.coefficients[: k + 1], U, out=self.V[k + 1][0])
        V *= scale


class LayeredExpansion(GatedExpansion):
    """With any number of outputs: h = theta * z is kept at all degrees."""

    def __init__(self, network: Network, problem: Problem, decay: tuple[float, ...], highest: int) -> None:
        super().__init__(network, problem, decay, highest)
        self.H = np.zeros((highest, self.n, self.N), dtype=self.S.dtype)
        self._flat = self.H.reshape(highest * self.n, self.N)
        self._turned = self.H.transpose(0, 2, 1)

    def _outputs(self, k: int) -> None:
        H = self.H[k]
        Z = self.Z if k == 0 else np.matmul(self.W[k], self.XT, out=self.dZ if k == 1 else H)
        np.multiply(self.theta, Z, out=H)
        f = self.outer[:, (self.highest - k) * self.n :] @ self._flat[: (k + 1) * self.n]
        f += self.c[k][:, None]
        self.errors.extend(k, f)

    def _weights(self, k: int) -> None:
        W, V, scale = self.W[k + 1], self.V[k + 1], -1.0 / (self.N * (k + 1))
        E = self.errors.reversed[self.highest - k :]
        degrees = (k + 1) * self.m
        mu = self.M[:, :degrees] @ E.reshape(degrees, self.N) if self.moving else self.constant @ E[0]
        np.matmul(np.multiply(self.theta, mu, out=self.work), self.X, out=W)
        if self.slides is not None:
            self._hold(k, W, mu[self.slides.member_neurons, self.slides.member_samples])
        W *= scale
        np.add.reduce(np.matmul(E, self._turned[: k + 1]), axis=0, out=V)
        V *= scale


class LinearExpansion(Expansion):
    """Without a kink: f = A x with A = W_2 W_1, and only Q = sum_j e_j x_j^T is needed of the samples."""

    def __init__(self, network: Network, problem: Problem, decay: tuple[float, ...], highest: int) -> None:
        super().__init__(network, problem, decay, highest)
        self._stack = np.zeros((highest, self.n, self.d), dtype=self.S.dtype)
        self._flat = self._stack.reshape(highest * self.n, self.d)
        self._Q = np.zeros((highest + 1, self.m, self.d), dtype=self.S.dtype)  # reversed

    def _outputs(self, k: int) -> None:
        self._stack[k] = self.W[k]
        A = self.outer[:, (self.highest - k) * self.n :] @ self._flat[: (k + 1) * self.n]
        f = A @ self.XT
        f += self.c[k][:, None]
        self.errors.extend(k, f)
        np.matmul(self.errors.reversed[self.highest - k], self.X, out=self._Q[self.highest - k])

    def _weights(self, k: int) -> None:
        scale = -1.0 / (self.N * (k + 1))
        Q = self._Q[self.highest - k :]
        if not self.moving:
            np.matmul(self.constant, Q[0], out=self.W[k + 1])
        else:
            np.matmul(self.M[:, : (k + 1) * self.m], Q.reshape((k + 1) * self.m, self.d), out=self.W[k + 1])
        self.W[k + 1] *= scale
        np.add.reduce(np.matmul(Q, self._stack[: k + 1].transpose(0, 2, 1)), axis=0, out=self.V[k + 1])
        self.V[k + 1] *= scale
