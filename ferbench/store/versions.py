"""The versions of the core's stages: what their keys say about the core's own code."""

# Raise the number of a stage if its code gives another output for any input: its stored results are then computed again, and those of all
# stages that read them. An edit that changes no output, such as another message or a faster way, keeps the number. The golden outputs
# (tests/golden) fail if an output changes without its number; after raising it, `make golden` writes the new ones.
VERSIONS = {
    "folds": 1,  # the classes of a protocol, checks of its folds, facts about the tested clips, ferbench.splitting
    "crops": 2,  # selecting, decoding, landmarks, what steps are given, which face of several is followed
    "duplicates": 2,  # near-duplicate frames of different people
    "normalization": 1,  # crops as input of a network
    "features": 1,  # batches, calibration, ferbench.weights
    "views": 1,  # augmentation
    "fits": 3,  # training, sampling, early stopping, estimators, finished systems, ferbench.heads
    "fused fits": 2,
    "rows": 4,  # predictions, metrics, coverage, the description of the protocol, leaks
}
