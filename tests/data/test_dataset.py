"""From tables to arrays: what each loss gets, what is recorded, and one refusal per way it can fail."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.data import load_iris, make_dataset, read_csv

LENGTHS = ("sepal_length", "sepal_width", "petal_length", "petal_width")


@pytest.fixture
def table(tmp_path):
    """Return a function that reads a table from its text."""

    def _table(text):
        path = tmp_path / "user.csv"
        path.write_text(text, encoding="utf-8")
        return read_csv(path)

    return _table


def refused(table, target, loss, reason, **options):
    with pytest.raises(ValueError, match=re.escape(f"{table.name}: {reason}")) as caught:
        make_dataset(table, target, loss, **options)
    assert "\n" not in str(caught.value)


class TestIrisDefaults:
    def test_squared_predicts_petal_width(self):
        iris = load_iris()
        data = make_dataset(iris, None, "squared")
        assert data.features == LENGTHS[:3]
        assert data.targets == ("petal_width",)
        assert data.transforms == ("dropped text column species",)
        np.testing.assert_array_equal(data.Y[:, 0], iris.values["petal_width"])
        np.testing.assert_array_equal(data.X[:, 1], iris.values["sepal_width"])

    @pytest.mark.parametrize("loss", ["logistic", "exponential"])
    def test_signs_separate_setosa(self, loss):
        data = make_dataset(load_iris(), None, loss)
        assert data.features == LENGTHS
        assert data.Y.ravel().tolist() == [1.0] * 50 + [-1.0] * 100
        assert data.targets == ("species=setosa",)
        assert data.transforms == ("labels of species: setosa -> +1, any other value -> -1",)
        # Setosa has the short petals: Fisher 1936 already found the species "definitely distinct".
        assert data.X[:50, 2].max() < data.X[50:, 2].min()

    def test_cross_entropy_is_one_hot(self):
        data = make_dataset(load_iris(), None, "cross_entropy")
        np.testing.assert_array_equal(data.Y, np.repeat(np.eye(3), 50, axis=0))
        assert data.targets == ("species=setosa", "species=versicolor", "species=virginica")
        assert data.transforms == ("one-hot species: setosa, versicolor, virginica",)

    def test_squared_loss_takes_the_species_one_hot(self):
        data = make_dataset(load_iris(), "species", "squared")
        np.testing.assert_array_equal(data.Y, np.repeat(np.eye(3), 50, axis=0))

    def test_arrays_are_float64_and_read_only(self):
        data = make_dataset(load_iris(), None, "logistic")
        for array in (data.X, data.Y):
            assert array.dtype == np.float64
            assert array.ndim == 2
            assert not array.flags.writeable


class TestLabels:
    def test_text_labels_are_alphabetical(self, table):
        data = make_dataset(table("x,kind\n1,yes\n2,no\n3,yes\n"), "kind", "logistic")
        assert data.Y.ravel().tolist() == [1.0, -1.0, 1.0]
        assert data.targets == ("kind=yes",)
        assert data.transforms == ("labels of kind: no -> -1, yes -> +1",)

    @pytest.mark.parametrize(("low", "high"), [("0", "1"), ("-1", "1"), ("2", "10"), ("-0.5", "0.25")])
    def test_numeric_labels_are_ordered_as_numbers(self, table, low, high):
        data = make_dataset(table(f"x,y\n1,{high}\n2,{low}\n"), "y", "exponential")
        assert data.Y.ravel().tolist() == [1.0, -1.0]
        assert data.transforms == (f"labels of y: {low} -> -1, {high} -> +1",)

    @pytest.mark.parametrize("target", ["y=2", "y=2.0", "y= 2e0"])
    def test_one_number_against_the_rest(self, table, target):
        data = make_dataset(table("x,y\n1,2\n2,1\n3,3\n"), target, "logistic")
        assert data.Y.ravel().tolist() == [1.0, -1.0, -1.0]
        assert data.targets == ("y=2",)

    def test_names_and_values_with_equals_signs(self, table):
        data = make_dataset(table("x,a=b\n1,c=d\n2,e\n3,f\n"), "a=b=c=d", "logistic")
        assert data.Y.ravel().tolist() == [1.0, -1.0, -1.0]
        whole = make_dataset(table("x,a=b\n1,5\n2,6\n"), "a=b", "squared")
        assert whole.Y.ravel().tolist() == [5.0, 6.0]

    def test_one_against_the_rest_under_squared_loss(self, table):
        data = make_dataset(table("x,y\n1,a\n2,b\n3,c\n"), "y=b", "squared")
        assert data.Y.ravel().tolist() == [-1.0, 1.0, -1.0]

    def test_numeric_classes_one_hot(self, table):
        data = make_dataset(table("x,y\n1,10\n2,2\n3,10\n"), "y", "cross_entropy")
        assert data.Y.tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
        assert data.targets == ("y=2", "y=10")

    @given(st.lists(st.sampled_from("abcde"), min_size=2, max_size=30).filter(lambda labels: len(set(labels)) > 1))
    def test_one_hot_can_be_undone(self, tmp_path_factory, labels):
        path = tmp_path_factory.mktemp("labels") / "user.csv"
        path.write_text("x,y\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)), encoding="utf-8")
        data = make_dataset(read_csv(path), "y", "cross_entropy")
        assert [data.targets[k] for k in data.Y.argmax(axis=1)] == [f"y={label}" for label in labels]
        assert (data.Y.sum(axis=1) == 1.0).all()
        assert data.Y.shape == (len(labels), len(set(labels)))


class TestRows:
    def test_subset_is_kept_in_order_and_recorded(self):
        data = make_dataset(load_iris(), None, "squared", rows=[0, 1, 2, 149, 7, 7])
        assert data.transforms[0] == "kept 6 of 150 rows: 0-2, 149, 7, 7 (0-based)"
        np.testing.assert_array_equal(data.X, make_dataset(load_iris(), None, "squared").X[[0, 1, 2, 149, 7, 7]])
        np.testing.assert_array_equal(data.Y, make_dataset(load_iris(), None, "squared").Y[[0, 1, 2, 149, 7, 7]])

    def test_two_classes_left_of_three(self):
        data = make_dataset(load_iris(), "species", "logistic", rows=range(50, 150))
        assert data.Y.ravel().tolist() == [-1.0] * 50 + [1.0] * 50
        assert data.transforms == (
            "kept 100 of 150 rows: 50-149 (0-based)",
            "labels of species: versicolor -> -1, virginica -> +1",
        )

    @pytest.mark.parametrize("row", [-1, 150])
    def test_rows_that_do_not_exist(self, row):
        refused(load_iris(), None, "squared", f"rows contains {row}; it must lie between 0 and 149", rows=[0, row])

    def test_no_rows(self):
        refused(load_iris(), None, "squared", "rows is empty", rows=[])

    @pytest.mark.parametrize("mask", [[True, False] * 75, np.arange(150) < 3])
    def test_a_mask_is_not_a_list_of_rows(self, mask):
        refused(load_iris(), None, "squared", "rows is a mask of booleans", rows=mask)

    def test_fractional_rows(self):
        with pytest.raises(TypeError, match="float"):
            make_dataset(load_iris(), None, "squared", rows=[0.5])


class TestStandardize:
    def test_against_exact_arithmetic(self, table):
        # Mean 2 and variance 2/3 in rational arithmetic.
        data = make_dataset(table("x,y\n1,0\n2,0\n3,0\n"), "y", "squared", standardize=True)
        squares = [Fraction(v) ** 2 for v in data.X.ravel().tolist()]
        assert data.X[1, 0] == 0.0
        assert abs(squares[0] - Fraction(3, 2)) < Fraction(1, 10**15)
        assert data.transforms == (
            "standardised x: subtracted mean 2, divided by standard deviation 0.816496580927726",
        )

    def test_is_not_done_unasked(self):
        data = make_dataset(load_iris(), None, "logistic")
        assert not any("standardised" in step for step in data.transforms)
        assert data.X[0].tolist() == [5.1, 3.5, 1.4, 0.2]

    def test_the_record_is_enough_to_undo_it(self):
        plain = make_dataset(load_iris(), None, "logistic", rows=range(20, 90))
        data = make_dataset(load_iris(), None, "logistic", rows=range(20, 90), standardize=True)
        pattern = re.compile(r"standardised (\w+): subtracted mean (\S+), divided by standard deviation (\S+)")
        found = [match.groups() for step in data.transforms if (match := pattern.fullmatch(step))]
        assert [name for name, _, _ in found] == list(data.features)
        means, scales = np.array([numbers for _, *numbers in found], dtype=float).T
        np.testing.assert_allclose(data.X * scales + means, plain.X, rtol=8 * np.finfo(float).eps)

    def test_constant_feature(self, table):
        constant = table("x,c,y\n1,0.1,0\n2,0.1,1\n3,0.1,1\n")
        assert make_dataset(constant, "y", "squared").features == ("x", "c")
        reason = "feature column 'c' cannot be standardised: it is constant (0.1)"
        refused(constant, "y", "squared", reason, standardize=True)

    def test_feature_too_large(self, table):
        large = table("x,y\n1e308,0\n-1.7e308,1\n1.7e308,1\n")
        reason = "feature column 'x' cannot be standardised: its entries are too large"
        refused(large, "y", "squared", reason, standardize=True)


class TestRefused:
    def test_unknown_loss(self):
        reason = "loss must be one of squared, logistic, exponential, cross_entropy, got 'hinge'"
        with pytest.raises(ValueError, match=f"^{reason}$"):  # which is not about the table
            make_dataset(load_iris(), None, "hinge")

    def test_target_needed_for_user_data(self, table):
        reason = "a target column is needed (--target COLUMN); the columns are x, y"
        refused(table("x,y\n1,2\n"), None, "squared", reason)

    @pytest.mark.parametrize("target", ["z", "z=1", "=1", ""])
    def test_missing_target_lists_the_columns(self, table, target):
        reason = f"there is no target column {target!r}; the columns are x, y"
        refused(table("x,y\n1,2\n"), target, "squared", reason)

    @pytest.mark.parametrize("value", ["rose", ""])
    def test_missing_text_value_lists_the_values(self, value):
        reason = f"target column 'species' never has the value {value!r}; it has setosa, versicolor, virginica"
        refused(load_iris(), f"species={value}", "logistic", reason)

    @pytest.mark.parametrize("value", ["4", "two"])
    def test_missing_numeric_value_lists_the_values(self, table, value):
        numbers = table("x,y\n" + "".join(f"1,{i}\n" for i in range(10, 21)))
        reason = f"target column 'y' never has the value {value!r}; it has 10, 11, 12, 13, 14, 15, 16, 17, ..."
        refused(numbers, f"y={value}", "logistic", reason)

    def test_more_than_two_labels_says_how(self):
        reason = (
            "target column 'species' has 3 values (setosa, versicolor, virginica); logistic loss needs two: "
            "choose one against the rest by --target species=setosa"
        )
        refused(load_iris(), "species", "logistic", reason)

    @pytest.mark.parametrize("loss", ["logistic", "exponential", "cross_entropy"])
    def test_constant_target(self, table, loss):
        refused(table("x,y\n1,7\n2,7\n"), "y", loss, "target column 'y' is constant (7)")

    @pytest.mark.parametrize(("rows", "have"), [(range(50), "all rows"), (range(50, 60), "none of the rows kept")])
    def test_subset_with_one_label(self, rows, have):
        refused(
            load_iris(),
            None,
            "logistic",
            f"target species=setosa is constant: {have} have this value",
            rows=rows,
        )

    def test_one_value_under_cross_entropy(self):
        reason = "cross_entropy needs a whole column as target: --target species"
        refused(load_iris(), "species=setosa", "cross_entropy", reason)

    def test_text_feature_of_user_data(self, table):
        text = table("x,color,y\n1,2,3\n4,red,6\n")
        reason = "feature column 'color' is text (row 3: 'red'), and features must be numbers: remove the column"
        refused(text, "y", "squared", reason)

    @pytest.mark.parametrize(
        ("target", "loss", "advice"),
        [
            ("Depth", "squared", "; did you mean 'depth'?"),
            ("depht", "squared", "; did you mean 'depth'?"),
            ("y", "logistic", "for a quantity take --loss squared, or choose one against the rest by --target y=10"),
        ],
    )
    def test_what_to_type_instead(self, table, target, loss, advice):
        numbers = table("depth,y\n" + "".join(f"1,{i}\n" for i in range(10, 21)))
        with pytest.raises(ValueError, match=re.escape(advice)):
            make_dataset(numbers, target, loss)

    def test_a_target_without_data_of_ones_own(self):
        refused(load_iris(), "yield", "squared", "there is no target column 'yield'; the columns are sepal_length")
        with pytest.raises(ValueError, match="; --data FILE reads a table of your own"):
            make_dataset(load_iris(), "yield", "squared")

    def test_decimal_commas(self, table):
        reason = (
            "feature column 'x' is text (row 2: '1,5'), and features must be numbers: write decimals with a point, 1.5"
        )
        refused(table("x;y\n1,5;2\n2,5;3\n"), "y", "squared", reason)

    def test_number_with_underscore_is_named_as_the_text(self, table):
        reason = "feature column 'x' is text (row 3: '1_000')"
        refused(table("x,y\n1,2\n1_000,3\n"), "y", "squared", reason)

    def test_no_feature_left(self, table):
        refused(table("y\n1\n2\n"), "y", "squared", "no feature column is left beside the target 'y'")
