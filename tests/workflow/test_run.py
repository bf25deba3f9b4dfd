# SPDX-License-Identifier: Apache-2.0
"""The whole road on a few dozen texts: what it leaves behind, and what it does not do twice."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets import load_from_disk
from transformers import pipeline

from dixtill_hf.workflow import run as road
from dixtill_hf.workflow import student_stage, word_vector_stage
from dixtill_hf.workflow.recipe import Recipe

# A process without the package: the student must come along with all that it needs.
_STRANGER = """
import sys
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
assert "dixtill_hf" not in sys.modules
try:
    import dixtill_hf
except ImportError:
    pass
else:
    raise SystemExit("the package must not be importable here")
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1], trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
inputs = tokenizer("Acme falls.", return_tensors="pt")
print(model(**inputs, output_contributions=True).contributions.shape)
print(pipeline("text-classification", model=model, tokenizer=tokenizer)("Acme falls."))
"""


@pytest.fixture
def finished(recipe: Recipe) -> Path:
    """A run of the recipe, to be run again."""
    road.run(recipe, "dixtill-hf run")
    return Path(recipe.output.output_dir)


def test_all_outputs_are_there(finished_run):
    names = {path.name for path in finished_run.iterdir()}
    assert {"student", "annotated", "metrics.json", "report.md", "report.html", "figures"} <= names
    assert "explanations.html" in names
    assert (finished_run / "student" / "README.md").read_text().startswith("---\n")
    assert (
        "teacher_attributions" in load_from_disk(str(finished_run / "annotated"))["test"].features
    )


def test_metrics_hold_every_student_and_the_linear_baseline(finished_run):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    rows = {(row["method"], row["preset"], row["seed"]) for row in metrics["results"]}
    assert rows == {
        ("bag_of_words", None, None),
        *((method, "default", seed) for method in ("none", "dixtill") for seed in (0, 1)),
    }
    assert metrics["dataset"]["splits"] == {"train": 54, "validation": 6, "test": 24}
    assert metrics["seeds"] == [0, 1]
    for row in metrics["results"]:
        assert 0 <= row["accuracy"] <= 1
        assert (row["explanation"] is None) == (row["method"] == "bag_of_words")


def test_the_summary_is_that_of_the_results(finished_run):
    metrics = json.loads((finished_run / "metrics.json").read_text())
    scores = [r["accuracy"] for r in metrics["results"] if r["method"] == "dixtill"]
    (summary,) = [row for row in metrics["summary"] if row["method"] == "dixtill"]
    assert summary["metrics"]["accuracy"]["mean"] == pytest.approx(np.mean(scores))
    assert summary["metrics"]["accuracy"]["sd"] == pytest.approx(np.std(scores, ddof=1))
    assert {(row["against"], row["metric"]) for row in metrics["comparisons"]} == {
        (baseline, metric)
        for baseline in ("none", "bag_of_words")
        for metric in ("accuracy", "macro_f1")
    }


@pytest.mark.slow
def test_teachers_of_folds_teach_together(recipe, encoder):
    recipe.teacher.teacher, recipe.teacher.teacher_epochs = str(encoder), 1
    recipe.teacher.teacher_folds = 2
    recipe.student.methods, recipe.student.seeds = ["dixtill"], 1
    report = road.run(recipe, "dixtill-hf run")
    teacher = json.loads((report.parent / "metrics.json").read_text())["teacher"]
    assert (teacher["members"], teacher["finetuned"]) == (2, True)
    sizes = [path.stat().st_size for path in report.parent.glob("teacher/fold-*/model.safetensors")]
    assert len(sizes) == 2
    assert teacher["bytes"] > sum(sizes)
    assert "(mean of 2)" in report.read_text()
    annotated, before = (
        report.parent / "annotated",
        (report.parent / "annotated").stat().st_mtime_ns,
    )
    road.run(recipe, "dixtill-hf run")
    assert annotated.stat().st_mtime_ns == before


def test_no_pickle_is_left_behind(finished_run):
    assert not [
        p for p in finished_run.rglob("*") if p.suffix in (".bin", ".pt", ".pkl", ".pickle")
    ]


@pytest.mark.slow
def test_a_second_run_trains_nothing_and_says_the_same(finished, recipe, monkeypatch):
    before = json.loads((finished / "metrics.json").read_text())
    monkeypatch.setattr(student_stage, "train_student", _refuse)
    road.run(recipe, "dixtill-hf run")
    after = json.loads((finished / "metrics.json").read_text())
    assert after["results"][1:] == before["results"][1:]
    assert after["stages"]["annotate"] == before["stages"]["annotate"]
    assert after["stages"]["distil"] == before["stages"]["distil"]


@pytest.mark.slow
def test_a_killed_run_trains_only_what_is_missing(recipe, monkeypatch):
    train, trained = student_stage.train_student, []

    def killed_after_two(job):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append((job.method, job.seed))
        train(job)

    monkeypatch.setattr(student_stage, "train_student", killed_after_two)
    with pytest.raises(KeyboardInterrupt):
        road.run(recipe, "dixtill-hf run")
    again = []
    monkeypatch.setattr(
        student_stage,
        "train_student",
        lambda job: (again.append((job.method, job.seed)), train(job)),
    )
    road.run(recipe, "dixtill-hf run")
    assert not set(again) & set(trained)
    assert len(again) == 2


@pytest.mark.slow
def test_word_vectors_are_made_of_the_teachers_embedding_once(recipe, monkeypatch):
    recipe.student.word_vectors = "teacher"
    recipe.student.extra_vocab_size = 5
    road.run(recipe, "dixtill-hf run")
    directory = Path(recipe.output.output_dir)
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics["recipe"]["word_vectors"] == "teacher"
    assert metrics["vocabularies"]["default"]["share"] == 1.0
    assert len(list((directory / "word_vectors").iterdir())) == 1
    monkeypatch.setattr(student_stage, "train_student", _refuse)
    monkeypatch.setattr(word_vector_stage, "save_teacher_vectors", _refuse)
    road.run(recipe, "dixtill-hf run")


@pytest.mark.slow
def test_a_changed_setting_trains_anew(finished, recipe):
    before = json.loads((finished / "metrics.json").read_text())
    recipe.student.temperature = 2.0
    road.run(recipe, "dixtill-hf run")
    after = json.loads((finished / "metrics.json").read_text())
    assert after["fingerprint"] != before["fingerprint"]
    assert after["stages"]["annotate"] == before["stages"]["annotate"]


@pytest.mark.slow
def test_the_student_works_in_a_process_without_the_package(finished_run, tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-c", _BLOCK_PACKAGE + _STRANGER, str(finished_run / "student")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "torch.Size([1, 3, 3])" in done.stdout
    assert "'score'" in done.stdout


def test_the_student_works_in_a_plain_pipeline(finished_run, teacher_labels):
    classify = pipeline("text-classification", model=str(finished_run / "student"))
    (answer,) = classify("Acme falls.")
    assert answer["label"] in teacher_labels


@pytest.mark.slow
def test_texts_without_a_label_learn_only_from_the_teacher(recipe, data_dir, teacher_labels):
    path = data_dir / "train.csv"
    lines = [line.rsplit(",", 1)[0] + "," for line in path.read_text().splitlines()[1:]]
    path.write_text("\n".join(["text,label", *lines]) + "\n")
    recipe.data.unlabelled = True
    recipe.data.label_names = teacher_labels
    with pytest.raises(ValueError, match="'none' learns only from labels"):
        road.run(recipe, "dixtill-hf run")
    recipe.student.methods = ["kl", "dixtill"]
    road.run(recipe, "dixtill-hf run")
    metrics = json.loads((Path(recipe.output.output_dir) / "metrics.json").read_text())
    assert {row["method"] for row in metrics["results"]} == {"kl", "dixtill"}
    assert all(row["accuracy"] is not None for row in metrics["results"])
    assert all(row["validation"]["accuracy"] is None for row in metrics["results"])


@pytest.mark.slow
def test_a_student_learns_of_texts_that_only_the_teacher_labels(recipe, data_dir):
    recipe.data.max_train_texts = 20
    recipe.data.unlabelled_source = str(data_dir / "train.csv")
    recipe.student.methods, recipe.student.seeds = ["kl", "dixtill"], 1
    road.run(recipe, "dixtill-hf run")
    metrics = json.loads((Path(recipe.output.output_dir) / "metrics.json").read_text())
    train = metrics["dataset"]["splits"]["train"]
    assert train > 20
    assert sum(metrics["dataset"]["label_counts"]["train"].values()) == 20
    taught = [row for row in metrics["results"] if row["method"] in ("kl", "dixtill")]
    assert all(row["train_texts"] > train for row in taught)  # variants of all of them too
    report = (Path(recipe.output.output_dir) / "report.md").read_text()
    assert f"({train - 20} of them without a label)" in report


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("methods", ["none", "dixtil"], "dixtill"),
        ("presets", ["papr"], "paper"),
        ("seeds", 0, "seeds must be at least 1, got 0"),
        ("workers", -1, "workers must be at least 0, got -1"),
        ("ngram_buckets", -1, "ngram_buckets must be at least 0, got -1"),
        ("embedding_size", 0, "embedding_size must be at least 1, got 0"),
        ("alpha", 1.5, r"alpha must be in \[0, 1\], got 1.5"),
        ("explanation", "contribution", "contributions"),
    ],
)
def test_mistakes_in_the_students_part_are_found_before_the_data_are_read(
    recipe, field, value, message
):
    recipe.student.methods = ["dixtill"]
    recipe.data.source = "no/such/source"
    setattr(recipe.student, field, value)
    with pytest.raises(ValueError, match=message):
        road.run(recipe, "dixtill-hf run")


# An editable install puts the package on every process's path.
_BLOCK_PACKAGE = """
import sys
class _Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "dixtill_hf":
            raise ImportError(name)
sys.meta_path.insert(0, _Blocked())
"""


def _refuse(job: object) -> None:
    raise AssertionError("nothing should be trained")


def test_no_explainer_is_refused_where_a_method_learns_from_explanations(recipe):
    recipe.annotation.explainer = "none"
    recipe.annotation.steps = None
    with pytest.raises(ValueError, match="'none' explains nothing, and dixtill learns from"):
        road.run(recipe, "dixtill-hf run")
