"""Labs and runs, as notebooks and programs use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from gradus_client import events, svg
from gradus_client.errors import GradusError, MissingExtra
from gradus_client.models import (
    Batches,
    Curve,
    LabDetail,
    RunDetail,
    RunPoints,
    RunSource,
    RunVerdict,
)
from gradus_client.points import Points
from gradus_client.transport import Transport, segment
from gradus_client.words import tr

BATCHES_AT_ONCE = 200


class Prediction(msgspec.Struct, frozen=True):
    """What you expect: `holds`, `depends` or `does_not_hold`, how sure in percent (35, 50, 65, 80
    or 95), and by arm the value at the end, where the lab asks for a sketch.
    """

    outcome: str
    confidence: int
    sketch: dict[str, float] = {}

    def to_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {"outcome": self.outcome, "confidence": self.confidence}
        if self.sketch:
            body["sketch"] = self.sketch
        return body


def submit(
    transport: Transport,
    lab_id: str,
    settings: Mapping[str, Any],
    *,
    prediction: Prediction | None,
    replicates: int | None,
    key: str,
) -> Run:
    body: dict[str, Any] = {"lab_id": lab_id, "settings": dict(settings)}
    if prediction is not None:
        body["prediction"] = prediction.to_json()
    if replicates is not None:
        body["replicates"] = replicates
    return Run(transport, transport.create(RunDetail, "runs", body, key))


class Lab:
    """A lab, with all that is known of it in `detail`."""

    def __init__(self, transport: Transport, detail: LabDetail) -> None:
        self._transport, self.detail = transport, detail

    @property
    def id(self) -> str:
        return self.detail.id

    def __repr__(self) -> str:
        return f"<Lab {self.id}: {self.detail.title}>"

    def run(
        self,
        *,
        prediction: Prediction | None = None,
        replicates: int | None = None,
        key: str = "",
        wait: bool = False,
        **settings: Any,
    ) -> Run:
        """Queue a run with these settings; the rest have their defaults.

        Args:
            wait: until it is over.
        """
        run = submit(
            self._transport,
            self.id,
            settings,
            prediction=prediction,
            replicates=replicates,
            key=key,
        )
        return run.wait() if wait else run

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{escape(setting.name)}</code></td><td>{escape(setting.title)}</td>"
            f"<td>{escape(str(setting.default))}</td></tr>"
            for setting in self.detail.lab_settings
        )
        return (
            f"<div><strong>{escape(self.detail.title)}</strong>"
            f"<p>{escape(self.detail.question)}</p><table>{rows}</table></div>"
        )


class Run:
    """A run. `detail` is what was last known of it; `refresh` reads it again."""

    def __init__(self, transport: Transport, detail: RunDetail) -> None:
        self._transport, self.detail = transport, detail
        self._points = Points()

    @property
    def id(self) -> str:
        return self.detail.id

    @property
    def state(self) -> str:
        return self.detail.state

    @property
    def is_over(self) -> bool:
        return self.state in events.ENDED_STATES

    @property
    def verdicts(self) -> list[RunVerdict]:
        return self.detail.verdicts

    def __repr__(self) -> str:
        return f"<Run {self.id} of {self.detail.lab_id}: {self.state}>"

    def refresh(self) -> Run:
        self.detail = self._read("GET", "")
        return self

    def cancel(self) -> Run:
        self.detail = self._read("POST", "/cancel")
        return self

    def share(self, is_shared: bool = True) -> Run:
        self.detail = self._read("PATCH", "", body={"is_shared": is_shared})
        return self

    def open_verdict(self) -> Run:
        """See the verdict without having predicted it: a prediction of it no longer counts."""
        self.detail = self._read("POST", "/verdict")
        return self

    def rerun(self, *, replicates: int | None = None, key: str = "") -> Run:
        """Run the same settings again."""
        body = {} if replicates is None else {"replicates": replicates}
        detail = self._transport.create(RunDetail, f"{self._path}/rerun", body, key)
        return Run(self._transport, detail)

    def source(self) -> RunSource:
        return self._transport.read(RunSource, "GET", f"{self._path}/source")

    # ------------------------------------------------------------ as it comes

    def watch(self, after: int = 0) -> Iterator[events.Event]:
        """Yield what is new of the run until it is over: points, resets, states. A cut connection
        is taken up where it was: nothing is missing and nothing comes twice.
        """
        for event in events.watch(self._transport, self.id, after):
            if after == 0:
                self._take(event)
            yield event
        self.refresh()

    def wait(self, tell: Callable[[events.Event], None] | None = None) -> Run:
        """Wait until the run is over. Raises ConnectionFailed if the site stays away."""
        for event in self.watch():
            if tell is not None:
                tell(event)
        return self

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.PointsCame):
            self._points.add(event.number, event.curve)
        elif isinstance(event, events.PointsReset):
            self._points.reset(event.number, event.keep)

    # ------------------------------------------------------------ points

    def points(self) -> Points:
        """Return all points so far: those that are not here yet are read.

        Raises:
            VerdictHidden: you have neither predicted nor opened the verdict.
        """
        while True:
            params = {"after": self._points.last_batch, "count": BATCHES_AT_ONCE}
            page = self._transport.read(Batches, "GET", f"{self._path}/batches", params=params)
            for batch in page.batches:
                if batch.curve is not None:
                    self._points.add(batch.number, batch.curve)
                else:
                    self._points.reset(batch.number, batch.keep_until or 0)
            if not page.batches or self._points.last_batch >= page.last_batch:
                return self._points

    def curves(self, *series: str) -> list[Curve]:
        """Return the curves thinned to what a screen shows, of these series or of all."""
        params = {"series": list(series)}
        points = self._transport.read(RunPoints, "GET", f"{self._path}/points", params=params)
        return points.curves

    def arrived(self) -> list[Curve]:
        """Return the curves as far as they have come while the run was watched."""
        return self._points.curves()

    def fetch(self, path: str | Path, kind: str = "") -> Path:
        """Write all points to a file: `csv`, `npz` or `parquet`, by default by its ending."""
        path = Path(path)
        kind = kind or path.suffix.removeprefix(".")
        about = self.detail.to_dict()
        writers: Mapping[str, Callable[[], None]] = {
            "csv": lambda: self.points().to_csv(path),
            "npz": lambda: self.points().to_npz(path, about),
            "parquet": lambda: self.points().to_parquet(path, about),
        }
        if kind not in writers:
            raise ValueError(
                tr("{path}: the name of the file ends in {kinds}").format(
                    path=path, kinds=", ".join(f".{name}" for name in writers)
                )
            )
        writers[kind]()
        return path

    # ------------------------------------------------------------ notebooks

    def plot(self, series: str = "", *, axes: Any = None) -> Any:
        """Draw a series, by default the first, with its intervals. Returns matplotlib's axes."""
        try:
            from matplotlib import pyplot
        except ImportError:
            raise MissingExtra("matplotlib", "plot") from None
        curves = self.curves(series) if series else self.curves()
        name = series or (curves[0].series if curves else "")
        axes = axes if axes is not None else pyplot.subplots()[1]
        for curve in curves:
            if curve.series != name:
                continue
            nan = float("nan")
            sides = [
                [nan if value is None else value for value in side]
                for side in (curve.step, curve.mean, curve.low, curve.high)
            ]
            (line,) = axes.plot(sides[0], sides[1], label=curve.arm)
            if sides[2] and len(sides[2]) == len(sides[0]) == len(sides[3]):
                axes.fill_between(sides[0], sides[2], sides[3], alpha=0.2, color=line.get_color())
        axes.set_xlabel("step")
        axes.set_ylabel(name)
        axes.set_title(f"{self.detail.lab_id}: {self.state}")
        if curves:
            axes.legend()
        return axes

    def _repr_html_(self) -> str:
        detail = self.detail
        about = f"{escape(detail.lab_id)} · {escape(detail.state)}"
        settings = ", ".join(f"{name} = {value}" for name, value in detail.settings.items())
        verdicts = "".join(
            f"<li><strong>{escape(verdict.outcome.replace('_', ' '))}</strong>: "
            f"{escape(verdict.sentence or verdict.statement)}</li>"
            for verdict in detail.verdicts
        )
        try:
            chart = svg.chart(self.curves()) if detail.last_batch and not detail.is_folded else ""
        except GradusError as error:  # a cell shows what there is
            chart = f"<p>{escape(str(error))}</p>"
        return (
            f'<div><strong><a href="{escape(detail.url, quote=True)}">{about}</a></strong>'
            f"<p>{escape(settings)}</p><ul>{verdicts}</ul>{chart}</div>"
        )

    # ------------------------------------------------------------

    @property
    def _path(self) -> str:
        return f"runs/{segment(self.id)}"

    def _read(self, method: str, step: str, **more: Any) -> RunDetail:
        return self._transport.read(RunDetail, method, f"{self._path}{step}", **more)
