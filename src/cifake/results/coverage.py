"""How well one set of images covers another, from their features: precision and recall, density and coverage."""

import numpy as np
from scipy import stats
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from cifake import protocol


def measures(real: np.ndarray, other: np.ndarray, neighbours: int = protocol.NEIGHBOURS) -> dict[str, float]:
    """Precision and recall (Kynkäänniemi et al., 2019), density and coverage (Naeem et al., 2020) of others against real ones.

    `real` [n, features], `other` [m, features]. Around each point lies a ball that reaches to its k-th neighbour of its own set.
    Precision: the share of others in any real ball; recall: of real ones in any ball of the others; density: in how many real balls one
    of the others lies, divided by k; coverage: the share of real balls that hold any of the others.
    """
    distances = pairwise_distances(real, other)
    in_real, in_other = distances < _radii(real, neighbours)[:, None], distances < _radii(other, neighbours)
    return {
        "precision": float(in_real.any(axis=0).mean()),
        "recall": float(in_other.any(axis=1).mean()),
        "density": float(in_real.sum(axis=0).mean() / neighbours),
        "coverage": float(in_real.any(axis=1).mean()),
    }


def _radii(points: np.ndarray, neighbours: int) -> np.ndarray:
    distances, _ = NearestNeighbors(n_neighbors=neighbours).fit(points).kneighbors()  # without itself
    return distances[:, -1]


def rank_correlation(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Spearman's rank correlation of at least five pairs with its 95 % interval, by Fisher's z and Fieller's variance (1957)."""
    found = stats.spearmanr(first, second).statistic
    error = np.sqrt(1.06 / (len(first) - 3)) * stats.norm.ppf((1 + protocol.CONFIDENCE) / 2)
    z = np.arctanh(np.clip(found, -1 + 1e-9, 1 - 1e-9))
    return float(found), float(np.tanh(z - error)), float(np.tanh(z + error))
