"""Experiment 3: what is a generated image worth? Train on few and many REAL images, with and without augmentation and FAKE ones.

    python src/worth_of_fake.py
    python src/worth_of_fake.py --models LeNet --seeds 129 130 131
    python src/worth_of_fake.py --shard 2/8

"""

from cifake import command, mixing, options


def main() -> None:
    """Do the runs that are missing, then draw what is there."""
    chosen = options.parse(__doc__)
    mixing.train_missing(chosen)


if __name__ == "__main__":
    command.run(main)
