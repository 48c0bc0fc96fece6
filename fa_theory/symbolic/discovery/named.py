"""The laws that the theory names, as candidates for a network: each is kept only if it is checked to hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flint import fmpq

from fa_theory.symbolic.discovery.check import conserved, conserved_for_every_pattern
from fa_theory.symbolic.discovery.law import Law
from fa_theory.symbolic.discovery.linear import left_null_projector, pseudo_inverse, rank
from fa_theory.symbolic.discovery.polynomials import Polynomial, PolynomialMatrix
from fa_theory.symbolic.discovery.systems import NetworkSystem


@dataclass(frozen=True)
class _Part:
    """The fixed part D of the feedback M = kappa W^T + D of a layer: its matrix, and how it is written."""

    matrix: Any
    python: str
    latex: str


def named_laws(system: NetworkSystem, rule: str) -> list[Law]:
    """Return the laws of the theory that hold for the network, checked identically in the parameters.

    For a gated network with two hidden layers or more they are checked for every activation pattern, reachable or not.

    Parameters
    ----------
    system : NetworkSystem
        The network's flow.
    rule : str
        ``fa``, ``sign-fa``, ``adafa``, ``backprop`` or ``dfa``: decides how the feedback is written.
    """
    many_patterns = len(system.patterns) > 0 and system.depth > 2
    candidates = list(_candidates(system, rule, gated=many_patterns))
    check = conserved_for_every_pattern if many_patterns else conserved
    holds = check(system, [law.polynomial for law in candidates])
    return [law for law, right in zip(candidates, holds, strict=True) if right]


def _candidates(system: NetworkSystem, rule: str, *, gated: bool) -> Iterator[Law]:
    """Yield the short laws first: where laws depend on each other, the first ones are listed."""
    layers = range(1, system.depth)
    parts = {layer: _fixed_part(system, rule, layer) for layer in layers}
    for layer in layers:
        if (part := parts[layer]) is not None:
            yield from _matrix_laws(system, rule, layer, part, diagonal=True)
    if not system.patterns and system.kappa == 0:
        for layer in layers:
            yield from _projection_laws(system, rule, layer)
            yield from _bias_laws(system, rule, layer)
    if not gated:
        for layer in layers:
            if (part := parts[layer]) is not None:
                yield from _matrix_laws(system, rule, layer, part, diagonal=False)


def _fixed_part(system: NetworkSystem, rule: str, layer: int) -> _Part | None:
    matrix = system.constants[layer - 1]
    above = layer + 1
    match rule:
        case "fa":
            return _Part(matrix, f"B{above}", f"B_{{{above}}}")
        case "sign-fa":
            return _Part(matrix, f"np.sign(W{above}).T", rf"\operatorname{{sign}}(W_{{{above}}})^\top")
        case "adafa":
            return _Part(matrix, f"D{above}", f"D_{{{above}}}")
        case "backprop":
            return _Part(matrix, "", "")
    if layer == system.depth - 1:
        return _Part(matrix, f"B{above}", f"B_{{{above}}}")
    beyond = system.constants[layer]
    if rank(beyond.tolist()) < beyond.ncols():
        return None
    effective = matrix * pseudo_inverse(beyond)
    return _Part(effective, f"(B{above} @ np.linalg.pinv(B{above + 1}))", f"B_{{{above}}}B_{{{above + 1}}}^+")


def _matrix_laws(system: NetworkSystem, rule: str, layer: int, part: _Part, *, diagonal: bool) -> Iterator[Law]:
    """W W^T + b b^T - kappa V^T V - D V - V^T D^T, V the weights above; half of its diagonal is neuron-law."""
    parameters = _parameters(system)
    W, b = system.layer(parameters, layer)
    V, _ = system.layer(parameters, layer + 1)
    product = PolynomialMatrix.constant(part.matrix) * V
    matrix = W * W.transpose() - product - product.transpose()
    if system.kappa != 0:
        matrix = matrix - V.transpose() * V * system.kappa
    if b is not None:
        matrix = matrix + b * b.transpose()
    width = system.widths[layer]
    where = f"layer {layer}, " if system.depth > 2 else ""
    dfa = rule == "dfa" and layer < system.depth - 1
    for i in range(width):
        if diagonal:
            latex, python = _neuron_formulas(system, rule, layer, part, i)
            name, statement = f"neuron-law ({where}neuron {i + 1})", "dfa-law" if dfa else "neuron-law"
            yield Law(name, statement, latex, python, matrix[i, i].scaled(fmpq(1, 2)))
            continue
        for k in range(i + 1, width):
            latex, python = _matrix_formulas(system, layer, part, i, k)
            name = f"matrix-law ({where}neurons {i + 1} and {k + 1})"
            yield Law(name, "dfa-law" if dfa else "matrix-law", latex, python, matrix[i, k])


def _neuron_formulas(system: NetworkSystem, rule: str, layer: int, part: _Part, i: int) -> tuple[str, str]:
    W, V, b = f"W{layer}", f"W{layer + 1}", f"b{layer}"
    row, column = f"[{i + 1},:]", f"[:,{i + 1}]"
    latex = rf"\tfrac12 \lVert W_{{{layer}}}{row} \rVert^2"
    python = f"0.5 * ({W}[{i}] @ {W}[{i}])"
    if system.biases:
        latex += rf" + \tfrac12 b_{{{layer}}}[{i + 1}]^2"
        python = f"0.5 * ({W}[{i}] @ {W}[{i}] + {b}[{i}]**2)"
    if system.kappa != 0:
        factor = "" if system.kappa == 1 else f"{system.kappa}"
        latex += rf" - \tfrac{{{factor or 1}}}{{2}} \lVert W_{{{layer + 1}}}{column} \rVert^2"
        python += f" - 0.5 * {factor + ' * ' if factor else ''}({V}[:, {i}] @ {V}[:, {i}])"
    if rule == "sign-fa":
        return (latex + rf" - \lVert W_{{{layer + 1}}}{column} \rVert_1", f"{python} - np.abs({V}[:, {i}]).sum()")
    if part.python:
        latex += rf" - \langle {_bracketed(part.latex)}{row}, W_{{{layer + 1}}}{column} \rangle"
        python += f" - {part.python}[{i}] @ {V}[:, {i}]"
    return latex, python


def _matrix_formulas(system: NetworkSystem, layer: int, part: _Part, i: int, k: int) -> tuple[str, str]:
    W, V, b = f"W{layer}", f"W{layer + 1}", f"b{layer}"
    above, one, two = f"W_{{{layer + 1}}}", f"{i + 1}", f"{k + 1}"
    latex = rf"\langle W_{{{layer}}}[{one},:], W_{{{layer}}}[{two},:] \rangle"
    python = f"{W}[{i}] @ {W}[{k}]"
    if system.biases:
        latex += f" + b_{{{layer}}}[{one}]\\, b_{{{layer}}}[{two}]"
        python += f" + {b}[{i}] * {b}[{k}]"
    if system.kappa != 0:
        factor = "" if system.kappa == 1 else f"{system.kappa}"
        latex += rf" - {factor} \langle {above}[:,{one}], {above}[:,{two}] \rangle"
        python += f" - {factor + ' * ' if factor else ''}({V}[:, {i}] @ {V}[:, {k}])"
    if part.python:
        fixed = _bracketed(part.latex)
        for first, second in ((one, two), (two, one)):
            latex += rf" - \langle {fixed}[{first},:], {above}[:,{second}] \rangle"
        python += f" - {part.python}[{i}] @ {V}[:, {k}] - {part.python}[{k}] @ {V}[:, {i}]"
    return latex, python


def _bracketed(latex: str) -> str:
    return latex if latex.count("_") == 1 and "^" not in latex else f"({latex})"


def _projection_laws(system: NetworkSystem, rule: str, layer: int) -> Iterator[Law]:
    """(I - U U^T) W_l, U a basis of the range of B_{l+1} ... B_L (for DFA of the layer's own matrix)."""
    names = [f"B{k}" for k in range(layer + 1, system.depth + 1)]
    matrix = system.constants[layer - 1]
    if rule == "dfa":
        names = names[:1]
    elif rule == "sign-fa":
        names = [f"np.sign(W{k}).T" for k in range(layer + 1, system.depth + 1)]
    if rule != "dfa":
        for further in system.constants[layer:]:
            matrix = matrix * further
    if rank(matrix.tolist()) == matrix.nrows():
        return
    W = system.layer(_parameters(system), layer)[0]
    left = PolynomialMatrix.constant(left_null_projector(matrix)) * W
    product = " @ ".join(names)
    outer = product if len(names) == 1 else f"({product})"
    python = f"(W{layer} - {outer} @ np.linalg.pinv({product}) @ W{layer})"
    symbol = "".join(_latex_of(name) for name in names)
    inverse = f"{symbol}^+" if symbol.count("_") == 1 and "^" not in symbol else f"({symbol})^+"
    for i in range(system.widths[layer]):
        for k in range(system.widths[layer - 1]):
            where = f"[{i + 1},{k + 1}]"
            yield Law(
                f"projection-law (W{layer}{where})",
                "projection-law",
                rf"\bigl((I - {symbol}{inverse})\, W_{{{layer}}}\bigr){where}",
                f"{python}[{i}, {k}]",
                left[i, k],
            )


def _bias_laws(system: NetworkSystem, rule: str, layer: int) -> Iterator[Law]:
    """b_l - B_{l+1} b_{l+1} (for DFA b_l - B_{l+1} b_L): linear networks move both biases by the mean error."""
    if not system.biases:
        return
    above = system.depth if rule == "dfa" else layer + 1
    parameters = _parameters(system)
    b, c = system.layer(parameters, layer)[1], system.layer(parameters, above)[1]
    assert b is not None
    difference = b - PolynomialMatrix.constant(system.constants[layer - 1]) * c
    feedback = f"np.sign(W{layer + 1}).T" if rule == "sign-fa" else f"B{layer + 1}"
    for i in range(system.widths[layer]):
        yield Law(
            f"bias-law (layer {layer}, neuron {i + 1})",
            "bias-law",
            f"b_{{{layer}}}[{i + 1}] - ({_latex_of(feedback)}\\, b_{{{above}}})[{i + 1}]",
            f"(b{layer} - {feedback} @ b{above})[{i}]",
            difference[i, 0],
        )


def _latex_of(name: str) -> str:
    if name.startswith("B"):
        return f"B_{{{name[1:]}}}"
    return rf"\operatorname{{sign}}(W_{{{name.removeprefix('np.sign(W').removesuffix(').T')}}})^\top"


def _parameters(system: NetworkSystem) -> list[Any]:
    return [PolynomialMatrix.variables(b.n_rows, b.n_columns, b.first) for b in system.blocks]


def gradient_rows(polynomials: Sequence[Polynomial], point: Sequence[Any]) -> list[list[Any]]:
    """Return the gradients at a point as rows."""
    rows = []
    for polynomial in polynomials:
        row = [0] * len(point)
        for position, slope in polynomial.gradient().items():
            row[position] = slope.at(point)
        rows.append(row)
    return rows
