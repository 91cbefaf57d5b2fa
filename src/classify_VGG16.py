"""Train and test VGG16: convolutions trained on ImageNet, frozen, and a hidden layer of 128 units.

    env/bin/python src/classify_VGG16.py -data FAKE
    env/bin/python src/classify_VGG16.py -data REAL -epochs 10

Needs the metadata (src/create_metadata.py). Writes report, history, curve and record to E1_results/ and the classifier to models/.
It takes about three minutes on two cores. The original study's macro F1: 0.62 on REAL, 0.85 on FAKE.
"""

from cifake.system import command, options


def main() -> None:
    """Options first; what follows imports TensorFlow."""
    chosen = options.parse(__doc__, "data epochs seed seeds weights precision images output fresh dry_run verbose")
    from cifake.experiments import e1

    command.wrote(e1.classify("VGG16", chosen))


if __name__ == "__main__":
    command.run(main)
