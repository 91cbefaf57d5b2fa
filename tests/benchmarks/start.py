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

from cifake.experiments import e1
from cifake.experiments.runs import Prepared, Run


def main() -> None:
    """The script's own main function, with a clock in its training."""
    train = e1.train

    def with_clock(source: str, chosen: object, run: Run, prepared: Prepared, *others: object) -> tuple:
        import keras  # the script has imported it

        fit, times = keras.Model.fit, []

        def fit_with_clock(model: keras.Model, *data: object, callbacks: list, **options: object) -> object:
            def tick(*_: object, **__: object) -> None:
                times.append(time.time())

            clock = keras.callbacks.LambdaCallback(on_train_batch_begin=tick, on_train_batch_end=tick)
            return fit(model, *data, callbacks=[clock, *callbacks], **options)

        keras.Model.fit = fit_with_clock
        trained = train(source, chosen, run, prepared, *others)
        images = prepared.seconds["reading"] + prepared.seconds["decoding"]
        print(json.dumps({"begun": times[0], "done": times[1], "images": images}))
        return trained

    e1.train = with_clock
    architecture = sys.argv.pop(1)
    e1.classify(architecture, __doc__)


if __name__ == "__main__":
    main()
