"""Reading tables: iris against the article, round trips, and one refusal per way a file can be wrong."""

import csv
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fa_theory.data import load_iris, read_csv
from fa_theory.data.table import parse_number


@pytest.fixture
def write(tmp_path):
    def _write(content):
        path = tmp_path / "data.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


class TestIris:
    def test_shape_and_order_of_species(self):
        iris = load_iris()
        assert iris.columns == ("sepal_length", "sepal_width", "petal_length", "petal_width", "species")
        assert len(iris) == 150
        assert list(iris.values["species"]) == ["setosa"] * 50 + ["versicolor"] * 50 + ["virginica"] * 50
        assert iris.embedded

    # Fisher 1936, Table I; samples 35 and 38 are the two that the UCI copy has wrong.
    @pytest.mark.parametrize(
        ("sample", "expected"),
        [
            (1, (5.1, 3.5, 1.4, 0.2)),
            (35, (4.9, 3.1, 1.5, 0.2)),
            (38, (4.9, 3.6, 1.4, 0.1)),
            (150, (5.9, 3.0, 5.1, 1.8)),
        ],
    )
    def test_is_the_article(self, sample, expected):
        iris = load_iris()
        assert tuple(iris.values[column][sample - 1] for column in iris.columns[:4]) == expected

    def test_means_of_the_article(self):
        # Fisher 1936, Table II: the means of the four lengths, for versicolor and setosa.
        iris = load_iris()
        lengths = np.stack([iris.values[column] for column in iris.columns[:4]], axis=1)
        assert np.round(lengths[50:100].mean(axis=0), 3).tolist() == [5.936, 2.770, 4.260, 1.326]
        assert np.round(lengths[:50].mean(axis=0), 3).tolist() == [5.006, 3.428, 1.462, 0.246]

    def test_columns_are_read_only(self):
        column = load_iris().values["petal_width"]
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0.0


class TestAccepted:
    def test_byte_order_mark_crlf_quotes_and_spaces(self, write):
        path = write(b'\xef\xbb\xbf a , "b, c",kind \r\n 1 ,2.5,"x ""y"""\r\n-3,1e2, z \r\n\r\n')
        table = read_csv(path)
        assert table.columns == ("a", "b, c", "kind")
        assert table.values["a"].tolist() == [1.0, -3.0]
        assert table.values["b, c"].tolist() == [2.5, 100.0]
        assert table.values["kind"].tolist() == ['x "y"', "z"]
        assert table.lines == (2, 3)
        assert table.name == str(path)
        assert not table.embedded

    @pytest.mark.parametrize("mark", [",", ";", "\t"])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_delimiters_and_line_ends(self, write, mark, end):
        table = read_csv(write(end.join(mark.join(row) for row in [["a", "b"], ["1", "2"], ["3", "4"]])))
        assert {name: column.tolist() for name, column in table.values.items()} == {"a": [1, 3], "b": [2, 4]}

    def test_other_delimiters_inside_a_quoted_header(self, write):
        assert read_csv(write('"a;b","c;d;e"\n1,2\n')).columns == ("a;b", "c;d;e")

    def test_lines_count_those_inside_quoted_cells(self, write):
        assert read_csv(write('a,b\n1,"x\ny"\n2,z\n')).lines == (2, 4)

    def test_one_text_entry_makes_a_text_column(self, write):
        table = read_csv(write("a,b\n1,1\n2,1_0\n"))
        assert table.is_numeric("a")
        assert not table.is_numeric("b")
        assert table.values["b"].tolist() == ["1", "1_0"]

    @given(
        st.lists(
            st.tuples(
                st.floats(allow_nan=False, allow_infinity=False),
                st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1).map(lambda text: f"<{text}"),
            ),
            min_size=1,
        )
    )
    def test_round_trip(self, tmp_path_factory, rows):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([("number", "label"), *((repr(number), label) for number, label in rows)])
        path = tmp_path_factory.mktemp("round") / "trip.csv"
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        table = read_csv(path)
        assert table.values["number"].tolist() == [number for number, _ in rows]
        assert table.values["label"].tolist() == [label for _, label in rows]


REFUSED = {
    "empty": ("", "the file is empty"),
    "blank": ("\n\n", "the file is empty"),
    "header only": ("a,b\n", "row 1 names the columns, but no data rows follow"),
    "header after a blank line": ("\na,b\n1,2\n", "row 1 is blank; it must name the columns"),
    "no header": (
        "5.1,3.5\n4.9,3.0\n",
        "row 1 must name the columns, but holds only numbers, the first '5.1'; write a first row such as x1,y",
    ),
    "no header, many columns": (
        "1,2,3,4\n",
        "row 1 must name the columns, but holds only numbers, the first '1'; write a first row such as x1,x2,...,y",
    ),
    "unnamed column": ("a,,c\n1,2,3\n", "row 1, column 2: the column has no name"),
    "duplicate names": ("a,b, a\n1,2,3\n", "row 1: column name 'a' appears twice (columns 1 and 3)"),
    "short row": ("a,b,c\n1,2,3\n4,5\n", "row 3 has 2 cells, the header 3: column 'c' is absent"),
    "long row": ("a,b\n1,2\n3,4,5\n", "row 3 has 3 cells, the header 2: the last ones have no column name"),
    "blank row inside": ("a,b\n1,2\n\n3,4\n", "row 3 has 0 cells, the header 2: column 'a' is absent"),
    "open quote": ('a,b\n1,"2\n', "row 2 is not valid CSV: unexpected end of data"),
    "open quote in the header": ('"a,b\n1,2\n', "row 1 is not valid CSV: unexpected end of data"),
    "text after a quote": ('a , "b" ,c\n1,2,3\n', "row 1 is not valid CSV: ',' expected after '\"'"),
    "huge cell": ("a,b\n1," + "2" * 200_000 + "\n", "row 2 is not valid CSV: field larger than field limit"),
    "NUL": (b"a,b\n1,\x002\n", "row 2 contains a NUL byte"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "row 1 contains a NUL byte"),
    "Latin-1": (
        "a,b\n1,2\n3,\u00e9\n".encode("latin-1"),
        "row 3 contains byte 0xe9: this is not UTF-8 text; save the file as UTF-8",
    ),
    "Latin-1 after a byte order mark": (b"\xef\xbb\xbfa\xe9\n1\n", "row 1 contains byte 0xe9"),
}


class TestRefused:
    @pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED.keys())
    def test_malformed(self, write, content, reason):
        path = write(content)
        with pytest.raises(ValueError, match=re.escape(f"{path}: {reason}")) as caught:
            read_csv(path)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "NaN", "nan", "-nan", "?", "null", "NULL", '""'])
    def test_missing_value(self, write, cell):
        path = write(f"a,b\n1,2\n3,{cell}\n")
        with pytest.raises(ValueError, match=re.escape(f"{path}: row 3, column 'b': the value is missing")):
            read_csv(path)

    @pytest.mark.parametrize("cell", ["inf", "-Inf", "infinity", "1e999"])
    def test_infinite_value(self, write, cell):
        path = write(f"a,b\n1,2\n{cell},4\n")
        with pytest.raises(ValueError, match=re.escape(f"{path}: row 3, column 'a': {cell!r} is infinite")):
            read_csv(path)

    def test_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
            read_csv(tmp_path / "absent.csv")

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused_in_one_line(self, tmp_path_factory, content):
        path = tmp_path_factory.mktemp("bytes") / "any.csv"
        path.write_bytes(content)
        assert self.outcome(path) == "fine"

    @staticmethod
    def outcome(path):
        try:
            table = read_csv(path)
        except ValueError as error:
            message = str(error)
            return "fine" if message.startswith(f"{path}: ") and len(message.splitlines()) == 1 else message
        whole = all(len(table.values[column]) == len(table) > 0 for column in table.columns)
        return "fine" if whole else f"columns of unequal length: {table.values}"


@given(st.floats())
def test_numbers_are_parsed_exactly(number):
    parsed = parse_number(repr(number))
    assert parsed is not None
    np.testing.assert_array_equal(parsed, number)


@pytest.mark.parametrize("cell", ["1_000", "\u0661", "1,5", "0x10", "", "one"])
def test_other_cells_are_text(cell):
    assert parse_number(cell) is None
