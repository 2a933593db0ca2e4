"""Where `ferbench predict` writes: answers, annotated pictures and videos, a timeline, a live window. Files are complete or absent."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ferbench.api.errors import FerbenchError
from ferbench.corpora.sources import Source
from ferbench.execution.prediction import Window
from ferbench.report.annotation import CODECS, VideoFile, annotate, close_live, estimate_rate, find_shown, save_picture, show_live
from ferbench.report.findings import WRITERS, CsvWriter, Finding, JsonWriter, Judge
from ferbench.report.timeline import Timeline


@dataclass
class Outputs:
    """All outputs of a command."""

    judge: Judge
    writer: CsvWriter | JsonWriter
    video_path: Path | None
    pictures: Path | None
    timeline: Timeline | None
    shows: bool
    video: VideoFile | None = None  # once the first frames tell its rate
    windows: int = 0  # written
    names: dict[str, int] = field(default_factory=dict)  # of pictures

    @property
    def needs_images(self) -> bool:
        """Whether frames are drawn."""
        return bool(self.video_path or self.pictures or self.shows)

    def write(self, window: Window) -> bool:
        """Write the answers to a window; returns False if the user closes the live window."""
        findings = window.list_findings(self.judge)
        self.windows += 1
        self.writer.write(findings)
        if self.timeline and window.source.kind != "image":
            self.timeline.add(findings)
        return not self.needs_images or self._draw(window, findings)

    def _draw(self, window: Window, findings: Sequence[Finding]) -> bool:
        is_picture = window.source.kind == "image"
        if self.video_path and not self.video and not is_picture:
            self.video = VideoFile(self.video_path, estimate_rate([frame.time for frame in window.frames]))
        for frame in window.frames:
            drawn = annotate(frame.image, find_shown(findings, frame.number))
            if self.pictures and is_picture:
                save_picture(drawn, self.pictures / self._name_picture(Path(window.source.name)))
            if self.video and not is_picture:
                self.video.write(drawn, frame.time)
            if self.shows and not show_live(drawn, waits=is_picture):
                return False
        return True

    def _name_picture(self, path: Path) -> str:
        """NAME.jpg; the second of equal names is NAME-2.jpg."""
        count = self.names[path.stem] = self.names.get(path.stem, 0) + 1
        return f"{path.stem}{f'-{count}' if count > 1 else ''}.jpg"


def check_outputs(options: argparse.Namespace, sources: Sequence[Source]) -> None:
    """Raise FerbenchError for outputs that cannot be made of these sources, before anything is computed."""
    videos = [source for source in sources if source.kind != "image"]
    if options.video and len(videos) != 1:
        raise FerbenchError(f"{len(videos)} sources are videos or cameras: expected one for --video", hint="name one video at a time")
    if options.video and options.video.suffix.lower() not in CODECS:
        raise FerbenchError(f"{options.video}: expected a name that ends with {', '.join(CODECS)}", where="--video")
    if options.timeline and not videos:
        raise FerbenchError("no source is a video or a camera: a timeline needs one", where="--timeline")
    if options.pictures and len(videos) == len(sources):
        raise FerbenchError("no source is a picture; --video FILE annotates a video", where="--pictures")
    if options.show and sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise FerbenchError("there is no display here", where="--show", hint="write a video instead: --video FILE.mp4")
    if options.timeline and options.timeline.suffix.lower() != ".png":
        raise FerbenchError(f"{options.timeline}: expected a name that ends with .png", where="--timeline")
    _check_paths(options, [Path(source.name).resolve() for source in sources if source.kind != "camera"])


def _check_paths(options: argparse.Namespace, sources: Sequence[Path]) -> None:
    """Raise FerbenchError for outputs that cannot be written, or that would replace a source or each other."""
    taken = set(sources)
    for name, path in (("-o", options.output), ("--video", options.video), ("--timeline", options.timeline)):
        if not path:
            continue
        if not path.absolute().parent.is_dir():
            raise FerbenchError(f"there is no folder {path.absolute().parent}", where=name, hint="create it, or choose another one")
        if path.is_dir():
            raise FerbenchError(f"{path} is a folder: expected the name of a file", where=name)
        if path.resolve() in taken:
            raise FerbenchError(f"{path} is a source or another output, and would be replaced", where=name, hint="choose another name")
        taken.add(path.resolve())
    if options.pictures and options.pictures.exists() and not options.pictures.is_dir():
        raise FerbenchError(f"{options.pictures} is a file: expected a folder", where="--pictures")
    if options.pictures and options.pictures.resolve() in {path.parent for path in sources}:
        raise FerbenchError(f"{options.pictures} holds sources, which could be replaced", where="--pictures", hint="choose another folder")


@contextmanager
def open_outputs(options: argparse.Namespace, judge: Judge, sources: Sequence[Source]) -> Iterator[Outputs]:
    """Open all outputs; files get their names at the end of the block if it raises nothing and anything was answered.

    Ctrl-C is how a camera ends: what was written until then is kept.
    """
    part = options.output and options.output.with_name(f".part-{options.output.name}")
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        file = stack.enter_context(part.open("w", encoding="utf-8", newline="")) if part else sys.stdout
        timeline = Timeline(judge.names) if options.timeline else None
        outputs = Outputs(judge, WRITERS[options.format](file, judge.names), options.video, options.pictures, timeline, options.show)
        keep = False
        try:
            yield outputs
            keep = True
        except KeyboardInterrupt:
            keep = any(source.kind == "camera" for source in sources)
            raise
        finally:
            stack.close()
            _finish(outputs, options, part, keep and outputs.windows > 0)


def _finish(outputs: Outputs, options: argparse.Namespace, part: Path | None, keep: bool) -> None:
    """Give all files their names, or remove them."""
    with ExitStack() as cleanup:
        if part:
            cleanup.callback(part.unlink, missing_ok=True)
        if outputs.shows:
            close_live()
        if outputs.video:
            outputs.video.close(keep)
        if outputs.timeline and keep:
            outputs.timeline.draw(options.timeline, f"{options.row}")
        if part and keep:
            part.replace(options.output)
