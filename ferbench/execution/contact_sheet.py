"""What networks see of one clip: its crops under each preprocessing of a benchmark, stored or computed, and the faces in its frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ferbench.api.clips import Frames
from ferbench.api.components import Preprocessor
from ferbench.api.errors import FerbenchError, shorten
from ferbench.benchmark.grid import Benchmark
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.groups import ClipGroup, Groups
from ferbench.execution import rehearsal
from ferbench.execution.progress import Reporter
from ferbench.plan import keys
from ferbench.report.contact_sheet import Strip
from ferbench.stages.crops import ClipCrops, load_crops, trace_steps
from ferbench.store.entries import Store


@dataclass(frozen=True)
class ContactSheet:
    """The title of a sheet and its strips, one for each preprocessing."""

    title: str
    strips: tuple[Strip, ...]


def view_clip(
    benchmark: Benchmark, clip: str, store: Store, reporter: Reporter, allow_rehearsal: bool = True, rehash: bool = False
) -> ContactSheet:
    """What networks see of the clip with this id; raises FerbenchError if no corpus of the benchmark has it. Stores no crops."""
    with store.use():
        get_standin = rehearsal.render_standin(store, reporter)
        benchmark, corpora = rehearsal.prepare_corpora(benchmark, store, allow_rehearsal, reporter, get_standin, rehash)
        corpus, group, name = _find_clip(clip, [corpus for merged in corpora.values() for corpus in merged])
        strips = tuple(_view(label, steps, group, name, store) for label, steps in _pipelines(benchmark).items())
        return ContactSheet(f"{name} ({group.clips[name].label})" + (" · STAND-IN" if corpus.is_standin else ""), strips)


def _pipelines(benchmark: Benchmark) -> dict[str, list[Preprocessor]]:
    """The steps of each preprocessing, by label."""
    choices = {choice.label: choice.value for choice in benchmark.selected_choices("preprocessing")}
    return {
        label: [step for step in steps if isinstance(step, Preprocessor)] for label, steps in choices.items() if isinstance(steps, tuple)
    }


def _view(label: str, steps: Sequence[Preprocessor], group: ClipGroup, name: str, store: Store) -> Strip:
    seen, crops = None, None
    for result in trace_steps(group.clips[name], steps, group.files[name]):
        if isinstance(result, ClipCrops):
            crops = result
        elif seen is None or _shows_more(result):
            seen = result
    crops = _load_stored(steps, group, name, store) or crops
    assert crops is not None
    facts = crops.facts
    return Strip(label, seen, crops.crops, facts.indices, facts.has_face, facts.problems)


def _shows_more(frames: Frames) -> bool:
    """Whether there are faces to draw, in pixels of these frames."""
    return frames.boxes is not None or frames.eyes is not None


def _load_stored(steps: Sequence[Preprocessor], group: ClipGroup, name: str, store: Store) -> ClipCrops | None:
    key = keys.crop_keys(Groups({group.name: group}), keys.identify_steps(steps))[group.name]
    if not store.find("crops", key):
        return None
    stored = load_crops(key, store)
    return ClipCrops(stored.crops(name), stored.facts[name])


def _find_clip(clip: str, corpora: Sequence[Corpus]) -> tuple[Corpus, ClipGroup, str]:
    """The corpus and the group of the clip with this id, with or without the name of its corpus, and its whole id."""
    names = {name: (corpus, group) for corpus in corpora for group in corpus.groups.values() for name in group.clips}
    found = list(dict.fromkeys(name for name in _possible_names(clip, corpora) if name in names))
    if len(found) == 1:
        return *names[found[0]], found[0]
    if found:
        raise FerbenchError(f"{shorten(clip)} is a clip of several corpora", hint=f"name one of {', '.join(found)}")
    near = get_close_matches(clip, names, n=3, cutoff=0.5) or sorted(names)[:3]
    counts = dict.fromkeys(f"{corpus.name} ({len(corpus.clips)} clips)" for corpus in corpora)
    raise FerbenchError(f"no clip {shorten(clip)} in {', '.join(counts)}", where="--clip", hint=f"clips are named like {', '.join(near)}")


def _possible_names(clip: str, corpora: Sequence[Corpus]) -> Iterator[str]:
    yield clip
    yield from (f"{corpus.name}/{clip}" for corpus in corpora)
