"""GitHub markdown tables, from records."""

import pandas as pd

from cifake import records


def metrics(members: list[dict]) -> str:
    """F1 by class, accuracy, macro and weighted average of F1, and epochs: a classifier a row, in the order given."""
    rows = {_row_name(record): _row(record) for record in members}
    # As text, since pandas would make floats of the epochs.
    return (
        pd.DataFrame.from_dict(rows, orient="index").to_markdown(
            disable_numparse=True, stralign="right", colalign=["left"]
        )
        + "\n"
    )


def _row_name(record: dict) -> str:
    """The classifier, and its weights where they are not the study's."""
    origin = record.get("weights", {}).get("origin", "ImageNet weights")
    return records.name_of(record) + ("" if origin == "ImageNet weights" else f" ({origin})")


def _row(record: dict) -> dict[str, str]:
    """One line of the table, by column."""
    scores = record["scores"]
    by_class = {name[:1].upper() + name[1:]: scores["by_class"][name]["f1"] for name in record["classes"]}
    averages = {"Accuracy": scores["accuracy"], "Macro_Avg": scores["macro_f1"], "Weighted_Avg": scores["weighted_f1"]}
    return {name: f"{value:.3f}" for name, value in (by_class | averages).items()} | {
        "Epochs": str(record["training"]["epochs"])
    }
