"""Whether a table's positions lie on the movie's light."""

from .check import CENTRE_AT, PlacementCheck, check_placement
from .of_table import check_table

__all__ = ["CENTRE_AT", "PlacementCheck", "check_placement", "check_table"]
