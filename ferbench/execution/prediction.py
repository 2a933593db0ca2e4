"""Predicts on pictures, videos and cameras: windows of frames are decoded, cut and scored, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ferbench.api.faces import FaceLinker
from ferbench.corpora.reading import Unreadable
from ferbench.corpora.sources import Frame, Source, read_windows
from ferbench.report.findings import NO_FACE, Finding, Judge
from ferbench.stages.faces import CutWindow, FaceClip, cut_window
from ferbench.stages.trained import Answer, Trained
from ferbench.training.device import prefetch

BATCH = 32  # crops of pictures that are scored together
FRAME, CLIP = "frame", "clip"  # levels of findings
NO_IMAGE = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True)
class Window:
    """A window of a source, numbered from 0: its frames, and its faces with their answers.

    The images of frames are empty if nobody needs them.
    """

    source: Source
    number: int
    frames: list[Frame]
    selected: list[int]
    faces: list[FaceClip]
    answers: list[Answer]

    def list_findings(self, judge: Judge) -> list[Finding]:
        """Frames by number and face, then the window by face; "no face" where there is none."""
        times = {frame.number: frame.time for frame in self.frames}
        found = [
            finding for face, answer in zip(self.faces, self.answers, strict=True) for finding in self._judge(face, answer, judge, times)
        ]
        seen = {finding.frame for finding in found if finding.level == FRAME}
        found += [self._report_none(FRAME, number, times[number], times[number]) for number in self.selected if number not in seen]
        if not any(finding.level == CLIP for finding in found):
            found.append(self._report_none(CLIP, self.frames[0].number, self.frames[0].time, self.frames[-1].time))
        return sorted(found, key=lambda each: (each.level == CLIP, each.frame, -1 if each.face is None else each.face))

    def _report_none(self, level: str, frame: int, start: float, end: float) -> Finding:
        return Finding(self.source.name, level, self.number, frame, round(start, 3), round(end, 3), None, None, NO_FACE, "", None, {})

    def _judge(self, face: FaceClip, answer: Answer, judge: Judge, times: Mapping[int, float]) -> Iterator[Finding]:
        """The findings about one face; none where it is not seen."""
        has_face = face.crops.facts.has_face or [True] * len(face.crops.facts.indices)
        if answer.clip is None or answer.frames is None or not any(has_face):
            return
        is_by_frame = len(answer.frames) == len(has_face)
        place = (self.source.name, FRAME, self.number)
        for at, number in enumerate(face.crops.facts.indices):
            if has_face[at]:
                scores = answer.frames[at] if is_by_frame else None
                decision = judge.decide(scores, with_set=False) if scores is not None else ("", "", None)
                named = judge.name_scores(scores) if scores is not None else {}
                moment = round(times[number], 3)
                yield Finding(*place, number, moment, moment, face.face, face.box_of(at), *decision, named)
        decision, named = judge.decide(answer.clip, with_set=True), judge.name_scores(answer.clip)
        start, end = round(self.frames[0].time, 3), round(self.frames[-1].time, 3)
        box = face.box_of(len(has_face) // 2)
        yield Finding(self.source.name, CLIP, self.number, self.frames[0].number, start, end, face.face, box, *decision, named)


@dataclass(frozen=True)
class _Cut:
    """A window whose faces are cut; or the problem of a source, after its last window."""

    source: Source
    number: int
    frames: list[Frame]
    cut: CutWindow
    problem: str = ""


def predict(
    trained: Trained, sources: Sequence[Source], seconds: float, report: Callable[[str], None], keep_images: bool = False
) -> Iterator[Window]:
    """Yield the windows of all sources with their answers; what cannot be read is reported, and the next source goes on."""
    waiting: list[_Cut] = []
    for cut in prefetch(_cut_sources(trained, sources, seconds, keep_images)):
        if cut.problem:
            yield from _answer(trained, waiting)
            waiting = []
            report(cut.problem)
            continue
        waiting.append(cut)
        if cut.source.kind != "image" or sum(len(face.crops.crops) for each in waiting for face in each.cut.faces) >= BATCH:
            yield from _answer(trained, waiting)
            waiting = []
    yield from _answer(trained, waiting)


def _cut_sources(trained: Trained, sources: Sequence[Source], seconds: float, keep_images: bool) -> Iterator[_Cut]:
    for source in sources:
        linker = FaceLinker()
        try:
            for number, frames in enumerate(prefetch(read_windows(source, seconds))):
                images = {frame.number: frame.image for frame in frames}
                cut = cut_window(source.name, images, trained.steps, linker)
                kept = frames if keep_images else [frame._replace(image=NO_IMAGE) for frame in frames]
                yield _Cut(source, number, kept, cut)
        except Unreadable as problem:
            yield _Cut(source, -1, [], CutWindow([], []), str(problem) if source.kind == "camera" else f"{source.name}: {problem.reason}")


def _answer(trained: Trained, cuts: Sequence[_Cut]) -> Iterator[Window]:
    """Score the faces of all windows together."""
    answers = iter(trained.answer([face.crops for each in cuts for face in each.cut.faces]) if cuts else ())
    for each in cuts:
        own = [next(answers) for _ in each.cut.faces]
        yield Window(each.source, each.number, each.frames, each.cut.selected, each.cut.faces, own)
