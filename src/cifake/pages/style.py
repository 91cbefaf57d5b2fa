"""One look for all figures: one colour for photographs, one for generated images, and the few things that every figure needs.

Figures are 5.4 inches wide and their text is at least 8 points: on a telephone, 390 pixels wide, that is 8 pixels.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")  # no window: the scripts run on clusters too
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

# Okabe and Ito's blue and vermilion, which colour-blind readers tell apart.
COLOURS = {"REAL": "#0072B2", "FAKE": "#D55E00"}
MIXED, CONTROL = "#A0508C", "#009E73"  # reddish purple, bluish green
INK, FAINT = "#333333", "#C8C8C8"
NAMES = {"REAL": "photographs", "FAKE": "generated images"}
WIDTH = 5.4  # inches

matplotlib.rcdefaults()  # whatever a matplotlibrc in the working folder says
plt.rcParams.update(
    {
        "figure.dpi": 200,
        "savefig.dpi": 200,
        "figure.constrained_layout.use": True,
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": FAINT,
        "grid.linewidth": 0.4,
        "legend.fontsize": 8,
        "legend.frameon": False,
    }
)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG and free its memory."""
    figure.savefig(path, format="png")
    plt.close(figure)


def head(figure: Figure, finding: str, handles: Sequence = (), columns: int = 2) -> None:
    """What a whole figure shows, above it, and a legend below that."""
    finding = textwrap.fill(finding, round(11.5 * figure.get_figwidth()))  # letters
    if handles:  # as the legend's title, because beside a title of the figure it has no place
        look = {"title_fontproperties": {"size": 10, "weight": "bold"}, "alignment": "left", "borderpad": 0}
        figure.legend(handles=handles, title=finding, loc="outside upper left", ncols=columns, **look)
    else:
        figure.suptitle(finding, x=0.01, ha="left", fontsize=10, weight="bold")


def in_percent(axis, most: float = 1) -> None:
    """An axis of shares, from 0 to 100%."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.axes.set(**{f"{axis.axis_name}lim": (0, most)})


def in_epochs(panel: Axes) -> None:
    """Whole epochs along the x axis, as many as there are."""
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    panel.set_xlabel("epoch")


def without_axes(axes: np.ndarray) -> None:
    """Panels that hold an image each."""
    for panel in axes.flat:
        panel.axis("off")
        panel.xaxis.set_visible(False)  # the layout would measure the ticks that nobody sees, which takes most of the time
        panel.yaxis.set_visible(False)
