"""Certificates: accepted as written; changed so that a claim says more, or of another instance, they are rejected."""

import copy
import hashlib
import json
import os

import numpy as np
import pytest

import fa_theory as ft
from fa_theory import checker
from fa_theory.checker import RejectedError, UnreadableError, check_certificate
from fa_theory.verification import certificate as writing
from fa_theory.verification import instance_from_data, run_instance
from tests.checker.cases import CASES, SHORT, check, rehashed, write


@pytest.mark.parametrize("name", list(CASES))
def test_certificates_are_accepted(certificates, tmp_path, name):
    content = certificates[name]
    assert content["bounds"] or content["observed"]
    said = check(tmp_path, content)
    for bound in content["bounds"]:
        assert f"{bound['id']}: {bound['verdict']}" in said
    compared = {bound["verdict"] for bound in content["bounds"]}
    assert compared == ({"holds"} if content["observed"] and content["bounds"] else compared & {"not compared"})


def test_each_bound_is_certified_and_compared_somewhere(certificates):
    seen = {(bound["id"], bound["verdict"]) for content in certificates.values() for bound in content["bounds"]}
    assert {name for name, verdict in seen if verdict == "holds"} == {
        "descent",
        "exponential-decay",
        "multi-output-decay",
        "gd-decay",
    }
    assert ("separable-decay", "not compared") in seen


def intervals(content):
    """The paths to all pairs of endpoints."""
    for name, values in content["observed"].items():
        for k in range(len(values)):
            yield ("observed", name, k)
    for k, bound in enumerate(content["bounds"]):
        for name in bound["constants"]:
            yield ("bounds", k, "constants", name)
        for j in range(len(bound["value"])):
            yield ("bounds", k, "value", j)


def at(content, path):
    for key in path:
        content = content[key]
    return content


def moved(end, by):
    mantissa, exponent = end.split("p")
    changed = int(mantissa, 16) + by
    return f"{'-' if changed < 0 else ''}{abs(changed):#x}p{exponent}"


@pytest.mark.parametrize("name", list(CASES))
def test_every_number_that_is_made_to_say_more_is_rejected(certificates, tmp_path, name):
    content = certificates[name]
    paths = list(intervals(content))
    if name.startswith("flow") or name == "rank deficient":  # a run is recomputed each time
        paths = [path for path in paths if path[0] == "bounds" or path[-1] == 2]
    changed = 0
    for path in paths:
        low, high = at(content, path)
        if low == high == "0x0p0":
            continue
        for side, by in ((0, 2), (1, -2)):  # up to one unit may remain true
            edited = copy.deepcopy(content)
            edited["observed"] = edited["observed"] if path[0] == "observed" else {}
            for bound in edited["bounds"]:
                bound["verdict"] = "not compared" if path[0] == "bounds" else bound["verdict"]
            ends = at(edited, path)
            ends[side] = moved(ends[side], by)
            with pytest.raises(RejectedError):
                check(tmp_path, edited)
            changed += 1
    assert changed >= 4


def test_a_looser_enclosure_is_still_true(certificates, tmp_path):
    content = copy.deepcopy(certificates["gd"])
    ends = content["bounds"][0]["constants"]["lambda"]
    content["bounds"][0]["constants"]["lambda"] = [moved(ends[0], -5), moved(ends[1], 5)]
    assert "gd-decay: holds" in check(tmp_path, content)


@pytest.mark.parametrize("array", ["X", "Y", "W1", "W2", "B2"])
def test_another_instance_is_rejected(certificates, tmp_path, array):
    content = copy.deepcopy(certificates["gd"])
    entry = float.fromhex(content["instance"]["arrays"][array][0][0])
    content["instance"]["arrays"][array][0][0] = float(np.nextafter(entry, 9.0)).hex()
    with pytest.raises(RejectedError, match="not the one that was hashed"):
        check(tmp_path, content)
    with pytest.raises(RejectedError):
        check(tmp_path, rehashed(content))


@pytest.mark.parametrize(
    ("key", "value"),
    [("rule", "backprop"), ("loss", "logistic"), ("slope", "0x1p-1"), ("rule", "sign-fa")],
)
def test_another_setting_is_rejected(certificates, tmp_path, key, value):
    content = copy.deepcopy(certificates["flow"])
    content["instance"][key] = value
    with pytest.raises(RejectedError):
        check(tmp_path, rehashed(content))


def test_another_step_size_theta_or_minibatch_is_rejected(certificates, tmp_path):
    content = copy.deepcopy(certificates["gd"])
    content["instance"]["step_size"] = (1.5e-4).hex()
    with pytest.raises(RejectedError):
        check(tmp_path, rehashed(content))
    for name in ("theta", "mu"):
        content = copy.deepcopy(certificates["gd"])
        content["bounds"][0]["witness"][name] = (2.5).hex()
        with pytest.raises(RejectedError, match="theta, mu"):
            check(tmp_path, content)
    content = copy.deepcopy(certificates["sgd"])
    content["instance"]["batches"].reverse()
    with pytest.raises(RejectedError):
        check(tmp_path, rehashed(content))


def test_a_step_size_that_is_too_large_is_rejected_whatever_else_is_claimed(certificates, tmp_path):
    content = copy.deepcopy(certificates["gd"])
    content["instance"]["step_size"] = (0.5).hex()
    content["observed"] = {}
    content["bounds"][0]["verdict"] = "not compared"
    with pytest.raises(RejectedError, match="step size is too large"):
        check(tmp_path, rehashed(content))


def test_a_direction_that_does_not_separate_is_rejected(certificates, tmp_path):
    content = copy.deepcopy(certificates["logistic"])
    bound = next(bound for bound in content["bounds"] if bound["id"] == "separable-decay")
    bound["witness"]["direction"] = [(-float.fromhex(x)).hex() for x in bound["witness"]["direction"]]
    with pytest.raises(RejectedError, match="does not separate"):
        check(tmp_path, content)


def test_comparisons_that_do_not_follow_are_rejected(certificates, tmp_path):
    content = copy.deepcopy(certificates["gd"])
    content["bounds"][0]["verdict"] = "refuted"
    with pytest.raises(RejectedError, match="refuted does not follow"):
        check(tmp_path, content)
    content = copy.deepcopy(certificates["leaky"])
    content["bounds"][0]["verdict"] = "holds"
    with pytest.raises((RejectedError, UnreadableError)):
        check(tmp_path, content)
    content = copy.deepcopy(certificates["gd"])
    content["observed"][content["bounds"][0]["quantity"]][-1][1] = "0x1p20"  # looser, so true, but not below the bound
    with pytest.raises(RejectedError, match="holds does not follow"):
        check(tmp_path, content)


def test_reordered_or_missing_parts_are_rejected(certificates, tmp_path):
    def edited(change):
        content = copy.deepcopy(certificates["gd"])
        change(content)
        return content

    for change in (
        lambda c: c["bounds"][0]["value"].reverse(),
        lambda c: c["observed"]["loss"].reverse(),
        lambda c: c["t"].reverse(),
        lambda c: c["bounds"].append(c["bounds"][0]),
        lambda c: c["bounds"][0]["value"].pop(),
        lambda c: c["bounds"][0]["constants"].pop("lambda"),
        lambda c: c["bounds"][0].update(id="descent"),
        lambda c: c["bounds"][0].update(id="unheard-of"),
        lambda c: c["bounds"][0].update(quantity="loss" if c["bounds"][0]["quantity"] != "loss" else "excess_loss"),
        lambda c: c["t"].__setitem__(-1, 10**9),
    ):
        with pytest.raises(RejectedError):
            check(tmp_path, edited(change))
    # keys have no order in JSON
    content = certificates["gd"]
    check(tmp_path, dict(reversed(content.items())))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "JSONDecodeError|RecursionError|ValueError"),
        ("{", "JSONDecodeError|RecursionError|ValueError"),
        ("[" * 100_000, "JSONDecodeError|RecursionError|ValueError"),
        ('{"format": 1, "format": 2}', "a key occurs twice"),
        ('{"t": NaN}', "NaN"),
        ('{"t": -Infinity}', "Infinity"),
        ('{"t": 0.5}', "a number must be like"),
        ('{"t": 1' + "0" * 10_000 + "}", "JSONDecodeError|RecursionError|ValueError"),
        ("[]", "it must hold"),
        ("{}", "it must hold"),
        ('"text"', "it must hold"),
        ("\ufeff{}", "JSONDecodeError|RecursionError|ValueError"),
        ('{"format": "fa_theory certificate 1"}', "it must hold"),
    ],
)
def test_what_is_no_certificate_is_unreadable(tmp_path, text, reason):
    with pytest.raises(UnreadableError, match=reason):
        check(tmp_path, text)


def test_bytes_folders_and_missing_files_are_unreadable(tmp_path):
    (tmp_path / "c.json").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "c.json", tmp_path, tmp_path / "none.json"):
        with pytest.raises(UnreadableError):
            check_certificate(path)


def test_an_enormous_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "c.json"
    with path.open("wb") as stream:
        os.truncate(stream.fileno(), checker.LARGEST_FILE + 1)
    with pytest.raises(UnreadableError, match=f"at most {checker.LARGEST_FILE} bytes"):
        check_certificate(path)


def test_a_truncated_certificate_is_unreadable_wherever_it_ends(certificates, tmp_path):
    text = json.dumps(certificates["gd"])
    for part in range(1, 20):
        with pytest.raises(UnreadableError):
            check(tmp_path, text[: part * len(text) // 20])


@pytest.mark.parametrize(
    "wrong", [None, [], {}, "text", "__import__('os').system('false')", True, 7, {"a": []}, [[[]]]]
)
def test_wrong_kinds_anywhere_are_errors_and_never_more(certificates, tmp_path, wrong):
    content = certificates["sgd"]
    paths = [("instance",), ("t",), ("t", 0), ("observed",), ("observed", "loss"), ("observed", "loss", 0)]
    paths += [("instance", key) for key in content["instance"]] + [("observed", "loss", 0, 1)]
    paths += [("instance", "arrays", "X"), ("instance", "arrays", "X", 0), ("instance", "arrays", "X", 0, 0)]
    paths += [("instance", "batches", 0)]
    for path in paths:
        edited = copy.deepcopy(content)
        at(edited, path[:-1])[path[-1]] = wrong
        if isinstance(edited["instance"], dict):
            rehashed(edited)
        if path in (("observed",), ("instance", "sha256"), ("instance", "kappa")) or (path[-1] == "sha256"):
            continue
        with pytest.raises((RejectedError, UnreadableError)):
            check(tmp_path, edited)


def large(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MOST_INLINE", 1)
    content = write(tmp_path / "c.json", *CASES["gd"])
    return content, tmp_path / "c.state.npz"


def test_a_large_instance_lies_in_a_state_file_beside(tmp_path, monkeypatch):
    content, state = large(tmp_path, monkeypatch)
    assert content["instance"]["state"]["file"] == state.name
    assert "gd-decay: holds" in check_certificate(tmp_path / "c.json")
    with np.load(state) as archive:
        arrays = dict(archive)
    np.savez(state, **arrays | {"X": arrays["X"] + 1})
    with pytest.raises(RejectedError, match="not the state"):
        check_certificate(tmp_path / "c.json")
    state.unlink()
    with pytest.raises(UnreadableError):
        check_certificate(tmp_path / "c.json")


def test_state_files_elsewhere_or_with_pickles_are_refused(tmp_path, monkeypatch):
    content, state = large(tmp_path, monkeypatch)
    for name in ("../c.state.npz", "/etc/passwd", ""):
        edited = copy.deepcopy(content)
        edited["instance"]["state"]["file"] = name
        with pytest.raises((RejectedError, UnreadableError)):
            check(tmp_path, rehashed(edited))
    np.savez(state, X=np.array([print], dtype=object))
    edited = copy.deepcopy(content)
    edited["instance"]["state"]["sha256"] = hashlib.sha256(state.read_bytes()).hexdigest()
    with pytest.raises(UnreadableError):
        check(tmp_path, rehashed(edited))


def test_what_cannot_be_certified_says_why(tmp_path):
    def refused(match, network, problem, **run):
        with pytest.raises(ValueError, match=match):
            writing.write_certificate(tmp_path / "c.json", ft.verify(network, problem, **run))
        assert not (tmp_path / "c.json").exists()

    network, problem, _ = CASES["flow"]
    refused("needs a rigorous report", network, problem, **SHORT)
    refused("got midpoint", network, problem, method="midpoint", steps=2, rigorous=True)
    refused("without weight decay", network, problem, weight_decay=0.1, rigorous=True, **SHORT)
    deep = instance_from_data(depth=3, width=2, run=SHORT)
    refused("got 3 layers", deep.network, deep.problem, rigorous=True, **SHORT)
    smooth = instance_from_data(activation="tanh", init="small", width=2)
    refused("tanh", smooth.network, smooth.problem, rigorous=True, **SHORT)
    network, problem, _ = CASES["flow with biases"]
    above = ft.Network(network.weights, "linear", network.feedback, [None, network.biases[1]])
    refused("biases in both layers", above, problem, rigorous=True, **SHORT)
    network, problem, _ = CASES["leaky"]
    misaligned = ft.Network([network.weights[0], -network.weights[1]], network.activation, network.feedback)
    refused("no bound applies", misaligned, problem, rigorous=True, **SHORT)


def test_iris_is_certified(tmp_path):
    report = run_instance(instance_from_data(run={"time": 1.0, "points": 4}), rigorous=True)
    writing.write_certificate(tmp_path / "c.json", report)
    assert "exponential-decay: holds" in check_certificate(tmp_path / "c.json")
