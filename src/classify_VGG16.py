"""Train and test VGG16: convolutions trained on ImageNet, frozen, and a hidden layer of 128 units.

    python src/classify_VGG16.py -data FAKE
    python src/classify_VGG16.py -data REAL -epochs 10

Needs the metadata (src/create_metadata.py). Writes report, history, curve and record to E1_results/ and the classifier to
models/. It takes about three minutes on two cores. The original study's macro F1: 0.62 on REAL, 0.85 on FAKE.
"""

from cifake import command, experiment, options


def main() -> None:
    """Experiment 1 for VGG16."""
    experiment.classify("VGG16", options.parse(__doc__, needs_data=True))


if __name__ == "__main__":
    command.run(main)
