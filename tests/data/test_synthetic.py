"""Drawn data: what is drawn, and what is refused."""

import numpy as np
import pytest

from fa_theory.data import draw_table, make_dataset


def test_labels_of_squared_loss_are_linear_up_to_noise():
    data = make_dataset(draw_table("4000x3", "squared", 1), "y", "squared")
    assert data.X.shape == (4000, 3)
    solution, residual, *_ = np.linalg.lstsq(data.X, data.Y[:, 0])
    assert np.linalg.norm(solution) == pytest.approx(1, abs=0.01)
    assert residual[0] / 4000 == pytest.approx(0.01, rel=0.1)
    assert np.abs(data.X.mean(axis=0)).max() < 0.06
    assert np.abs(data.X.std(axis=0) - 1).max() < 0.05


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_labels_of_sign_losses_are_separable(loss):
    data = make_dataset(draw_table("60x3", loss, 1), "y", loss)
    assert set(data.Y[:, 0]) == {-1.0, 1.0}
    teacher = np.linalg.lstsq(*(make_dataset(draw_table("60x3", "squared", 1), "y", "squared").X, data.Y[:, 0]))[0]
    assert np.mean(np.sign(data.X @ teacher) == data.Y[:, 0]) > 0.9


def test_labels_of_cross_entropy_are_three_classes():
    data = make_dataset(draw_table("60x3", "cross_entropy", 1), "y", "cross_entropy")
    assert data.Y.shape == (60, 3)
    assert data.Y.sum(axis=0).min() >= 5


def test_draws_depend_on_the_seed_alone():
    one, same, other = (draw_table("5x2", "squared", seed).values["y"] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("size", ["5", "0x2", "5x0", "5x", "-5x2", "5 x 2", "5x2x1"])
def test_sizes_are_checked(size):
    with pytest.raises(ValueError, match="synthetic must be samples x inputs"):
        draw_table(size, "squared", 0)


def test_too_much_is_refused_with_the_number():
    with pytest.raises(ValueError, match="at most 100,000,000 entries, got '1000000x1000' with 1,000,000,000"):
        draw_table("1000000x1000", "squared", 0)
