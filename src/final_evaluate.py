"""Experiment 2: test the best FAKE classifiers on the REAL test images.

    python src/final_evaluate.py
    python src/final_evaluate.py --models LeNet VGG16
    python src/final_evaluate.py --within 0.05

The best are those whose macro F1 on the FAKE test images is the highest or within 0.02 of it, by the records in E1_results/.
Writes reports and records to E2_results/, a table and a figure to E2_visualisations/. It takes about a minute on two cores.
The original study's macro F1: LeNet 0.35, VGG16 0.41.
"""

import argparse
import functools
from pathlib import Path

from cifake import command, metadata, options, protocol, records, runs
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import checksum, write_text
from cifake.folders import Folders, shown


def main() -> None:
    """Choose, test, draw."""
    chosen = options.parse(__doc__)
    folders = chosen.folders
    candidates = {
        architecture: record
        for (source, architecture), record in records.all_e1(folders)[0].items()
        if source == "FAKE"
    }
    if chosen.dry_run and not candidates:
        log.info("Experiment 2: would test the best FAKE classifiers, when they are trained")
        return
    best = choose(candidates, chosen)
    log.info("Experiment 2, FAKE classifiers on REAL test images: %s", ", ".join(best))
    if not chosen.dry_run:
        pairs = evaluate([candidates[architecture] for architecture in best], chosen)
        draw(pairs, folders)


def choose(candidates: dict[str, dict], chosen: argparse.Namespace) -> list[str]:
    """The architectures to test: those asked for, else the best FAKE ones by their records, in the study's order."""
    if not candidates:
        raise StudyError(
            f"{shown(chosen.folders.e1_results)} has no record of a FAKE classifier; train one first, with: bash run-LeNet.sh"
        )
    untrained = [architecture for architecture in chosen.models or [] if architecture not in candidates]
    if untrained:
        raise StudyError(f"FAKE {untrained[0]} is not trained yet; train it with: bash run-{untrained[0]}.sh")
    if chosen.models:
        return [architecture for architecture in protocol.ARCHITECTURES if architecture in chosen.models]
    scores = {architecture: record["scores"]["macro_f1"] for architecture, record in candidates.items()}
    return [architecture for architecture, score in scores.items() if score >= max(scores.values()) - chosen.within]


def evaluate(members: list[dict], chosen: argparse.Namespace) -> list[tuple[dict, dict]]:
    """Test saved classifiers on the REAL test images; gives each one's records of experiment 1 and 2."""
    folders = chosen.folders
    for record in members:
        check_model(folders, record)
    test = metadata.read_split(folders, "REAL", "test")
    if list(test.classes) != members[0]["classes"]:
        raise StudyError(
            "The classes of the REAL test images are not those that the classifiers were trained on; train them anew: bash run.sh"
        )

    from cifake import devices

    device = devices.prepare(chosen.verbose)
    import numpy as np

    from cifake import architectures, evaluation, features, images

    pixels, _ = images.decode(test.contents, test.filepaths, "REAL, test")
    numbers, pairs = np.array(test.numbers), []
    for on_fake in members:
        name = records.name_of(on_fake)
        classifier = architectures.load(folders.output / on_fake["model"]["file"])
        probabilities = features.probabilities(
            classifier, pixels, test.fingerprint, folders.unfinished, f"{name} on REAL"
        )
        predicted = probabilities.argmax(1)
        on_real = {key: value for key, value in on_fake.items() if key != "seconds"} | {
            "data": {**on_fake["data"], "test": {"images": len(test.rows), "sha256": test.fingerprint}},
            "test": {"source": "REAL", "images": len(test.rows)},
            "scores": evaluation.scores(numbers, predicted, test.classes),
            **devices.description(device),
        }
        report = f"{evaluation.report(numbers, predicted, test.classes)}\n{records.sentences(on_real)}"
        by_image = evaluation.predictions(test.filepaths, numbers, probabilities, test.classes)
        files = result_files(folders, on_fake)
        with runs.alone(folders, f"{name} on REAL"):
            runs.finish_interrupted(list(files.values()))
            with runs.stage(list(files.values())) as make:
                make(files["metrics"], functools.partial(Path.write_text, data=report, encoding="utf-8"))
                make(files["predictions"], functools.partial(evaluation.write_predictions, by_image))
                make(files["record"], functools.partial(records.write, on_real))
        log.info("\n%s\n%s", name, report)
        command.wrote(list(files.values()))
        pairs.append((on_fake, on_real))
    return pairs


def result_files(folders: Folders, record: dict) -> dict[str, Path]:
    """The files of a classifier in experiment 2 by their kind, the record last."""
    stem = records.name_of(record).replace(" ", "_")
    endings = {"metrics": "metrics.txt", "predictions": "predictions.csv", "record": "record.json"}
    return {kind: folders.e2_results / f"{stem}_{ending}" for kind, ending in endings.items()}


def check_model(folders: Folders, record: dict) -> None:
    """Raise StudyError where a record's saved model is missing, or is another one."""
    name, path = records.name_of(record), folders.output / record["model"]["file"]
    if not path.exists() or checksum(path) != record["model"]["sha256"]:
        what = "is not the model of its record" if path.exists() else "is not there (models are not in git)"
        raise StudyError(
            f"The saved classifier {name}, {shown(path)}, {what}; train it with: bash run-{record['architecture']}.sh"
        )


def draw(pairs: list[tuple[dict, dict]], folders: Folders) -> None:
    """The table of experiment 2, and the figure of what is lost, class by class."""
    from cifake import figures, tables

    table, figure = folders.e2_visualisations / "FAKE_metrics_table.txt", folders.e2_visualisations / "FAKE_to_REAL.png"
    write_text(table, tables.metrics([on_real for _, on_real in pairs]))
    figures.loss_from_fake_to_real(pairs, figure)
    log.info("\n%s", table.read_text(encoding="utf-8"))
    command.wrote([table, figure])


if __name__ == "__main__":
    command.run(main)
