"""Runs whose certificates are tested, and how to write, edit and check one."""

import hashlib
import json

import numpy as np

import fa_theory as ft
from fa_theory.checker import check_certificate
from fa_theory.verification import certificate as writing
from tests.bounds.bound_instances import aligned, regression, separable

SHORT = {"time": 0.25, "points": 3}
CASES = {
    "flow": (aligned(1, 2, 3), regression(1, 4, 2), SHORT),
    "flow with biases": (aligned(2, 2, 3, biases=True), regression(2, 4, 2), SHORT),
    "rank deficient": (aligned(3, 3, 2), ft.Problem(np.outer([1.0, 2, -1, 3], [1.0, 2, 3]), np.ones(4)), SHORT),
    "leaky": (aligned(4, 4, 3, "leaky_relu:0.5"), regression(4, 3, 4), SHORT),
    "sign-fa": (aligned(5, 4, 3, "leaky_relu:0.5", "sign-fa"), regression(5, 3, 4), SHORT),
    "adafa": (aligned(5, 2, 3, "linear", "adafa:0.5"), regression(5, 4, 2), SHORT),
    "backprop": (aligned(5, 2, 3, "linear", "backprop", biases=True), regression(5, 4, 2), SHORT),
    "logistic": (aligned(6, 3, 3, "leaky_relu:0.2"), separable(6, 5, 3, "logistic"), SHORT),
    "exponential": (aligned(7, 3, 3), separable(7, 5, 3, "exponential"), SHORT),
    "gd": (aligned(8, 2, 3), regression(8, 4, 2), {"method": "gd", "steps": 8, "step_size": 1e-4, "points": 3}),
    "gd with biases": (
        aligned(8, 2, 3, biases=True),
        regression(8, 4, 2),
        {"method": "gd", "steps": 8, "step_size": 1e-5, "points": 3},
    ),
    "sgd": (
        aligned(9, 2, 3, biases=True),
        regression(9, 6, 2),
        {"method": "sgd", "steps": 6, "step_size": 0.05, "points": 3, "batch_size": 2, "seed": 1},
    ),
}


def write(path, network, problem, run):
    report = ft.verify(network, problem, rigorous=True, **run)
    writing.write_certificate(path, report)
    return json.loads(path.read_text())


def check(tmp_path, content):
    path = tmp_path / "c.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return check_certificate(path)


def rehashed(content):
    """The certificate with the hash that its instance, as edited, has."""
    plain = {key: value for key, value in content["instance"].items() if key != "sha256"}
    content["instance"]["sha256"] = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
    return content
