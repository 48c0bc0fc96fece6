"""The claims of a certificate, each with what encloses the true value at the working precision."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flint import arb, ctx, fmpq, fmpq_mat

from fa_theory.checker.instance import (
    Instance,
    RejectedError,
    TooWideError,
    dot,
    eigenvalue,
    need,
    number,
    trace,
    with_ones,
)
from fa_theory.checker.runs import Run

FLOW_BOUNDS = ("descent", "exponential-decay", "separable-decay", "multi-output-decay")

PRECISIONS = (192, 384, 768, 1536, 3072, 6144, 12288)
Enclose = Callable[[arb, arb], tuple[arb, arb, arb]]
"""(low, high) -> (value, low, high) at the working precision, perhaps all three through an increasing map."""
Claim = tuple[str, Any, Enclose]
"""What is claimed, its two endpoints or `POSITIVE`, and what encloses it."""
POSITIVE = object()


def once_per_precision(compute: Callable[[], Any]) -> Callable[[], Any]:
    """Return the same function, which keeps what it found at each precision."""
    found: dict[int, Any] = {}
    return lambda: found[ctx.prec] if ctx.prec in found else found.setdefault(ctx.prec, compute())


def at_some_precision(what: str, compute: Callable[[], Any]) -> Any:
    """Return what is computed at the first precision that allows it."""
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            try:
                return compute()
            except TooWideError:
                continue
    raise RejectedError(f"{what}: cannot be confirmed with {PRECISIONS[-1]} bits")


def observed_claims(i: Instance, content: dict[str, Any], places: list[fmpq]) -> list[Claim]:
    """Return the claims on the loss along the run, which is recomputed."""
    setting = i.linear and i.fixed and i.m == 1 and i.loss == "squared"
    need(setting, "the loss of this run cannot be enclosed")
    run = once_per_precision(lambda: Run(i).flow(places) if i.run["method"] == "flow" else Run(i).discrete(places))
    claims: list[Claim] = []
    for name, values in content["observed"].items():
        need(name in ("loss", "excess_loss") and len(values) == len(places), f"{name} is unknown or incomplete")
        claims += [(f"{name} at {content['t'][k]}", ends, _picked(run, k, name)) for k, ends in enumerate(values)]
    return claims


def _picked(compute: Callable[[], Any], *keys: Any) -> Enclose:
    def enclose(low: arb, high: arb) -> tuple[arb, arb, arb]:
        value = compute()
        for key in keys:
            value = value[key]
        return value, low, high

    return enclose


def bound_claims(i: Instance, bound: dict[str, Any], content: dict[str, Any], places: list[fmpq]) -> list[Claim]:
    """Return the claims on the constants and values of a bound, after its assumptions have been decided."""
    name, method = bound["id"], i.run["method"]
    need(
        name in FLOW_BOUNDS if method == "flow" else (name, method) == ("gd-decay", "gd"), f"{name} is not on this run"
    )
    known = once_per_precision(_constants(i, bound))
    names = at_some_precision(name, lambda: set(known()))
    need(names == set(bound["constants"]) and len(bound["value"]) == len(places), f"{name}: constants or values lack")
    claims: list[Claim] = [
        (f"{name}: {key} > 0", POSITIVE, _picked(known, key)) for key in ("rate", "a0", "room") if key in names
    ]
    claims += [(f"{name}: {key}", ends, _picked(known, key)) for key, ends in bound["constants"].items()]
    for place, t, ends in zip(content["t"], places, bound["value"], strict=True):
        claims.append((f"{name} at {place}", ends, partial(_value_at, i, t, known)))
    return claims


def _constants(i: Instance, bound: dict[str, Any]) -> Callable[[], dict[str, arb]]:
    """Decide the assumptions exactly and return what encloses the bound's constants at the working precision."""
    name, witness, count = bound["id"], bound["witness"], i.gram.nrows()
    scalar = name == "multi-output-decay" or i.m == 1
    need(scalar, "a scalar output is assumed")
    if name in ("exponential-decay", "multi-output-decay", "gd-decay"):
        need(i.loss == "squared" and i.rank > 0, "squared loss and data that are not zero are assumed")
        wide = with_ones(i.inputs)
        need(not i.biased or (wide.transpose() * wide).rank() == i.rank, "an output bias leaves the span of the data")
        need(bound["quantity"] == ("excess_loss" if i.floor != 0 else "loss"), "the quantity is another")
    else:
        need(bound["quantity"] == "loss", "the quantity is another")
    s = sum(i.c, fmpq(0))

    def start() -> Any:
        return i.mean_loss(i.f.entries(), i.Y.entries())

    def slowest() -> arb:
        return eigenvalue(i.gram, count - i.rank)

    if name == "descent":
        always = i.rule in ("sign-fa", "backprop")
        need(always or (s if i.linear else min(i.c)) >= 0, "the start is not aligned")
        squares = {"sign-fa": [fmpq(1)] * i.n, "fa": i.B and [b * b for b in i.B.entries()]}
        squares["dfa"] = squares["fa"]
        ratios = (
            [c / b for c, b in zip(i.c, squares.get(i.rule) or [], strict=False) if b != 0] if min(i.c) >= 0 else []
        )
        told = [fmpq(1)] if i.rule == "backprop" else ratios
        return lambda: ({"dominance": arb(min(told))} if told else {}) | {"start": start()}
    need(i.slope > 0, "a slope > 0 is assumed")
    if name == "separable-decay":
        need(
            i.loss != "squared" and s > 0 and (i.linear or min(i.c) >= 0),
            "the loss is another, or the start not aligned",
        )
        u = fmpq_mat([[number(x)] for x in witness["direction"]])
        least = min(y * h for y, h in zip(i.Y.entries(), (i.inputs * u).entries(), strict=True))
        need(least > 0 and all(y * y == 1 for y in i.Y.entries()), "the direction does not separate the data")
        square = least * least / dot(u.entries(), u.entries())
        rho = i.slope * i.slope * square * s
        return lambda: {"rho": arb(rho), "gamma": arb(square).sqrt(), "s": arb(s), "start": start()}
    if name == "exponential-decay":
        plus, minus = sum((c for c in i.c if c > 0), fmpq(0)), -sum((c for c in i.c if c < 0), fmpq(0))
        need(i.linear or i.rank == i.N, "the samples are not independent")

        def exponential() -> dict[str, arb]:
            known = {"s": arb(s), "start": arb(i.excess), "lambda": slowest()}
            if i.linear or minus == 0:
                return known | {"rate": arb(2 * i.slope * i.slope * s) * known["lambda"]}
            largest = eigenvalue(i.gram, count - 1)
            rate = arb(2 * i.slope * i.slope * plus) * known["lambda"] - arb(2 * minus) * largest
            return known | {"rate": rate, "lambda_max": largest}

        return exponential
    need(i.linear and i.fixed, "linear FA is assumed")
    H = i.B.transpose() * i.B
    if name == "multi-output-decay":
        need(H.rank() == i.m, "B has not full column rank")
        BW, HvB = i.B.transpose() * i.W1, H * i.v * i.B
        M, V = HvB + HvB.transpose() - BW * BW.transpose(), trace(H * i.in_span(i.E)) / (2 * i.N)

        def multi() -> dict[str, arb]:
            a0, low, smallest = eigenvalue(H.solve(M), 0) / 2, slowest(), eigenvalue(H, 0)
            known = {"a0": a0, "lambda": low, "lambda_min_H": smallest, "V": arb(V)}
            return known | {"rate": 2 * a0 * low, "start": arb(V) / smallest}

        return multi
    theta, mu, eta, b2 = number(witness["theta"]), number(witness["mu"]), i.step_size, trace(H)
    need(i.run["method"] == "gd" and s > 0 and 0 < theta < 1 and 0 < mu < 2, "theta, mu, -C(0) or the method")
    need(eta * b2 * i.excess <= (2 - mu) * (1 - theta) * theta * s * s, "the step size is too large")

    def gd() -> dict[str, arb]:
        low, high, b, loss = slowest(), eigenvalue(i.gram, count - 1), arb(b2).sqrt(), arb(2 * i.excess)
        r = arb(dot(i.W1.entries(), i.W1.entries())).sqrt() + 2 * b * (loss / low).sqrt() / arb((2 - mu) * theta * s)
        used = arb(eta) * high * (3 * r * r / 2 + arb(s) + arb(eta) * b * r * (high * loss).sqrt())
        room = arb(mu - (eta if i.biased else 0)) - used
        known = {"c": arb(s), "lambda": low, "lambda_max": high, "start": arb(i.excess), "room": room}
        return known | {"factor": 1 - arb(eta * (2 - mu) * theta * s) * low}

    return gd


def _primitive(sigma: arb) -> arb:
    q = -(-sigma).expm1()
    return sigma + q.log() - 1 / q


def _value_at(
    i: Instance, t: fmpq, constants: Callable[[], dict[str, arb]], low: arb, high: arb
) -> tuple[arb, arb, arb]:
    """Return the bound at t and the claimed ends, or for the logistic loss the increasing primitive of all three."""
    known = constants()
    if "factor" in known:
        return known["start"] * known["factor"] ** int(t.p), low, high
    if "rho" not in known:
        return known["start"] * (-known.get("rate", arb(0)) * arb(t)).exp(), low, high
    if i.loss == "exponential" or t == 0:
        return known["start"] / (1 + known["rho"] * arb(t) * known["start"]), low, high
    goal = _primitive(i.N * known["start"]) - known["rho"] * arb(t) / i.N
    return goal, _primitive(i.N * low), _primitive(i.N * high)
