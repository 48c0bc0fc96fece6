"""Real data: Fisher's iris, any CSV file, and the way from a table to arrays.

`iris.csv` holds the 150 flowers of R. A. Fisher, "The use of multiple measurements in taxonomic problems",
Annals of Eugenics 7 (1936) 179-188, Table I (measured by E. Anderson), lengths and widths in centimetres, in
the order of the article. The copy is scikit-learn's (BSD-3-Clause), which agrees with the article; the widely
used copy of the UCI repository differs from it in samples 35 and 38 (1-based), which read 4.9, 3.1, 1.5, 0.2
and 4.9, 3.6, 1.4, 0.1 here.

Nothing is transformed silently: whatever is done between the file and the arrays is listed in
`Dataset.transforms`.
"""

from fa_theory.data.dataset import Dataset, make_dataset
from fa_theory.data.synthetic import draw_table
from fa_theory.data.table import Table, load_iris, read_csv

__all__ = ["Dataset", "Table", "draw_table", "load_iris", "make_dataset", "read_csv"]
