"""An instance as NumPy code that can be pasted, run, and worked on."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from fa_theory.model import AdaptiveFeedback, DirectFeedback, FeedbackAlignment, Network, Problem
from fa_theory.testing.user_rule import UserRule, errors_of

_MOST_NUMBERS = 400


def instance_code(rule: UserRule, network: Network, problem: Problem, call: str) -> str:
    """Return code that makes the arrays of an instance, calls the rule on them, and makes the failing call again.

    Parameters
    ----------
    rule : UserRule
        The rule, which the code calls by its name.
    network, problem
        The instance. One of more than 400 numbers is not written out; the code then says how to keep it.
    call : str
        The call that failed, with `network` and `problem` as its arguments.
    """
    arrays = [*network.weights, *(b for b in network.biases if b is not None), problem.X, problem.Y]
    numbers = sum(array.size for array in arrays)
    if numbers > _MOST_NUMBERS:
        return (
            f"# {numbers} numbers are too many to print; keep the instance in a file with\n"
            "# fa_theory.model.save_state('instance.npz', network, problem)\n"
            f"{call}"
        )
    biased = any(b is not None for b in network.biases)
    named = {"feedback": _listed(network.matrices()), "biases": _listed(network.biases) if biased else None}
    stored = "feedback" in rule.asked or _needs_matrices(network)
    lines = [
        f"weights = {_listed(network.weights)}",
        *([f"feedback = {named['feedback']}"] if stored else []),
        *([f"biases = {named['biases']}"] if biased else []),
        f"X = {_array(problem.X)}",
        f"Y = {_array(problem.Y)}",
        f"e = {_array(errors_of(network, problem))}  # d loss / d output, {problem.loss.name} loss",
        f"updates = {rule.name}({', '.join(['weights', 'X', 'e', *_keywords(rule, biased=biased)])})",
        *_network_lines(network, biased=biased),
        f'problem = ft.Problem(X, Y, "{problem.loss.name}")',
        call,
    ]
    code = "\n".join(lines)
    imports = [
        "import numpy as np",
        "import fa_theory as ft",
        f"from fa_theory.testing import {call.partition('(')[0]}",
        *_import_of(rule),
        *(["from fractions import Fraction"] if "Fraction(" in code else []),
        *(["from flint import fmpq"] if "fmpq(" in code else []),
    ]
    return "\n".join([*imports, code])


def _import_of(rule: UserRule) -> list[str]:
    """Return the line that imports a rule, where one does: not of the session itself, nor of a function in another."""
    home = getattr(rule.rule, "__module__", "__main__")
    found = home != "__main__" and getattr(sys.modules.get(home), rule.name, None) is rule.rule
    return [f"from {home} import {rule.name}"] if found else []


def number_code(number: Any) -> str:
    """Return a number as it is typed; python-flint's are printed as quotients, which would be floats."""
    return f"fmpq({number.p}, {number.q})" if type(number).__name__ == "fmpq" else repr(number)


def _keywords(rule: UserRule, *, biased: bool) -> list[str]:
    return [f"{name}={name if name != 'biases' or biased else None}" for name in rule.asked]


def _needs_matrices(network: Network) -> bool:
    return any(isinstance(each, FeedbackAlignment | DirectFeedback) for each in network.feedback)


def _network_lines(network: Network, *, biased: bool) -> list[str]:
    kinds = {type(each) for each in network.feedback}
    extra, rules = [], f'"{network.rule_name}"'
    if kinds == {FeedbackAlignment}:
        rules = "feedback"
    elif kinds == {DirectFeedback}:
        extra, rules = ["from fa_theory.model import DirectFeedback"], "[DirectFeedback(B) for B in feedback]"
    elif kinds == {AdaptiveFeedback}:
        extra = ["from fa_theory.model import AdaptiveFeedback"]
        rules = f"[{', '.join(map(_adaptive, network.feedback))}]"
    elif network.rule_name not in ("sign-fa", "backprop"):
        rules = f"[...]  # your own: {network.rule_name}"
    biases = ", biases" if biased else ""
    if "#" in rules:
        return [
            *extra,
            f"rules = {rules}",
            f'network = ft.Network(weights, "{network.activation.name}", rules{biases})',
        ]
    return [*extra, f'network = ft.Network(weights, "{network.activation.name}", {rules}{biases})']


def _adaptive(rule: Any) -> str:
    return f"AdaptiveFeedback({rule.kappa!r}, {_array(rule.B_start)}, {_array(rule.W_start)})"


def _listed(arrays: Any) -> str:
    return f"[{', '.join('None' if array is None else _array(array) for array in arrays)}]"


def _array(array: Any) -> str:
    host = np.asarray(array)
    if host.dtype == object:
        return f"np.array({_entries(host.tolist())}, dtype=object)"
    dtype = "" if host.dtype == np.float64 else f', dtype="{host.dtype}"'
    return f"np.array({host.tolist()!r}{dtype})"


def _entries(nested: Any) -> str:
    return f"[{', '.join(map(_entries, nested))}]" if isinstance(nested, list) else number_code(nested)
