"""A picture of the scores of each class over the time of a video, for each face."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ferbench.api.text import escape_line
from ferbench.report.figures import make_canvas, save_png
from ferbench.report.findings import Finding

MAX_PANELS = 8
MAX_POINTS = 4000  # of a line


class Timeline:
    """Collects the scores of frames, or of windows where frames have none: a few bytes for each."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.parts: dict[tuple[str, int | None], list[NDArray[np.float32]]] = {}

    def add(self, findings: Iterable[Finding]) -> None:
        """Add the findings about a window."""
        scored = [finding for finding in findings if finding.scores]
        by_frame = any(finding.level == "frame" for finding in scored)
        rows: dict[tuple[str, int | None], list[list[float]]] = {}
        for finding in scored:
            if finding.level == ("frame" if by_frame else "clip"):
                values = [finding.time, *(finding.scores[name] for name in self.names)]
                rows.setdefault((finding.source, finding.face), []).append(values)
        for key, values_of_face in rows.items():
            self.parts.setdefault(key, []).append(np.array(values_of_face, np.float32))

    def draw(self, path: Path, title: str) -> None:
        """Draw a panel for each face, those that are seen longest."""
        joined = {key: np.concatenate(parts) for key, parts in self.parts.items()}
        chosen = sorted(sorted(joined, key=lambda key: -len(joined[key]))[:MAX_PANELS], key=lambda key: (key[0], key[1] or 0))
        left_out = f" ({len(joined) - len(chosen)} more faces are left out)" if len(joined) > len(chosen) else ""
        with rc_context({"text.parse_math": False, "text.usetex": False}):  # a name may hold dollar signs
            figure = make_canvas(9, 1.2 + 1.9 * max(1, len(chosen)), escape_line(title) + left_out)
            for number, key in enumerate(chosen):
                axes = figure.add_subplot(len(chosen), 1, number + 1)
                self._plot(axes, joined[key], key)
                if number == 0:
                    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
                if number == len(chosen) - 1:
                    axes.set_xlabel("seconds")
            save_png(figure, path)

    def _plot(self, axes: Axes, values: NDArray[np.float32], key: tuple[str, int | None]) -> None:
        step = -(-len(values) // MAX_POINTS)
        shown = np.stack([part.mean(0) for part in np.array_split(values, -(-len(values) // step))])
        marker = "o" if len(shown) < 60 else None
        for column, name in enumerate(self.names, 1):
            axes.plot(shown[:, 0], shown[:, column], label=escape_line(name), marker=marker, markersize=2.5, linewidth=1)
        face = "" if key[1] is None else f", face {key[1]}"
        axes.set_title(f"{escape_line(Path(key[0]).name)}{face}", fontsize=8, loc="left")
        axes.set_ylim(0, 1.02)
        axes.set_ylabel("score")
        axes.spines[["top", "right"]].set_visible(False)
