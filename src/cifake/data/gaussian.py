"""Experiment 3's control: images without a generator, drawn from a Gaussian for each class that is fitted to photographs.

It is a parametric bootstrap of the photographs in the space of their principal components. Refinetti, Ingrosso and Goldt (2023,
arXiv:2211.11567) train on such Gaussian clones of CIFAR-10.
"""

import numpy as np
from sklearn.decomposition import PCA

from cifake import protocol
from cifake.system.errors import StudyError


def draw(images: np.ndarray, labels: np.ndarray, number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """About `number` draws, the same number of each class, uint8 [n, 32, 32, 3], and their classes, int64 [n].

    `images` uint8 [k, 32, 32, 3] and `labels` [k]: the photographs that the Gaussians are fitted to. Raises StudyError if a class has
    one photograph alone.
    """
    classes = np.unique(labels)
    each = number // len(classes)
    drawn = []
    for label in classes:
        members = images[labels == label].reshape(-1, np.prod(images.shape[1:])).astype(np.float32)
        if len(members) < 2:
            raise StudyError("The Gaussian of experiment 3 needs two photographs of each class; add images.")
        components = min(protocol.COMPONENTS, len(members) - 1)
        space = PCA(components, random_state=seed).fit(members)
        random = np.random.default_rng([seed, len(images), int(label)])
        places = random.standard_normal((each, components), np.float32) * np.sqrt(space.explained_variance_)
        drawn.append(np.clip(np.rint(space.inverse_transform(places)), 0, 255).astype(np.uint8))
    return np.concatenate(drawn).reshape(-1, *images.shape[1:]), np.repeat(classes, each)
