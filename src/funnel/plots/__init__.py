"""Charts as static pictures: SVG and PNG, without a browser and without a network.

Every result has a chart: `result.plot()` returns an Altair chart. Needs the extra `plots` (Altair and vl-convert).
"""

from funnel._exports import lazy

__all__, __getattr__, __dir__ = lazy(__name__, {"plots._render": "to_png to_svg"}, extra="plots")
