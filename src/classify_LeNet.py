"""Train and test LeNet: two convolutions and a hidden layer of 128 units.

    python src/classify_LeNet.py -data FAKE
    python src/classify_LeNet.py -data REAL -epochs 10

Needs the metadata (src/create_metadata.py). Writes report, history, curve and record to E1_results/ and the classifier to
models/. It takes about six minutes on two cores. The original study's macro F1: 0.63 on REAL, 0.84 on FAKE.
"""

from cifake import command, experiment, options


def main() -> None:
    """Experiment 1 for LeNet."""
    experiment.classify("LeNet", options.parse(__doc__, needs_data=True))


if __name__ == "__main__":
    command.run(main)
