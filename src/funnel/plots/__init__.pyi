# Written by `make stubs`.
from funnel.plots._render import to_png as to_png
from funnel.plots._render import to_svg as to_svg
