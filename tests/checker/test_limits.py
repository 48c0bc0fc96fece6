"""What a certificate cannot have checked: runs and numbers without end, and numbers that no theorem admits."""

import copy

import numpy as np
import pytest

import fa_theory as ft
from fa_theory import checker
from fa_theory.checker import RejectedError, check_certificate
from fa_theory.verification import certificate as writing
from tests.bounds.bound_instances import aligned
from tests.checker.cases import CASES, SHORT, check, rehashed, write


def test_runs_that_take_too_long_are_refused(certificates, tmp_path, monkeypatch):
    content = copy.deepcopy(certificates["gd"])
    content["t"][-1] = 10**4000
    with pytest.raises(RejectedError, match="the run is too long"):
        check(tmp_path, content)
    monkeypatch.setattr(checker, "MOST_WORK", 10**7)
    content = copy.deepcopy(certificates["flow"])
    content["t"][-1] = "0x1p+1000"
    with pytest.raises(RejectedError, match="too many pieces"):
        check(tmp_path, content)


@pytest.mark.parametrize(
    ("name", "limit", "least", "reason"),
    [
        ("gd", "LARGEST_PRODUCT", 10, "the instance is too large"),
        ("gd", "LARGEST_MATRIX", 1, "matrices of over 1 rows"),
        ("gd", "PRECISIONS", (16,), "cannot be confirmed with 16 bits"),
        ("flow", "PRECISIONS", (16,), "cannot be confirmed with 16 bits"),
    ],
)
def test_limits_are_kept(certificates, tmp_path, monkeypatch, name, limit, least, reason):
    monkeypatch.setattr(checker, limit, least)
    with pytest.raises(RejectedError, match=reason):
        check(tmp_path, certificates[name])


def test_the_flow_of_very_many_inputs_is_not_enclosed(tmp_path, monkeypatch):
    wide = ft.Problem(np.array([[1.0, 2.0, -1.0]]), np.array([1.0]))
    content = write(tmp_path / "c.json", aligned(1, 3, 3), wide, SHORT)
    check(tmp_path, content)
    monkeypatch.setattr(checker, "LARGEST_MATRIX", 2)
    with pytest.raises(RejectedError, match="at most 2 inputs"):
        check(tmp_path, content)


def test_the_best_fit_must_be_one_and_may_be_any(certificates, tmp_path):
    content = copy.deepcopy(certificates["flow"])
    numerator, _, denominator = content["best_fit"][0][0].partition("/")
    content["best_fit"][0][0] = f"{int(numerator, 16) + 1:#x}/{denominator}"
    with pytest.raises(RejectedError, match="not a best linear fit"):
        check(tmp_path, content)
    content = copy.deepcopy(certificates["rank deficient"])
    content["best_fit"] = [["0x1/0x4"], ["0x1/0x2"], ["-0x1/0x7"]]  # the data are multiples of (1, 2, 3)
    with pytest.raises(RejectedError, match="not a best linear fit"):
        check(tmp_path, content)
    # sum x_j y_j / sum x_j^2 = 5/15 for x_j = 1, 2, -1, 3
    content["best_fit"] = [["0x1/0x3"], ["0x0/0x1"], ["0x0/0x1"]]
    check(tmp_path, content)
    content["best_fit"] = [["0x0/0x1"], ["0x0/0x1"], ["0x1/0x9"]]
    check(tmp_path, content)


def test_what_the_theorems_assume_is_not_left_to_the_file(certificates, tmp_path):
    content = copy.deepcopy(certificates["gd"])
    content["instance"]["step_size"] = "-" + content["instance"]["step_size"]
    content["observed"], content["bounds"][0]["verdict"] = {}, "not compared"
    with pytest.raises(RejectedError, match="out of range"):
        check(tmp_path, rehashed(content))
    content = copy.deepcopy(certificates["adafa"])
    content["instance"]["kappa"] = "-" + content["instance"]["kappa"]
    with pytest.raises(RejectedError, match="the rule is unknown"):
        check(tmp_path, rehashed(content))
    content = copy.deepcopy(certificates["leaky"])
    content["instance"]["slope"] = "0x1.8p+0"
    with pytest.raises(RejectedError, match="slope is unknown"):
        check(tmp_path, rehashed(content))
    content = copy.deepcopy(certificates["leaky"])
    content["instance"]["arrays"]["B2"] = [[b, b] for (b,) in content["instance"]["arrays"]["B2"]]
    with pytest.raises(RejectedError, match="a scalar output is assumed"):
        check(tmp_path, rehashed(content))


@pytest.mark.parametrize("batch", [[], [6], [-1], [0] * 7])
def test_minibatches_of_no_samples_are_rejected(certificates, tmp_path, batch):
    content = copy.deepcopy(certificates["sgd"])
    content["instance"]["batches"][0] = batch
    with pytest.raises(RejectedError, match="no such samples"):
        check(tmp_path, rehashed(content))


def test_gradient_descent_takes_no_minibatches_from_the_file(certificates, tmp_path):
    content = copy.deepcopy(certificates["gd"])
    content["instance"]["batches"] = [[0]] * 8
    check(tmp_path, rehashed(content))
    content = copy.deepcopy(certificates["sgd"])
    content["instance"]["method"] = "gd"
    with pytest.raises(RejectedError, match="loss at"):
        check(tmp_path, rehashed(content))


def test_what_a_message_quotes_can_be_printed(certificates, tmp_path):
    content = copy.deepcopy(certificates["gd"])
    content["bounds"][0]["id"] = "\x1b[2J\n" + 10_000 * "x"
    with pytest.raises(RejectedError) as caught:
        check(tmp_path, content)
    assert str(caught.value).startswith("?[2J?xxx")
    assert len(str(caught.value)) == 200


def test_bounds_that_the_checker_does_not_know_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "BOUNDS", ("descent", "exponential-decay"))
    content = write(tmp_path / "c.json", *CASES["flow"])
    assert [bound["id"] for bound in content["bounds"]] == ["descent", "exponential-decay"]
    assert check_certificate(tmp_path / "c.json").endswith("descent: holds; exponential-decay: holds")
