"""Experiment 2: test the classifiers on the other source: the best FAKE ones on REAL images, and what else there is.

    python src/final_evaluate.py
    python src/final_evaluate.py --models LeNet VGG16
    python src/final_evaluate.py --within 0.05
    python src/final_evaluate.py --seeds 129 130 131 132 133

The best are those whose macro F1 on the FAKE test images is the highest or within 0.02 of it, by the records in E1_results/.
Their table and figures stand for experiment 2; the other classifiers, REAL ones on FAKE images too, are tested for the figures of
both directions. Writes reports and records to E2_results/, tables and figures to E2_visualisations/. It takes about a minute on
two cores. The original study's macro F1 on REAL: FAKE LeNet 0.35, FAKE VGG16 0.41.
"""

import argparse
from pathlib import Path

from cifake import command, crossing, experiment, options, protocol, records
from cifake.command import log
from cifake.errors import StudyError
from cifake.files import write_text
from cifake.folders import Folders, shown


def main() -> None:
    """Choose, test, draw."""
    chosen = options.parse(__doc__)
    folders = chosen.folders
    if not chosen.dry_run:
        experiment.finish_interrupted(folders)
    places = [folders.replicate(seed) for seed in chosen.seeds] if chosen.seeds else [folders]
    trained = {place: records.all_of(place)[0] for place in places}
    if chosen.dry_run and not any(trained.values()):
        log.info("Experiment 2: would test the best FAKE classifiers, when they are trained")
        return
    if chosen.seeds:
        best = []
        if not any(trained.values()):
            raise StudyError(
                f"{shown(folders.e1_results)} has no replicate with these seeds; train them first, with: bash run.sh --seeds ..."
            )
    else:
        best = choose(trained[folders], chosen)
        log.info("Experiment 2, FAKE classifiers on REAL test images: %s", ", ".join(best))
    if chosen.dry_run:
        return
    for architecture in best:
        check_model(folders, trained[folders]["FAKE", architecture])
    crossing.evaluate(places, chosen)
    written = draw_best(best, folders) if best else []
    command.wrote(written + draw_all(folders, chosen.seeds))


def choose(trained: dict[tuple[str, str], dict], chosen: argparse.Namespace) -> list[str]:
    """The architectures to test: those asked for, else the best FAKE ones by their records, in the study's order."""
    candidates = {architecture: record for (source, architecture), record in trained.items() if source == "FAKE"}
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


def check_model(folders: Folders, record: dict) -> None:
    """Raise StudyError where a record's saved model is missing or another one, and experiment 2 has not tested it yet."""
    path = records.e2_files(folders, record["source"], record["architecture"])["record"]
    is_tested = path.exists() and records.read(path)["model"] == record["model"]
    fault = crossing.model_fault(folders, record)
    if fault and not is_tested:
        raise StudyError(f"{records.name_of(record)} cannot be tested: {fault}")


def draw_best(best: list[str], folders: Folders) -> list[Path]:
    """The best FAKE classifiers on REAL: their table, what is lost class by class, and what is taken for what."""
    from cifake import figures, tables

    place = folders.e2_visualisations
    written = [place / "FAKE_metrics_table.txt", place / "FAKE_to_REAL.png", place / "FAKE_to_REAL_confusions.png"]
    on_fake, on_real = (records.all_of(folders, files_of)[0] for files_of in (records.e1_files, records.e2_files))
    pairs = [(on_fake["FAKE", architecture], on_real["FAKE", architecture]) for architecture in best]
    write_text(written[0], tables.markdown(tables.metrics(record for _, record in pairs)))
    figures.loss_from_fake_to_real(pairs, written[1])
    figures.confusions([record for _, record in pairs], written[2])
    log.info("\n%s", written[0].read_text(encoding="utf-8"))
    return written


def draw_all(folders: Folders, seeds: list[int] | None) -> list[Path]:
    """What all classifiers show together: both directions, spread over seeds, the published numbers, paired tests."""
    from cifake import comparison, figures, tables

    place, written = folders.e2_visualisations, []
    plain, replicates = comparison.plain(folders), comparison.replicates(folders, seeds)

    def write_table(name: str, table: str) -> None:
        written.append(place / name)
        write_text(written[-1], table)

    write_table("overview_table.txt", tables.markdown(tables.overview(plain, replicates)))
    for architecture in protocol.ARCHITECTURES:
        if any(name == architecture for _, name, _ in plain | replicates):
            written.append(place / f"{architecture}_both_directions.png")
            figures.both_directions(architecture, plain, replicates, written[-1])
            directions = tables.both_directions(architecture, plain, replicates)
            write_table(f"{architecture}_both_directions.txt", tables.markdown(directions))
            log.info("%s, accuracy:\n%s", architecture, tables.markdown(directions))
    on_other = records.over_seeds(folders, records.e2_files, seeds)
    if on_other:
        write_table("seeds_metrics_table.txt", tables.markdown(tables.over_seeds(on_other.values())))
    rows = comparison.with_published(plain, replicates)
    if rows:
        written.append(place / "published.png")
        figures.published(rows, written[-1])
        below = "\n".join(["", *comparison.sentences(rows), ""])
        write_table("published.txt", tables.markdown(tables.published(rows)) + below)
        log.info("Against the published numbers: %s", below)
    pairs = comparison.paired(folders)
    if len(pairs):
        write_table("paired_tests.txt", tables.markdown(tables.paired(pairs)))
    return written


if __name__ == "__main__":
    command.run(main)
