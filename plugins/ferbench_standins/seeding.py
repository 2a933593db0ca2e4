"""Random numbers: each clip and each person has its own generator, so that neither the order nor the number of workers matters."""

from __future__ import annotations

import numpy as np

from ferbench_standins.person import Person, draw_person

CKPLUS, MUG, ISED, AFEW = 1, 2, 3, 4
NO_CLIP = 1_000_000  # in place of a clip's number, for the person's own generator


def seeded_generator(corpus: int, seed: int, person: int, clip: int) -> np.random.Generator:
    """The random numbers of one clip of one person."""
    return np.random.default_rng([corpus, seed, person, clip])


def draw_people(corpus: int, seed: int, count: int) -> list[Person]:
    """The people of a corpus; a longer list begins with the shorter one."""
    return [draw_person(seeded_generator(corpus, seed, person, NO_CLIP)) for person in range(count)]
