"""What people judge a run by: a picture (PNG) and a page (HTML)."""

from .page import write_page
from .picture import draw_report
from .run import Run

__all__ = ["Run", "draw_report", "write_page"]
