"""The network of MediaPipe's Face Landmarker that turns landmarks into 52 blendshapes."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ferbench import FerbenchError
from ferbench_faces.models import FACE_LANDMARKER
from ferbench_faces.networks import get_network

LANDMARKS = 478

# The landmarks that the network reads, and what its 52 outputs are: face_blendshapes_graph.cc of MediaPipe.
INPUTS = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81, 82, 84, 87, 88,
    91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162,
    163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291,
    293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375,
    377, 378, 379, 380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471,
    472, 473, 474, 475, 476, 477,
)  # fmt: skip
NAMES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
    "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft",
    "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
)  # fmt: skip


class Blendshapes(nn.Module):
    """Landmarks [T,478,2] in pixels -> blendshapes [T,52], 0 to 1."""

    def forward(self, landmarks: torch.Tensor) -> torch.Tensor:
        """Run the network on the CPU; raises FerbenchError for another number of landmarks, or without the model."""
        if landmarks.shape[1] != LANDMARKS:
            problem = f"blendshapes need {LANDMARKS} landmarks, but frames have {landmarks.shape[1]}"
            raise FerbenchError(problem, where="backbone blendshapes", hint="put face-landmarker right after the detector")
        network = get_network(FACE_LANDMARKER, "face_blendshapes.tflite")
        shapes = []
        for points in landmarks.cpu().numpy()[:, list(INPUTS)]:
            network.setInput(np.ascontiguousarray(points[None], np.float32))  # [1,146,2]
            shapes.append(network.forward().reshape(-1))
        return torch.from_numpy(np.stack(shapes)).to(landmarks.device)
