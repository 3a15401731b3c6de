"""The measures of the figure, in points."""

WIDTH = 720.0
MARGIN = 30.0
GUTTER = 70.0
COLUMN = (WIDTH - 2 * MARGIN - GUTTER) / 2
TEXT, SMALL, MARK = 10.5, 8.0, 6.5
LINE = 20.0
UNDERLINE = 3.2
PAIRS_SHOWN = 12
