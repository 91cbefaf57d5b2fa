"""Run one of the classify scripts, and print how long it took to the first batch of its training.

    python tests/benchmarks/start.py NN -data FAKE --images images --output /tmp/study -epochs 1

Prints one line of JSON: the time of day at which the first batch began and that at which it was done, and the seconds of reading
and decoding the images before it. speed.py starts it, in a process of its own, and knows when.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from cifake import experiment, options


def main() -> None:
    """The script's own main function, with a clock in its training."""
    train_and_test = experiment._train_and_test

    def with_clock(run: experiment.Run, prepared: experiment.Prepared, chosen: object) -> None:
        import keras  # imported by the script long since

        fit, times = keras.Model.fit, []

        def fit_with_clock(model: keras.Model, *data: object, callbacks: list, **options: object) -> object:
            def tick(*_: object, **__: object) -> None:
                times.append(time.time())

            clock = keras.callbacks.LambdaCallback(on_train_batch_begin=tick, on_train_batch_end=tick)
            return fit(model, *data, callbacks=[clock, *callbacks], **options)

        keras.Model.fit = fit_with_clock
        train_and_test(run, prepared, chosen)
        images = prepared.seconds["reading"] + prepared.seconds["decoding"]
        print(json.dumps({"begun": times[0], "done": times[1], "images": images}))

    experiment._train_and_test = with_clock
    experiment.classify(sys.argv[1], options.parse(__doc__, sys.argv[2:], needs_data=True))


if __name__ == "__main__":
    main()
