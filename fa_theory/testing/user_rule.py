"""A user's own rule, and a user's own quantity, called with arrays of the library that they are written in."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from fa_theory.backend import is_exact, is_rational, machine_epsilon, nearest_float, to_numpy
from fa_theory.dynamics import forward
from fa_theory.model import Network, Parameters, Problem

Host = np.ndarray[Any, Any]
Rule = Callable[..., Any]
"""``rule(weights, X, e) -> updates``; see `UserRule`."""

_BY_NAME = ("feedback", "biases")
_REPEATS = 3


class UserRule:
    """A learning rule as its user writes it: ``rule(weights, X, e) -> updates``.

    Parameters
    ----------
    rule : callable
        Is given W_1, ..., W_L as a list, X, (N, d), and e, (N, m), the derivative of each sample's loss by the output;
        returns what it adds to each weight in a unit of time (a flow moves along it, a step adds `step_size` times it;
        gradient descent returns the negative gradient of the mean loss). If it has parameters of these names without
        a value of their own, it is given by keyword ``feedback``, [M_2, ..., M_L] at the present weights, and
        ``biases``, [b_1, ..., b_L], or None for a network without; with biases it returns a pair, the updates of the
        weights and those of the biases. It must not depend on anything else: chance, or earlier calls (momentum).
    xp : module, optional
        The library that it is written in: ``numpy`` (the default), ``torch``, ``jax.numpy`` or any other with
        ``asarray``. Numbers cross the border as the network's, in that library's precision.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.testing import UserRule
    >>> def oja(weights, X, e):
    ...     W, V = weights
    ...     h = X @ W.T
    ...     return [h.T @ X / len(X), -e.T @ h / len(X)]
    >>> network = ft.Network([[[0.5, 1.0]], [[2.0]]], "linear", [[[1.0]]])
    >>> updates = UserRule(oja).updates(network, np.array([[2.0, 1.0]]), np.array([[3.0]]))
    >>> [update.tolist() for update in updates.weights]
    [[[4.0, 2.0]], [[-6.0]]]
    """

    def __init__(self, rule: Rule, xp: Any = None) -> None:
        check_parameters(rule, "rule", ("weights", "X", "e"), _BY_NAME)
        self.rule, self.xp = rule, np if xp is None else xp
        if not callable(getattr(self.xp, "asarray", None)):
            raise TypeError(f"xp must be a module with asarray, such as numpy, torch or jax.numpy, got {xp!r}")
        self.asked = asked_by_name(rule)
        self.epsilon = 0.0
        self._first: tuple[Network, Host, Host, Parameters] | None = None

    @property
    def name(self) -> str:
        """What to call the rule in a message that is to be pasted."""
        return name_of(self.rule, "rule")

    def updates(self, network: Network, X: Host, e: Host) -> Parameters:
        """Return the updates of weights and biases, as NumPy arrays.

        Raises
        ------
        TypeError, ValueError
            If the rule does not return one real update of the right shape for every weight and bias, takes no biases
            where the network has some, or, called a few times with the same arrays at first, returns others.
        """
        updates = self._called(network, X, e)
        if self._first is None:
            self._first = network, X, e, updates
            for _ in range(_REPEATS):
                self._require_same_as_first()
            # an average of like updates is what it averages: momentum shows once it has met others
            self._called(network, X, 1 - 2 * e)
            self._require_same_as_first()
        return updates

    @contextmanager
    def remembers_nothing(self) -> Iterator[None]:
        """Raise ValueError at the end, however an assertion ends, if the first call's arrays give other updates now."""
        failed = None
        try:
            yield
        except AssertionError as error:  # which a rule that remembers may have failed for that alone
            failed = error
        self._require_same_as_first()
        if failed is not None:
            raise failed

    def _require_same_as_first(self) -> None:
        if self._first is not None:
            network, X, e, updates = self._first
            self._require_same(updates, self._called(network, X, e))

    def _called(self, network: Network, X: Host, e: Host) -> Parameters:
        biased = any(b is not None for b in network.biases)
        if biased and "biases" not in self.asked:
            raise ValueError(
                f"the network has biases, but {self.name} takes none: give it a parameter named biases, or draw "
                "networks with biases=False"
            )
        returned = self.rule(
            self._given(network.weights), self._one(X), self._one(e), **self._named(network, self.asked)
        )
        if biased:
            if not isinstance(returned, Sequence) or len(returned) != 2:
                raise ValueError(
                    f"{self.name} must return a pair, the updates of the weights and those of the biases, got "
                    f"{_described(returned)}"
                )
            weights, biases = returned
        else:
            weights, biases = returned, [None] * network.depth
        return Parameters(
            self._checked("W", weights, network.weights), tuple(self._checked("b", biases, network.biases))
        )

    def _require_same(self, once: Parameters, again: Parameters) -> None:
        rough = float(np.sqrt(self.epsilon))  # sums of a library on threads may come in another order
        for letter, before, after in (("W", once.weights, again.weights), ("b", once.biases, again.biases)):
            for layer, (one, other) in enumerate(zip(before, after, strict=True), start=1):
                if one is None or other is None or not (is_exact(one) or np.isfinite(one).all()):
                    continue
                exact = is_exact(one) and is_exact(other)
                apart = one != other if exact else ~(abs(one - other) <= rough * np.max(abs(one)))
                if apart.any():
                    k = int(np.flatnonzero(apart)[0])
                    raise ValueError(
                        f"{self.name} must return the same updates whenever it is given the same arrays, got "
                        f"{nearest_float(one.flat[k]):.6g} and then {nearest_float(other.flat[k]):.6g} in that of "
                        f"{letter}{layer}; it may not depend on chance or on earlier calls: a rule is a function of "
                        "its arguments alone, so momentum and other state are not part of one (draw what is random "
                        "beforehand)"
                    )

    def evaluate(self, quantity: Callable[..., Any], network: Network) -> list[Host]:
        """Return a user's quantity at the network's state: one NumPy array for each array that it returns."""
        value = quantity(self._given(network.weights), **self._named(network, asked_by_name(quantity)))
        parts = value if isinstance(value, list | tuple) else [value]
        name = name_of(quantity, "quantity")
        hosts = [_to_host(part, f"what {name} returns") for part in parts]
        if not sum(host.size for host in hosts):
            raise ValueError(f"{name} must return at least one number, got none")
        return hosts

    def _named(self, network: Network, asked: Sequence[str]) -> dict[str, Any]:
        biased = any(b is not None for b in network.biases)
        present = {
            "biases": self._given(network.biases) if biased else None,
            "feedback": self._given(network.matrices()),
        }
        return {name: present[name] for name in asked}

    def _given(self, arrays: Sequence[Any]) -> list[Any]:
        return [None if array is None else self._one(array) for array in arrays]

    def _one(self, array: Host) -> Any:
        copy = np.array(array, order="C")  # whatever the rule does to it in place stays its own affair
        return copy if self.xp is np else self.xp.asarray(copy)

    def _checked(self, letter: str, returned: Any, like: Sequence[Any]) -> tuple[Any, ...]:
        what = f"one update for each of {len(like)} {'weights' if letter == 'W' else 'biases'}"
        if returned is None:
            raise TypeError(
                f"{self.name} must return {what}, got None; if it changes its arrays in place, let it return what it "
                "adds to them"
            )
        if not isinstance(returned, Sequence) or len(returned) != len(like):
            raise ValueError(f"{self.name} must return {what}, got {_described(returned)}")
        checked: list[Any] = []
        for layer, (update, of) in enumerate(zip(returned, like, strict=True), start=1):
            if of is None:
                checked.append(None)
                continue
            host = _to_host(update, f"the update of {letter}{layer}")
            if host.shape != of.shape:
                raise ValueError(f"the update of {letter}{layer} must have shape {of.shape}, got {host.shape}")
            self.epsilon = max(self.epsilon, _epsilon(update), _epsilon(of))
            checked.append(host)
        return tuple(checked)


def asked_by_name(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return which of ``biases`` and ``feedback`` a function takes, those left out that it has a value for already."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have none
        return ()
    return tuple(
        name for name in _BY_NAME if name in parameters and parameters[name].default in (inspect.Parameter.empty, None)
    )


def check_parameters(function: Any, role: str, given: Sequence[str], by_name: Sequence[str]) -> None:
    """Raise TypeError if a function does not take what it is given, in this order, or wants what nothing gives it."""
    wanted = " and ".join(filter(None, [", ".join(given[:-1]), given[-1]]))
    if not callable(function):
        raise TypeError(f"{role} must be a function of {wanted}, got {type(function).__name__}")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some builtins have none
        return
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    others = [each for each in parameters if each.kind is each.KEYWORD_ONLY] + positional[len(given) :]
    early = [each.name for each in positional[: len(given)] if each.name in by_name]
    unknown = [each.name for each in others if each.default is each.empty and each.name not in by_name]
    few = len(positional) < len(given) and not any(each.kind is each.VAR_POSITIONAL for each in parameters)
    if early or unknown or few:
        also = f" and, if it wants them, {' and '.join(by_name)} (by these names, after the others)" if by_name else ""
        got = f"the parameter {(early or unknown)[0]!r}" if early or unknown else f"{len(positional)} parameters"
        raise TypeError(f"{name_of(function, role)} must take {', '.join(given)}{also}, got {got}")


def name_of(function: Any, otherwise: str) -> str:
    """Return the name of a function, or of the class that one is an instance of, if it can be typed, else another."""
    name = getattr(function, "__name__", otherwise if isinstance(function, partial) else type(function).__name__)
    return name if name.isidentifier() else otherwise


def require_host(network: Network, problem: Problem, *, exact: bool = False) -> None:
    """Raise TypeError unless network and problem hold NumPy arrays, floats if not `exact`, and fit each other."""
    kinds: tuple[tuple[object, type], ...] = ((network, Network), (problem, Problem))
    if not all(isinstance(given, kind) for given, kind in kinds):
        raise TypeError(
            "network must be a fa_theory.Network and problem a fa_theory.Problem, in this order, got "
            f"{type(network).__name__} and {type(problem).__name__}"
        )
    for name, array in (("network", network.weights[0]), ("problem", problem.X)):
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"{name} must hold NumPy arrays, got {type(array).__name__}; the library that the rule is written in "
                "is given as xp"
            )
        if is_exact(array) and not exact:
            raise TypeError(f"{name} must hold floats, got exact rationals")
    if network.widths[0] != problem.X.shape[1] or network.widths[-1] != problem.Y.shape[1]:
        raise ValueError(
            f"network must have {problem.X.shape[1]} inputs and {problem.Y.shape[1]} outputs, as problem has, got "
            f"widths {network.widths}"
        )


def finite_updates(rule: UserRule, network: Network, problem: Problem) -> Parameters:
    """Return the updates at one state; raise FloatingPointError if they are not finite."""
    updates = rule.updates(network, problem.X, errors_of(network, problem))
    present = [*updates.weights, *(b for b in updates.biases if b is not None)]
    if not all(is_exact(each) or np.isfinite(each).all() for each in present):
        raise FloatingPointError(f"{rule.name} returned updates that are not finite")
    return updates


def errors_of(network: Network, problem: Problem) -> Host:
    """Return e, (N, m): the derivative of each sample's loss by the output."""
    return np.asarray(problem.loss.derivative(forward(network, problem.X).output, problem.Y))


def _to_host(array: Any, what: str) -> Host:
    """Return what a function of a user's returned as an array of floats, or of exact rationals."""
    try:
        if hasattr(array, "detach"):  # a torch tensor that is part of a graph cannot be read as it is
            array = array.detach()
        host = to_numpy(array) if hasattr(array, "dtype") else np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{what} must be an array of real numbers, got {type(array).__name__}: {error}") from error
    if is_exact(host) and all(map(is_rational, host.flat)):
        return host
    if host.dtype.kind not in "iuf":
        got = "None" if array is None else f"{type(array).__name__} of dtype {host.dtype}"
        raise TypeError(f"{what} must be an array of real numbers, got {got}")
    return np.array(host, dtype=float)


def _epsilon(array: Any) -> float:
    try:
        return machine_epsilon(array)
    except (AttributeError, TypeError, ValueError):  # lists and whole numbers have none
        return float(np.finfo(float).eps)


def _described(returned: Any) -> str:
    if isinstance(returned, Sequence):
        return f"{type(returned).__name__} of length {len(returned)}"
    return type(returned).__name__
