"""A view as a plan, a trainer or an evaluation needs it."""

from mmmodels.preparing.mixing import Mixture, open_mixture
from mmmodels.preparing.prepared import Prepared, prepare
from mmmodels.preparing.rows import COLUMNS, Rows, open_rows

__all__ = ["COLUMNS", "Mixture", "Prepared", "Rows", "open_mixture", "open_rows", "prepare"]
