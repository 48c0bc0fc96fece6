"""Assert that a user's own rule conserves a quantity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fa_theory.choices import not_among
from fa_theory.dynamics.trajectory import flatten, unflatten
from fa_theory.laws import layers_with_potential, matrix_law, neuron_law, unseen_inputs
from fa_theory.model import Network, Problem, spectrum
from fa_theory.testing.arguments import require_number
from fa_theory.testing.instance_code import instance_code
from fa_theory.testing.rate import Rate, rate_of_change
from fa_theory.testing.runs import ACCURACIES, Accuracy, LostError, quantity_of, states_along
from fa_theory.testing.user_rule import Rule, UserRule, check_parameters, name_of, require_host

Host = np.ndarray[Any, Any]

_COARSE = 1e-2
_STATES = 4
_NEAR = 1e-2
_ROUGHLY = Accuracy(1e-2, 8)
_LAWS = ("neuron-law", "matrix-law", "projection-law")


class UndecidedError(AssertionError):
    """Raised where rounding or an integrator's error is so large that nothing could have been found wrong.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.testing import UndecidedError, assert_conserved
    >>> network, problem = ft.Network([[[0.5]], [[2.0]]], "linear", [[[1.0]]]), ft.Problem([[1.0]], [0.5])
    >>> def rough(weights):  # its difference quotients say nothing
    ...     return np.floor(1e9 * weights[0]) % 7
    >>> try:
    ...     assert_conserved(lambda weights, X, e: weights, rough, network, problem, time=0)
    ... except UndecidedError as reason:
    ...     print(str(reason).partition(":")[0])
    undecided
    """


def assert_conserved(
    rule: Rule,
    quantity: str | Callable[..., Any],
    network: Network,
    problem: Problem,
    *,
    time: float = 1.0,
    points: int = 3,
    xp: Any = None,
) -> None:
    """Assert that a rule's flow dW_l/dt = updates leaves a quantity alone.

    The quantity's rate of change along the updates is measured at the start, and at further states that the flow
    comes through up to `time`; a conserved quantity has rate zero at every state. No integrator's error is part of
    the comparison, however roughly the states are found.

    Parameters
    ----------
    rule : callable
        ``rule(weights, X, e) -> updates``, see `fa_theory.testing.UserRule`.
    quantity : str or callable
        ``"neuron-law"`` (C_i of every hidden neuron), ``"matrix-law"`` or ``"projection-law"`` (W_1 (I - P_X) of it),
        with the potentials of `network`'s feedback; or a function of the weights that returns a number, an array, or a
        list of arrays. Like the rule it may ask for `biases` and `feedback` by name. Away from its kinks it must be
        smooth.
    network, problem
        Start and data, in NumPy floats. `network` tells what the rule's feedback and activation are; the loss is
        `problem`'s.
    time : float
        Until when states are visited; 0 for the start alone.
    points : int
        How many states.
    xp : module, optional
        The library of `rule` (and of `quantity`): ``numpy``, ``torch``, ``jax.numpy``, ...

    Raises
    ------
    AssertionError
        If a rate exceeds its tolerance. The message names neuron, time, rate and tolerance, and ends with NumPy code
        that fails in the same way.
    UndecidedError
        If the difference quotients leave a rate open by more than a hundredth of its terms, or the run
        meets updates that are not finite before `time`.
    TypeError, ValueError
        If an argument is not of its kind, the rule returns other updates when it is called again, or a quantity of
        your own does not depend on the weights: every rule conserves a constant.

    Notes
    -----
    Statements neuron-law (FA: paper; potential form: own), matrix-law and projection-law (own). The tolerance is
    relative: rounding of as many operations as there are numbers and samples, each by the precision of the rule's
    library, times the size of the rate's terms (see `fa_theory.testing.Rate`).

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.testing import assert_conserved
    >>> def feedback_alignment(weights, X, e, feedback):
    ...     (W, V), (B,) = weights, feedback
    ...     return [-(e @ B.T).T @ X / len(X), -e.T @ (X @ W.T) / len(X)]
    >>> network = ft.Network([[[0.5, 1.0]], [[2.0]]], "linear", [[[1.0]]])
    >>> problem = ft.Problem([[1.0, -1.0], [0.0, 2.0]], [1.0, 0.5])
    >>> assert_conserved(feedback_alignment, "neuron-law", network, problem)
    >>> assert_conserved(
    ...     feedback_alignment, lambda weights, feedback: weights[0] @ [2, 1] / 3, network, problem
    ... )  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    AssertionError: feedback_alignment does not conserve quantity: at t = 0, quantity[0] changes at the rate ...
    """
    __tracebackhide__ = True  # pytest shows the message, not the assertion's own lines
    require_host(network, problem)
    time = require_number("time", time)
    points = int(require_number("points", points, least=1, whole=True))
    user = UserRule(rule, xp)
    values, label = _resolved(quantity, user, problem)
    if not isinstance(quantity, str):
        _require_variable(values, network)
    hidden = _terms_of_projection(problem) if quantity == "projection-law" else None
    times = np.linspace(0.0, time, max(points, 2) if time else 1)
    with user.remembers_nothing():
        for at, here in _visited(user, network, problem, times):
            try:
                rate = rate_of_change(user, here, problem, quantity_of(values), hidden)
            except FloatingPointError as error:
                raise AssertionError(_told(user, quantity, here, problem, f"at t = {at:.6g}, {error}")) from None
            coarse = (rate.difference > _COARSE * rate.size) & (rate.size > 0)
            wrong = (abs(rate.rate) > rate.tolerance) & ~coarse
            if wrong.any():
                worst = int(np.argmax(np.where(wrong, abs(rate.rate) / np.maximum(rate.size, 1e-300), -1.0)))
                now = quantity_of(values)(here)[worst]
                found = f"at t = {at:.6g}, {label(here, worst)} {_in_words(rate, worst, now)}"
                raise AssertionError(_told(user, quantity, here, problem, found))
            if coarse.any():
                k = int(np.argmax(coarse))
                raise UndecidedError(
                    f"undecided: at t = {at:.6g}, the rate of {label(here, k)} is known only to "
                    f"{rate.difference[k]:.3g}, with terms of size {rate.size[k]:.3g}; is the quantity smooth here?"
                )


def _visited(rule: UserRule, network: Network, problem: Problem, times: Host) -> Iterator[tuple[float, Network]]:
    """Yield times and states of the flow there, or near it; raise UndecidedError where updates are not finite.

    Any state will do, so the run may be a rough one; a finer one is made where that is lost. Of a flow that runs away
    or cannot be resolved, the states up to half the time at which it is lost are taken.
    """
    seen, lost = 0, None
    for accuracy in (_ROUGHLY, *ACCURACIES[:2]):
        try:
            for k, (here, _) in enumerate(states_along(rule, network, problem, times, accuracy)):
                if k >= seen:
                    seen = k + 1
                    yield times[k], here
        except LostError as error:
            lost = error
        else:
            return
    if lost is not None and not lost.undefined:
        earlier = np.linspace(0.0, lost.time / 2, len(times))
        try:
            for at, (here, _) in zip(earlier, states_along(rule, network, problem, earlier, accuracy), strict=True):
                yield at, here
        except LostError as error:
            lost = error
        else:
            return
    raise UndecidedError(
        f"undecided: {rule.name} passes at {seen} of {len(times)} times, but its run cannot be followed to the others: "
        f"{lost}. Try a shorter time"
    )


def _in_words(rate: Rate, k: int, now: float) -> str:
    return (
        f"changes at the rate {rate.rate[k]:.6g}\n"
        f"  predicted: 0, as it is conserved (it is {now:.6g} here)\n"
        f"  tolerance: {rate.tolerance[k]:.3g} = 16 x {rate.terms} numbers and samples x rounding {rate.epsilon:.2g} x "
        f"terms of size {rate.size[k]:.3g}, + {rate.difference[k]:.2g} for the difference quotient"
    )


def _told(rule: UserRule, quantity: str | Callable[..., Any], here: Network, problem: Problem, found: str) -> str:
    if isinstance(quantity, str):
        name, argument = quantity, f'"{quantity}"'
    else:
        name = argument = name_of(quantity, "quantity")
    xp = "" if rule.xp is np else f", xp={rule.xp.__name__}"
    call = f"assert_conserved({rule.name}, {argument}, network, problem, time=0{xp})"
    code = instance_code(rule, here, problem, call)
    return f"{rule.name} does not conserve {name}: {found}\nThe state, as NumPy code:\n{code}"


Values = Callable[[Network], list[Host]]
Label = Callable[[Network, int], str]


def _resolved(quantity: str | Callable[..., Any], rule: UserRule, problem: Problem) -> tuple[Values, Label]:
    match quantity:
        case "neuron-law":
            return lambda network: list(neuron_law(network)), _neuron
        case "matrix-law":
            return lambda network: list(matrix_law(network)), _entry_of_layer
        case "projection-law":
            return lambda network: [unseen_inputs(network, problem.X)], _first_weights
        case str():
            raise not_among("quantity", quantity, _LAWS, ", or a function of the weights")
    if not callable(quantity):
        raise TypeError(f"quantity must be a statement's id or a function, got {type(quantity).__name__}")
    check_parameters(quantity, "quantity", ("weights",), ("feedback", "biases"))
    own = quantity
    name = name_of(own, "quantity")

    def values(network: Network) -> list[Host]:
        return rule.evaluate(own, network)

    def label(network: Network, k: int) -> str:
        parts = values(network)
        part, index = _located([each.shape for each in parts], k)
        return f"{name}{f'[{part}]' if len(parts) > 1 else ''}{list(index) if index else ''}"

    return values, label


def _require_variable(values: Values, network: Network) -> None:
    """Raise ValueError if a quantity has the same value, or values of different shapes, at states drawn at random."""
    rng = np.random.default_rng(0)
    state = np.asarray(flatten(network.parameters))
    scale = float(np.max(abs(state), initial=0.0)) or 1.0
    first = values(network)
    varies, compared = False, 0
    for _ in range(_STATES):
        # one that is not defined everywhere, such as a logarithm, may be so near the start
        far, near = (
            scale * rng.uniform(-1, 1, state.shape),
            state + _NEAR * abs(state) * rng.uniform(-1, 1, state.shape),
        )
        other = _where_defined(values, network, far) or _where_defined(values, network, near)
        if other is None:
            continue
        compared += 1
        shapes, others = [part.shape for part in first], [part.shape for part in other]
        if shapes != others:
            raise ValueError(f"quantity must return the same shapes at every state, got {shapes} and {others}")
        varies = varies or any(not np.array_equal(*pair) for pair in zip(first, other, strict=True))
    if compared and not varies:
        shown = np.array2string(np.concatenate([part.ravel() for part in first]), precision=6, threshold=5)
        raise ValueError(
            f"quantity must depend on the weights, got {shown} at {compared + 1} states alike: every rule conserves a "
            "constant"
        )


def _where_defined(values: Values, network: Network, state: Host) -> list[Host] | None:
    """Return a quantity's value at a state, or None where it raises an error or is not finite."""
    try:
        with np.errstate(all="ignore"):
            found = values(network.with_parameters(unflatten(state, network.parameters)))
    except Exception:  # noqa: BLE001 - a function of others may raise whatever it likes where it is not defined
        return None
    return found if all(np.isfinite(part.astype(float)).all() for part in found) else None


def _terms_of_projection(problem: Problem) -> Callable[[Network], Host]:
    """Return what cancels in W_1 (I - P_X): sums along the rows of W_1, and as often as P_X is ill-conditioned."""
    data = spectrum(problem.X)
    condition = np.sqrt(data.largest / data.smallest_nonzero) if data.rank else 1.0

    def terms(network: Network) -> Host:
        W = network.weights[0]
        along = W @ np.linspace(1.0, 2.0, W.shape[1])
        return np.asarray(np.repeat(condition * along, W.shape[1]))

    return terms


def _located(shapes: list[tuple[int, ...]], k: int) -> tuple[int, tuple[int, ...]]:
    """Return which array, and which of its entries, entry `k` of all of them is."""
    for part, shape in enumerate(shapes):
        size = int(np.prod(shape))
        if k < size:
            return part, tuple(int(i) for i in np.unravel_index(k, shape))
        k -= size
    raise IndexError(k)


def _neuron(network: Network, k: int) -> str:
    layers = layers_with_potential(network)
    part, (i,) = _located([(network.widths[layer + 1],) for layer in layers], k)
    layer = layers[part] + 1
    return f"C of neuron {i + 1} in hidden layer {layer} (row {i} of W{layer})"


def _entry_of_layer(network: Network, k: int) -> str:
    layers = layers_with_potential(network)
    part, (i, j) = _located([(network.widths[layer + 1],) * 2 for layer in layers], k)
    return f"entry [{i}, {j}] of the matrix of hidden layer {layers[part] + 1}"


def _first_weights(network: Network, k: int) -> str:
    i, j = np.unravel_index(k, network.first_layer_weights().shape)
    return f"entry [{i}, {j}] of W1 (I - P_X)"
