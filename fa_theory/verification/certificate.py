"""Certificates: what was enclosed of a run, written so that `fa_theory.checker` can derive it anew."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flint import fmpq_mat

from fa_theory.backend import to_numpy
from fa_theory.checker import BOUNDS, FORMAT
from fa_theory.files import replacing
from fa_theory.model import AdaptiveFeedback, Network, PotentialFeedback, Problem, save_state
from fa_theory.rigour import EnclosedBound
from fa_theory.rigour.balls import Ball, outward
from fa_theory.rigour.reduced_flow import least_solution
from fa_theory.rigour.start import ExactStart, matrix_of
from fa_theory.verification.enclosed import Enclosure
from fa_theory.verification.report import Report

MOST_INLINE = 20_000
"""Instances of more numbers are written to a state file beside the certificate."""


def write_certificate(path: str | os.PathLike[str], report: Report) -> None:
    """Write the certificate of a rigorous report, and for a large instance a state file ``NAME.state.npz`` beside it.

    Raises
    ------
    ValueError
        If the report is not rigorous, or there is nothing to certify; the message says why.
    OSError
        If the file cannot be written.
    """
    run, trajectory = report.enclosure, report.trajectory
    network, problem = trajectory.network, trajectory.problem
    _check_certifiable(network, problem, trajectory.method)
    if trajectory.weight_decay:
        raise ValueError(f"a certificate is for runs without weight decay, got {list(trajectory.weight_decay)}")
    if run is None:
        raise ValueError("a certificate needs a rigorous report; verify with rigorous=True")
    bounds = [b for b in run.bounds if b.applicable and b.method == trajectory.method and b.id in BOUNDS]
    losses = run.losses if network.activation.is_linear and _has_reduced_run(run) else {}
    if not bounds and not losses:
        why = run.reason or "losses are certified for two-layer linear scalar FA with squared loss only"
        raise ValueError(f"there is nothing to certify: no bound applies to this run, and {why}")
    wanted = {"loss"} | {bound.quantity for bound in bounds}
    flow = trajectory.method == "flow"
    verdicts = {verdict.id: verdict for verdict in report.verdicts}
    certificate = {
        "format": FORMAT,
        "version": version("fa_theory"),
        "instance": _instance(Path(path), network, problem, report, run),
        "best_fit": _best_fit(run.start) if problem.loss.name == "squared" else [],
        "t": [_hex(float(place.p) / float(place.q)) if flow else int(place.p) for place in run.places],
        "observed": {name: list(map(_ends, values)) for name, values in losses.items() if name in wanted},
        "bounds": [_bound(each, run, verdicts[each.id].verdict if losses else None) for each in bounds],
    }
    with replacing(path) as stream:
        stream.write(json.dumps(certificate, indent=1, allow_nan=False).encode())


def _check_certifiable(network: Network, problem: Problem, method: str) -> None:
    if network.depth != 2 or network.activation.slope is None or problem.loss.name == "cross_entropy":
        raise ValueError(
            "a certificate is for two layers, a linear, ReLU or leaky ReLU activation and squared, logistic or "
            f"exponential loss, got {network.depth} layers, {network.activation.name}, {problem.loss.name}"
        )
    if network.biases[0] is None and network.biases[1] is not None:
        raise ValueError("a certificate is for a network with biases in both layers, in the first or in none")
    rule = network.feedback[0]
    if isinstance(rule, PotentialFeedback) or (
        isinstance(rule, AdaptiveFeedback) and (to_numpy(rule.W_start) != to_numpy(network.weights[1])).any()
    ):
        raise ValueError(f"a certificate is for a built-in rule at its own start, got {network.rule_name}")
    if method not in ("flow", "gd", "sgd"):
        raise ValueError(f"a certificate is for method flow, gd or sgd, got {method}")


def _has_reduced_run(run: Enclosure) -> bool:
    from fa_theory.rigour.reduced_flow import has_enclosed_flow

    return all(each.holds for each in has_enclosed_flow(run.start))


def _instance(path: Path, network: Network, problem: Problem, report: Report, run: Enclosure) -> dict[str, Any]:
    options, method = report.trajectory.options, report.trajectory.method
    rule = network.feedback[0]
    arrays = {"X": problem.X, "Y": problem.Y, "W1": network.weights[0], "W2": network.weights[1]}
    arrays |= {f"b{k}": b[None, :] for k, b in enumerate(network.biases, start=1) if b is not None}
    kind = rule.name.partition(":")[0]
    if kind in ("fa", "dfa", "adafa"):
        arrays["B2"] = rule.matrix(network.weights[1])
    instance: dict[str, Any] = {
        "rule": kind,
        "kappa": _hex(rule.kappa if isinstance(rule, AdaptiveFeedback) else 0),
        "slope": _hex(network.activation.slope),
        "loss": problem.loss.name,
        "method": method,
        "step_size": _hex(0 if method == "flow" else options["step_size"]),
        "batches": run.batches,
    }
    host = {name: to_numpy(array).astype(float) for name, array in arrays.items()}
    if sum(array.size for array in host.values()) <= MOST_INLINE:
        instance["arrays"] = {name: [[_hex(x) for x in row] for row in array.tolist()] for name, array in host.items()}
    else:
        state = path.with_suffix(".state.npz")
        save_state(state, network, problem)
        instance["state"] = {"file": state.name, "sha256": hashlib.sha256(state.read_bytes()).hexdigest()}
    plain = json.dumps(instance, sort_keys=True)
    return instance | {"sha256": hashlib.sha256(plain.encode()).hexdigest()}


def _best_fit(start: ExactStart) -> list[list[str]]:
    """Return a linear map of the samples (with ones, if there is a bias) that fits the labels best, exactly."""
    X, labels = matrix_of(start.X), matrix_of(start.labels).transpose().tolist()
    if any(bias is not None for bias in start.network.biases):
        X = fmpq_mat([[*row, 1] for row in X.tolist()])
    back = X.transpose()
    columns = [least_solution(back * X, back * fmpq_mat([[y] for y in column])) for column in labels]
    return [[f"{int(x.p):#x}/{int(x.q):#x}" for x in row] for row in zip(*columns, strict=True)]


def _bound(bound: EnclosedBound, run: Enclosure, verdict: str | None) -> dict[str, Any]:
    return {
        "id": bound.id,
        "quantity": bound.quantity,
        "witness": {name: _witness(value) for name, value in bound.witness.items() if name != "step_size"},
        "constants": {name: _ends(value) for name, value in bound.enclosed_constants().items()},
        "value": [_ends(value) for value in bound.values(run.places)],
        "verdict": verdict if verdict in ("holds", "refuted") else "not compared",
    }


def _witness(value: Any) -> Any:
    return _hex(value) if isinstance(value, float) else [_hex(each) for each in value]


def _hex(value: float) -> str:
    return float(value).hex()


def _ends(value: Ball) -> list[str]:
    interval = outward(value)
    return [f"{'-' if m < 0 else ''}{abs(m):#x}p{e}" for m, e in (interval.lower, interval.upper)]
