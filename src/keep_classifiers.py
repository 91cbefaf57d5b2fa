"""Make the three classifiers that come with the study, which predict.py uses if it is given no model: models/ready/.

    bash run-LeNet.sh
    env/bin/python src/real_or_fake.py --models LeNet --seeds 129
    env/bin/python src/keep_classifiers.py

Saves FAKE LeNet, REAL LeNet and REAL or FAKE LeNet of models/ again, without a date, each beside its record: the same weights give the
same bytes. Nothing else writes to models/ready/. It takes some seconds.
"""

import logging

from cifake import protocol
from cifake.system import command, options
from cifake.system.errors import StudyError
from cifake.system.files import checksum, together
from cifake.system.paths import READY

log = logging.getLogger(__name__)

KEPT = {("E1", "FAKE"): "bash run-LeNet.sh", ("E1", "REAL"): "bash run-LeNet.sh"}
KEPT |= {("E4", protocol.REAL_OR_FAKE): "env/bin/python src/real_or_fake.py --models LeNet --seeds 129"}


def main() -> None:
    chosen = options.parse(__doc__, "output dry_run verbose")
    from cifake.experiments import runs  # after the options, because TensorFlow takes seconds
    from cifake.models import architectures
    from cifake.results import records

    for (experiment, source), trains in KEPT.items():
        files = chosen.folders.classifier(experiment, source, "LeNet")
        there = files["record"].exists()
        record = records.read(files["record"], experiment) if there else None
        if fault := runs.model_fault(files["model"], record) if there else "it is not trained yet":
            raise StudyError(f"{source} LeNet cannot be kept: {fault}; train it with: {options.with_folders(trains)}")
        model = chosen.folders.output / READY / files["model"].name
        if chosen.dry_run:
            log.info("%s would be saved as models/ready/%s", records.name_of(record), model.name)
            continue
        kept, paths = architectures.load(files["model"]), [model, model.with_name(files["record"].name)]
        with together(paths) as make:
            made = make(model, lambda path, kept=kept, record=record: architectures.save_without_date(kept, record, path))
            changed = {"file": (READY / model.name).as_posix(), "sha256": checksum(made)}
            record["model"] |= changed
            make(paths[-1], lambda path, record=record: records.write(record, path))
        command.wrote(paths)


if __name__ == "__main__":
    command.run(main)
