"""README and docs: they show the committed results, link to files that are there, and name tests that are there."""

import io
import json
import re
import subprocess

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from scipy import stats

from cifake import protocol
from cifake.models.architectures import ARCHITECTURES
from cifake.results.coverage import rank_correlation
from cifake.results.scores import mean_interval

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
SENTENCES = " ".join(README.split())  # wherever its lines break
PAGES = [
    REPOSITORY / "README.md",
    *sorted(REPOSITORY.glob("docs/*.md")),
    *(REPOSITORY / name / "README.md" for name in ("images", "models", "src")),
]


def committed(path: str) -> str:
    """A file as it is in git, whatever the user's own run has put in its place."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this copy has no .git, so the committed results cannot be told from a user's own")
    result = subprocess.run(["git", "show", f":{path}"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return result.stdout


def runs(*experiments: str) -> pd.DataFrame:
    """The committed runs.csv of experiments 1 and 2."""
    return pd.concat([pd.read_csv(io.StringIO(committed(f"{name}_visualisations/runs.csv"))) for name in experiments])


def cells(name: str, experiment: str = "E3") -> dict[str, dict[str, str]]:
    """A committed table: row -> column -> text."""
    head, _, *rows = (line for line in committed(f"{experiment}_visualisations/{name}_table.txt").splitlines() if line.startswith("|"))
    columns, *texts = ([cell.strip() for cell in line.split("|")[1:-1]] for line in (head, *rows))
    return {row[0]: dict(zip(columns[1:], row[1:], strict=True)) for row in texts}


def rows_of_readme(beginning: str) -> list[list[str]]:
    """The cells, without their names, of the rows of README's tables that begin like this."""
    return [[cell.strip() for cell in line.split("|")[2:-1]] for line in README.splitlines() if line.startswith(f"| {beginning}")]


def test_the_first_sentences_have_the_committed_means():
    means = runs("E1", "E2").groupby(["architecture", "trained_on", "tested_on"])["accuracy"].mean()
    for trained_on, tested_on in (("FAKE", "FAKE"), ("FAKE", "REAL"), ("REAL", "REAL")):
        shares = [f"{100 * means[name, trained_on, tested_on]:.0f} %" for name in ("LeNet", "VGG16")]
        assert " and ".join(shares) in SENTENCES


def test_what_is_said_of_experiment_1_is_committed():
    own = runs("E1").pivot(index=["architecture", "seed"], columns="trained_on", values="accuracy")
    easier = (own["FAKE"] - own["REAL"]).groupby("architecture").mean()
    assert f"{easier.min():.2f} to {easier.max():.2f} higher" in SENTENCES
    fake = runs("E1").query("trained_on == 'FAKE'")
    change = max((fake[name] - fake[f"{name}_without_them"]).abs().max() for name in ("accuracy", "macro_f1"))
    assert f"accuracy and macro F1 change by at most {change:.3f}" in SENTENCES


def test_what_is_said_of_the_published_numbers_is_committed():
    rows = [line for line in committed("E2_visualisations/published.txt").splitlines() if line.startswith("|")][2:]
    assert len(rows) == 16
    cells = {name: rest for name, *rest in ([cell.strip() for cell in row.split("|")[1:-1]] for row in rows)}
    assert f"{sum(row[4] == 'inside' for row in cells.values())} of the 16 published scores" in SENTENCES
    bounds = {name: list(map(float, row[3].split(" to "))) for name, row in cells.items()}
    beyond = {name for name, (low, high) in bounds.items() if not low <= float(cells[name][0]) <= high}
    rounded = [name for name in beyond if cells[name][4] == "inside"]
    assert len(rounded) == 1
    assert beyond == {name for name in cells if name.startswith("FAKE LeNet ")}
    theirs, ours = cells["FAKE LeNet on FAKE, accuracy"][5].split("; ours ")
    assert f"after 11 epochs both are alike, {theirs} and {ours} on the validation images" in SENTENCES


def test_what_is_said_of_experiment_3_is_committed():
    accuracies, worth, verdicts = (cells(name) for name in ("accuracy", "worth", "verdicts"))
    arms = ("REAL", "FAKE, then REAL", "REAL + augmentation")
    with_100 = {(name, arm): f"{float(accuracies[f'{name}, {arm}']['100'].split()[0]):.2f}" for name in ("LeNet", "VGG16") for arm in arms}
    lenet, vgg16 = ([with_100[name, arm] for arm in arms] for name in ("LeNet", "VGG16"))
    raised = f"raises LeNet's accuracy from {lenet[0]} to {lenet[1]} and VGG16's from {vgg16[0]} to {vgg16[1]}"
    assert f"{raised}; augmentation gives {lenet[2]} and {vgg16[2]}." in SENTENCES
    for name in ARCHITECTURES:
        assert not verdicts[f"{name}, FAKE first, instead of augmentation"]["3,000"].startswith("better")
        on_top = verdicts[f"{name}, FAKE first, on top of augmentation"]
        assert not any(on_top[size].startswith("better") for size in ("10,000", "40,000"))
    mixed = verdicts["LeNet, FAKE mixed in, on top of augmentation"]
    words = tuple(text.split()[0] for text in mixed.values())
    assert words == ("better",) * 4 + ("worse",) * 2
    assert "Mixed in on top of augmentation, FAKE images help LeNet up to 3,000 and harm it from 10,000 on." in SENTENCES
    first = verdicts["LeNet, FAKE first, on top of augmentation"]["100"].split()[-1]
    assert f"Three of the five runs behind LeNet's {first} [went wrong](" in SENTENCES
    alone, _, augmented = zip(*(worth[f"{name}, 50,000 FAKE"].values() for name in ARCHITECTURES), strict=True)
    said = ", ".join(f"{images} to {name}" for name, images in zip(ARCHITECTURES, alone, strict=True))
    assert f"In REAL images, 50,000 FAKE ones alone are worth {said}; if both are augmented, {', '.join(augmented)} (" in SENTENCES


def test_the_table_of_what_pre_training_changes_is_committed():
    marks = {"better": "**{}**", "worse": "**{}**", "as good as": "\u2248 {}", "not told apart": "{}"}
    verdicts = cells("verdicts")
    for name in ARCHITECTURES:
        for what, short in (("instead of augmentation", "instead of augmentation"), ("on top of augmentation", "on top of it")):
            found = [text.rsplit(maxsplit=1) for text in verdicts[f"{name}, FAKE first, {what}"].values()]
            assert rows_of_readme(f"{name}, {short} |") == [[marks[verdict].format(change) for verdict, change in found]]


def test_what_is_said_of_experiment_4_is_committed():
    apart, coverage, changed, labels = (cells(name, "E4") for name in ("REAL_or_FAKE", "coverage", "changed", "labels"))
    lenet, vgg16 = (apart["accuracy over seeds"][name] for name in ("LeNet", "VGG16"))
    assert f"LeNet tells REAL from FAKE in {lenet} of the test images, VGG16 in {vgg16}" in SENTENCES
    fake, real = coverage["mean"]["coverage"].rstrip(")").split(" (")
    assert f"{fake} of the REAL images have a FAKE one nearby, and {real} another REAL one" in SENTENCES
    correlations = {name: row for name, row in coverage.items() if name.startswith("rank")}
    by_class = pd.DataFrame(coverage).T.drop(index=["mean", *correlations])
    found = json.loads(committed("E4_results/coverage.json"))["found"]
    covered = [found[name]["FAKE"]["coverage"] for name in by_class.index]
    records = {
        name: [json.loads(committed(f"E{number}_results/FAKE_{name}_record.json")) for number in (1, 2)] for name in ("LeNet", "VGG16")
    }
    for on_fake, on_real in records.values():
        recalls = [[record["scores"]["by_class"][name]["recall"] for name in by_class.index] for record in (on_fake, on_real)]
        rho, low, high = rank_correlation(np.array(covered), np.subtract(*recalls))
        assert f"rank correlation {rho:+.2f} [{low:+.2f} to {high:+.2f}] over ten classes, for LeNet as for VGG16" in SENTENCES
    assert len(correlations) == 2
    for row in correlations.values():  # of the other measures, as docs/experiment-4.md has it
        assert float(row["coverage"]) < float(row["recall"]) < -0.4 < max(abs(float(row[name])) for name in ("precision", "density")) < 0.2
    colours, spectrum = (changed[f"FAKE with REAL {name} LeNet"]["change"] for name in ("colours", "spectrum"))
    said = f"given REAL's colours, FAKE images change LeNet's accuracy on REAL by {colours}, given REAL's spectrum by {spectrum}"
    assert said in SENTENCES
    fake, real = (labels["all"][source] for source in ("FAKE", "REAL"))
    assert f"REAL LeNet takes {fake} of FAKE test images for another class and {real} of REAL ones" in SENTENCES
    rows = runs("E1", "E2").query("architecture == 'VGG16' and trained_on == 'REAL' and seed == 129").set_index("tested_on")
    fake, real = (f"{100 * (1 - rows.loc[source, 'accuracy']):.0f} %" for source in ("FAKE", "REAL"))
    assert f"REAL VGG16 {fake} and {real}." in SENTENCES


def test_what_is_said_of_the_last_layers_is_committed():
    rows = runs("E3").query("architecture == 'LeNet' and trained_on == 'FAKE, then REAL'").set_index(["images", "seed"])
    whole, frozen = rows[rows["variant"].isna()]["accuracy"], rows[rows["variant"] == "frozen-convolutions"]["accuracy"]
    said = {}
    for size in (1_000, 10_000):
        change = (frozen[size] - whole[size]).dropna()
        half = stats.sem(change) * stats.t.ppf(0.975, len(change) - 1)
        said[size] = f"{change.mean():+.3f} [{change.mean() - half:+.3f} to {change.mean() + half:+.3f}]"
    assert f"1,000 REAL images does as well as training all of it, {said[1_000]}; on 10,000 nearly, {said[10_000]} (" in SENTENCES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("variant", ["steps", "share", "fake", "early"])
def test_what_variants_of_experiment_3_change_is_committed(architecture, variant):
    changes = [
        float(row["change"].split()[0])
        for name, row in cells("sensitivity").items()
        if name.startswith(architecture) and name.split(": ")[1].startswith(variant)
    ]
    assert f"| {min(changes):+.3f} to {max(changes):+.3f} |" in (REPOSITORY / "docs" / "experiment-3.md").read_text(encoding="utf-8")


def test_what_precision_changes_is_committed():
    changes = [cells("sensitivity")[f"LeNet, {arm}, 40,000: float32"]["change"] for arm in ("REAL", "REAL + augmentation")]
    text = " ".join((REPOSITORY / "docs" / "experiment-3.md").read_text(encoding="utf-8").split())
    assert f"REAL with 40,000 images, {changes[0]}, with augmentation {changes[1]}." in text


def test_what_clipped_gradients_change_is_committed():
    rows = runs("E3").query("variant == 'clipped-gradients' and images == 100")
    scores = rows.pivot_table("accuracy", "seed", "trained_on")
    added = scores["FAKE, then REAL + augmentation"] - scores["REAL + augmentation"]
    low, high = mean_interval(added)
    changes = [
        cells("sensitivity")[f"LeNet, {arm} + augmentation, 100: clipped-gradients"]["change"].split()[0] for arm in ("REAL", "REAL + FAKE")
    ]
    text = " ".join((REPOSITORY / "docs" / "experiment-3.md").read_text(encoding="utf-8").split())
    assert f"FAKE first adds {added.mean():+.3f} [{low:+.3f} to {high:+.3f}] to augmentation with 100 photographs." in text
    assert f"The two other augmented arms change by {' and '.join(changes)}." in text
    early = runs("E3").query("variant == 'early-weights' and images == 100 and architecture == 'LeNet'")
    early = early.pivot_table("accuracy", "seed", "trained_on")
    kept = (early["FAKE, then REAL + augmentation"] - early["REAL + augmentation"]).mean()
    assert f"with early weights, FAKE first adds {kept:+.3f} to augmentation there." in text
    usual = (
        runs("E3").query("variant.isna() and images == 100 and architecture == 'LeNet' and seed == 130").set_index("trained_on")["accuracy"]
    )
    before, after = usual["FAKE, then REAL + augmentation"], scores.loc[130, "FAKE, then REAL + augmentation"]
    assert f"it lowers the run that went well, too: seed 130 from {before:.3f} to {after:.3f}." in text
    for seed in scores.index:
        name = f"E3_results/LeNet/seed-{seed}/FAKE_then_REAL_augmentation_100"
        clipped, usual = (
            json.loads(committed(f"{name}{end}_record.json"))["training"]["history"]["loss"] for end in ("_clipped-gradients", "")
        )
        assert clipped[19] > usual[19]  # at the end of the training on FAKE, which is slower
        assert max(clipped[21:]) == clipped[21]  # no run goes wrong: after the change of images the loss jumps nowhere


def test_the_time_of_all_runs_is_what_a_dry_run_says():
    rows = runs("E3")
    seconds = sum(ARCHITECTURES[row.architecture].e3_seconds * row.steps / protocol.STEPS for row in rows.itertuples())
    hours = round(seconds / 3600 + 2)  # for VGG16's features, as e3.announce has it
    assert f"| {hours} hours for all of it |" in README
    for name in ("run-E3.sh", "src/worth_of_fake.py", "docs/experiment-3.md"):
        text = " ".join((REPOSITORY / name).read_text(encoding="utf-8").replace("#", " ").split())
        assert f"{hours} hours" in text, name
    assert f"{hours} hours of two cores for all {len(rows):,}, with {ARCHITECTURES['LeNet'].e3_seconds} s a run of LeNet" in text


def test_the_number_of_runs_is_committed():
    assert f"the whole experiment, {len(runs('E3')):,} runs |" in (REPOSITORY / "docs" / "cluster.md").read_text(encoding="utf-8")


def test_what_twice_the_steps_change_is_committed():
    text = " ".join((REPOSITORY / "docs" / "experiment-3.md").read_text(encoding="utf-8").split())
    rows = []
    for name, row in cells("steps").items():  # "LeNet, FAKE first, on top of REAL, 1,000": better +0.132 [+0.092 to +0.172]
        architecture, rest = name.split(", ", 1)
        before, after = (float(cell.split(" [")[0].split()[-1]) for cell in row.values())
        rows.append((architecture, *rest.rsplit(", ", 1), before, after))
    table = pd.DataFrame(rows, columns=["architecture", "what", "images", "before", "after"]).set_index("architecture")
    changed_sign = table["before"] * table["after"] < 0
    assert table["before"][changed_sign].abs().max() < 0.01
    change = (table["after"] - table["before"]).abs()
    few, many = (change[table["images"] == size] for size in ("1,000", "40,000"))
    assert f"none changes by more than {few[['NN', 'VGG16']].max():.3f}, or LeNet's by {few['LeNet'].max():.3f}" in text
    on_top = many[table["what"][table["images"] == "40,000"].str.endswith("on top of augmentation")]
    assert f"changes by at most {on_top.max():.3f}, and all of NN's comparisons by {many['NN'].max():.3f}." in text
    with_40_000 = table[table["images"] == "40,000"].set_index("what", append=True)
    lenet, vgg16 = (with_40_000.loc[name, "augmentation on top of REAL"] for name in ("LeNet", "VGG16"))
    instead = with_40_000.loc["LeNet", "FAKE first, instead of augmentation"]
    assert f"adds {lenet.after:+.3f} instead of {lenet.before:+.3f} to LeNet and {vgg16.after:+.3f} instead of {vgg16.before:+.3f}" in text
    gained = [
        cells("sensitivity")[f"{name}, {arm}, 40,000: steps-doubled"]["change"].split()[0]
        for arm in ("REAL + augmentation", "REAL")
        for name in ("LeNet", "VGG16")
    ]
    said = f"on augmented REAL images ({gained[0]} and {gained[1]}) and lose without augmentation ({gained[2]} and {gained[3]}), so"
    assert said in text
    assert [change[0] for change in gained] == ["+", "+", "-", "-"]
    assert f"costs LeNet {-instead.after:.3f} instead of {-instead.before:.3f} (three seeds)" in text


def test_the_runs_that_went_wrong_are_committed():
    text, ends = " ".join((REPOSITORY / "docs" / "experiment-3.md").read_text(encoding="utf-8").split()), {}
    for seed in protocol.SEEDS:
        record = json.loads(committed(f"E3_results/LeNet/seed-{seed}/FAKE_then_REAL_augmentation_100_record.json"))
        ends[seed] = f"{record['scores']['accuracy']:.3f}"
        loss = record["training"]["history"]["loss"]
        second = loss[len(loss) // 2 :]
        highest = max(range(2, len(second)), key=second.__getitem__)  # after the first steps on REAL images
        said = f"with seed {seed} from {min(second[:highest]):.2f} to {second[highest]:.2f}"
        assert (said in text) == (seed in (129, 131, 133))
    assert f"They end at {ends[129]}, {ends[131]} and {ends[133]}, seeds 130 and 132 at {ends[130]} and {ends[132]}." in text
    early = runs("E3").query("architecture == 'LeNet' and variant == 'early-weights' and images == 100").set_index(["trained_on", "seed"])
    saved = [early.loc[("FAKE, then REAL + augmentation", seed), "accuracy"] for seed in (129, 131)]
    assert f"went wrong there (see below), those with seeds 129 and 131 reach {saved[0]:.3f} and {saved[1]:.3f} by it" in text


def test_what_augmentation_is_worth_by_this_recipe_is_committed():
    without, augmented = (cells("accuracy")[f"LeNet, {arm}"]["40,000"].split()[0] for arm in ("REAL", "REAL + augmentation"))
    text = " ".join((REPOSITORY / "docs" / "experiment-3.md").read_text(encoding="utf-8").split())
    assert f"by the recipe above it has {without} without augmentation and {augmented} with it" in text


def test_the_cost_of_rotation_is_committed():
    tuned = cells("tuning")
    straight, turned = (float(tuned[f"LeNet, rate 0.02, weight decay 0{words}"]["1,000"]) for words in ("", ", turned by up to 15 degrees"))
    text = " ".join((REPOSITORY / "docs" / "experiment-3.md").read_text(encoding="utf-8").split())
    assert f"cost {straight - turned:.3f} of LeNet's accuracy with 1,000 images" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page):
    for path in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert path.startswith("https://") or (page.parent / path).exists(), path


def test_every_test_that_the_table_of_faults_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", (REPOSITORY / "docs" / "robustness.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    for file, test in named:
        assert f"def {test}(" in (REPOSITORY / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_the_columns_of_runs_csv_are_explained():
    text = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8")
    for column in runs("E1", "E2").columns:
        assert f"`{column}`" in text or column.startswith("f1_"), column


def test_the_settings_of_records_are_explained():
    text = (REPOSITORY / "docs" / "results.md").read_text(encoding="utf-8").partition("### Its settings")[2]
    paths = [path for folder in ("E1", "E2", "E3", "E4") for path in (REPOSITORY / f"{folder}_results").rglob("*.json")]
    names = {name for path in paths for name in json.loads(path.read_text(encoding="utf-8"))["settings"]}
    assert len(names) > 20
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_the_readme_can_be_read_in_ten_minutes():
    assert len(README.encode()) <= 10_240


def test_the_rates_that_were_chosen_are_those_of_the_program():
    text = " ".join((REPOSITORY / "docs" / "experiment-3.md").read_text(encoding="utf-8").split())
    said = ", ".join(f"{name} {entry.e3_rate:g} and {entry.e3_weight_decay:g}" for name, entry in ARCHITECTURES.items())
    assert f": {said}." in text
    for name, entry in ARCHITECTURES.items():
        tried = {row: float(cell["mean"]) for row, cell in cells("tuning").items() if row.startswith(f"{name}, ") and "turned" not in row}
        assert max(tried, key=tried.get) == f"{name}, rate {entry.e3_rate:g}, weight decay {entry.e3_weight_decay:g}"
