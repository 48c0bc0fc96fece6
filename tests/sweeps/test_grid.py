"""Grids and samples: what they hold, without expanding it, and what they refuse."""

import itertools
import json

import numpy as np
import pytest

from fa_theory.sweeps import LARGEST, Range
from fa_theory.sweeps.grid import make_plan


def all_options(plan):
    return [plan.options(number) for number in range(plan.count)]


def test_a_grid_is_all_combinations_with_the_seed_varying_fastest():
    plan = make_plan({"seed": "0:3", "width": "4,8", "rule": ["fa", "sign-fa"]})
    expected = [
        {"rule": rule, "width": width, "seed": seed}
        for rule, width, seed in itertools.product(["fa", "sign-fa"], [4, 8], range(3))
    ]
    assert all_options(plan) == expected


def test_text_and_values_are_the_same_grid():
    text = make_plan(
        {
            "width": "4,8",
            "biases": "no,yes",
            "alignment": "0.5,2",
            "weight_decay": "0.1/0.2,0",
            "seed": "0:6:2,9",
        }
    )
    values = make_plan(
        {
            "seed": (0, 2, 4, 9),
            "alignment": np.array([0.5, 2.0]),
            "weight_decay": [[0.1, 0.2], 0],
            "biases": [False, True],
            "width": [4, 8],
        }
    )
    assert all_options(text) == all_options(values)
    assert text.to_json() == values.to_json()


def test_the_plan_says_what_it_is_in_json():
    plan = make_plan({"width": "4..64:log", "seed": range(5), "rule": "fa"}, sample=7, sample_seed=3)
    assert json.loads(json.dumps(plan.to_json())) == {
        "what": "verify",
        "curves": False,
        "sample": {"instances": 7},
        "seed": 3,
        "grid": {"rule": ["fa"], "width": "4..64:log", "seed": "0:5:1"},
    }


def test_options_that_a_method_does_not_take_are_left_out_for_it():
    plan = make_plan({"method": "flow,gd", "time": 2, "steps": 10, "seed": 1})
    assert all_options(plan) == [
        {"method": "flow", "time": 2.0, "seed": 1},
        {"method": "gd", "steps": 10, "seed": 1},
    ]


def test_derived_seeds_depend_on_the_instance_and_on_nothing_else():
    few = {json.dumps(each | {"seed": 0}): each["seed"] for each in all_options(make_plan({"width": "4,8"}))}
    more = {json.dumps(each | {"seed": 0}): each["seed"] for each in all_options(make_plan({"width": "16,8,2,4"}))}
    assert few.items() <= more.items()
    assert len(set(more.values())) == 4
    assert few != {
        json.dumps(each | {"seed": 0}): each["seed"] for each in all_options(make_plan({"width": "4,8"}, sample_seed=1))
    }
    assert all(0 <= seed < 2**53 for seed in more.values())


def test_samples_are_a_stream_for_each_option():
    grid = {"width": "4..64:log", "alignment": "0.5..2", "step_size": Range(1e-3, 1, log=True), "method": ["gd", "sgd"]}
    drawn = all_options(make_plan(grid, sample=50))
    assert drawn == all_options(make_plan(grid, sample=60))[:50]
    other = all_options(make_plan({"width": grid["width"]}, sample=50))
    assert [each["width"] for each in other] == [each["width"] for each in drawn]
    assert len({each["seed"] for each in drawn}) == 50
    assert drawn != all_options(make_plan(grid, sample=50, sample_seed=1))


def test_samples_have_the_distribution_asked_for():
    plan = make_plan({"width": "1..3", "alignment": "2..4", "step_size": "0.01..1:log", "method": "gd"}, sample=1000)
    drawn = all_options(plan)
    counts = np.bincount([each["width"] for each in drawn])
    assert counts[0] == 0
    assert np.all(np.abs(counts[1:] / 1000 - 1 / 3) < 0.06)  # four standard deviations
    alignment = np.array([each["alignment"] for each in drawn])
    assert 2 <= alignment.min() < 2.05
    assert 3.95 < alignment.max() <= 4
    assert abs(alignment.mean() - 3) < 0.08
    assert abs(np.mean([each["step_size"] < 0.1 for each in drawn]) - 0.5) < 0.07
    whole = [each["width"] for each in all_options(make_plan({"width": "1..8:log"}, sample=500))]
    assert (min(whole), max(whole)) == (1, 8)
    assert abs(np.mean(np.array(whole) < 3) - 0.5) < 0.1  # log 3 is half of log 9


@pytest.mark.parametrize(
    ("grid", "count"),
    [
        ({"seed": "0:1000000000"}, "1,000,000,000"),
        ({"width": range(1, 1001), "depth": range(2, 1002), "seed": "0:1000"}, "1,000,000,000"),
        ({"seed": "0:1000000000,3"}, "1,000,000,001"),
        ({"width": []}, "0 instances"),
        ({"seed": "5:5"}, "0 instances"),
    ],
)
def test_a_grid_of_nothing_or_too_much_is_refused_with_the_number(grid, count):
    with pytest.raises(ValueError, match=count) as refused:
        make_plan(grid)
    assert f"{LARGEST:,}" in str(refused.value)


@pytest.mark.parametrize("sample", [0, -1, 10**9])
def test_a_sample_of_nothing_or_too_much_is_refused(sample):
    with pytest.raises(ValueError, match=f"the sample has {sample:,} instances"):
        make_plan({"width": "1..8"}, sample=sample)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"widht": 4}, "an option of a sweep must be one of .*; did you mean 'width'"),
        ({"width": "4,x"}, "width must be a whole number >= 1, got 'x'"),
        ({"width": 0}, "width must be a whole number >= 1, got 0"),
        ({"seed": 1 << 64}, "seed must be a whole number >= 0, got 18446744073709551616"),
        ({"width": True}, "width must be a whole number >= 1, got True"),
        ({"width": 2.5}, "width must be a whole number >= 1, got 2.5"),
        ({"width": range(4)}, "width must be a whole number >= 1, got 0"),
        ({"width": "4,4"}, "width has the value 4 more than once"),
        ({"width": "1:2:3:4"}, "width must be FIRST:END or FIRST:END:STEP"),
        ({"time": "nan"}, "time must be a finite number >= 0, got 'nan'"),
        ({"time": True}, "time must be a finite number >= 0, got True"),
        ({"biases": "maybe"}, "biases must be yes or no, got 'maybe'"),
        ({"rule": "fa,"}, "rule must be a name, got ''"),
        ({"rule": "fa,nonsense"}, "nonsense"),
        ({"activation": "leaky"}, "leaky"),
        ({"loss": "sqared"}, "loss must be one of .*; did you mean 'squared'"),
        ({"method": "rk4"}, "method must be one of"),
        ({"weight_decay": "0.1/x"}, "weight_decay must be a finite number"),
        ({"width": "4..8"}, "width is a range, which only samples can draw from"),
        ({"width": "4..8:lin"}, "width must be LOW..HIGH or LOW..HIGH:log"),
        ({"width": "8..4"}, "width must be a range with low < high, got 8..4"),
        ({"alignment": Range(0, 4, log=True)}, "alignment must be a range with 0 < low < high"),
        ({"rule": Range(1, 2)}, "rule takes no range"),
        ({"method": "gd", "time": 1}, "time is an option that only flow can take, got method gd"),
        (
            {"method": "flow,gd", "time": "1,2"},
            "time has several values, which only flow can take, got",
        ),
        ({"state": "a.npz", "width": 4}, "width does not go with state"),
        ({"data": "a.csv", "synthetic": "4x2"}, "synthetic does not go with data"),
    ],
)
def test_what_is_not_allowed_is_named(grid, message):
    with pytest.raises(ValueError, match=message):
        make_plan(grid)


def test_other_arguments_are_checked():
    with pytest.raises(ValueError, match="what must be one of verify, simulate, got 'verfy'; did you mean 'verify'"):
        make_plan({}, what="verfy")
    with pytest.raises(ValueError, match="sample_seed must be at least 0, got -1"):
        make_plan({}, sample_seed=-1)
