"""The runner of an export: one file of Python that needs numpy, OpenCV and ONNX Runtime alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent, indent

from ferbench.api.components import Aggregator, Preprocessor
from ferbench.api.errors import FerbenchError
from ferbench.api.portable import Portable

HEAD = '''\
"""Recognizes expressions: python runner.py CLIP ..., each a picture, a video, or a folder with the pictures of a clip."""
import json, re, sys
from pathlib import Path
import cv2, numpy as np, onnxruntime

FOLDER = Path(__file__).parent
SETTINGS = json.loads((FOLDER / "settings.json").read_text(encoding="utf-8"))
SESSION = onnxruntime.InferenceSession(str(FOLDER / "model.onnx"), providers=["CPUExecutionProvider"])


def read(source):
    """The frames of a clip, RGB."""
    path = Path(source)
    number = lambda file: [int(part) if part.isdigit() else part for part in re.split(r"(\\d+)", file.name)]
    files = [path] if path.is_file() else sorted(path.iterdir(), key=number)
    images = [cv2.imread(str(file)) for file in files]
    if len(files) == 1 and images[0] is None:
        video, images = cv2.VideoCapture(str(path)), []
        while (frame := video.read())[0]:
            images.append(frame[1])
    return [image[..., ::-1] for image in images if image is not None]


def fill(images, found):
    """Boxes of all frames: those without a face get the median of the others, or the whole frame."""
    seen = [box for box in found if box is not None]
    boxes = [box if box is not None else np.median(seen, axis=0) for box in found] if seen else [(0, 0, *i.shape[1::-1]) for i in images]
    return [(round(float(x)), round(float(y)), max(1, round(float(w))), max(1, round(float(h)))) for x, y, w, h in boxes]


'''

TAIL = '''\
STEPS = ({steps})


def predict(images, fold=None):
    """The scores of a clip, in the order of SETTINGS["answers"]: the mean over the folds, or those of one."""
    boxes = None
    for step in STEPS:
        images, boxes = step([np.ascontiguousarray(image) for image in images], boxes)
    scores = SESSION.run(None, {{"crops": np.stack(images)}})[0].astype(np.float64)
    clips = np.stack([aggregate(frames) for frames in scores])
    return clips.mean(0) if fold is None else clips[fold]


if __name__ == "__main__":
    for source in sys.argv[1:]:
        images = read(source)
        scores = dict(zip(SETTINGS["answers"], predict(images).round(6).tolist())) if images else {{}}
        print(json.dumps({{"source": source, "answer": max(scores, key=scores.get, default=None), "scores": scores}}))
'''


def write_runner(steps: Sequence[Preprocessor], aggregator: Aggregator) -> tuple[str, Mapping[str, Path]]:
    """The source of the runner, and the files that it needs; raises FerbenchError if a component has no portable form."""
    names, parts, files = [], [], dict[str, Path]()
    for number, step in enumerate(steps):
        portable = _portable(step)
        names.append(f"step{number}_{step.name.replace('-', '_').replace('+', '_')}")
        parts.append(_function(f"{names[-1]}(images, boxes)", portable.body))
        files |= portable.files
    parts.append(_function("aggregate(scores)", _portable(aggregator).body))
    tail = TAIL.format(steps=", ".join(names) + ("," if len(names) == 1 else ""))
    return HEAD + "\n\n".join(parts) + "\n\n" + tail, files


def _portable(component: Preprocessor | Aggregator) -> Portable:
    portable = component.portable()
    if portable is None:
        raise FerbenchError(f"{component.title} cannot be exported: it has no form that needs numpy and OpenCV alone")
    return portable


def _function(signature: str, body: str) -> str:
    return f"def {signature}:\n{indent(dedent(body).strip(), '    ')}\n"
