# SPDX-License-Identifier: Apache-2.0
"""Which students a recipe asks for, and what each depends on."""

from pathlib import Path

import pytest
from datasets import DatasetDict

from dixtill_hf.workflow.annotation_stage import Annotation
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.student_jobs import check_students, job_arguments, student_jobs
from dixtill_hf.workflow.variant_stage import all_variant_settings


def _jobs(key: str = "annotation", **fields):
    arguments = StudentArguments(word_vectors="none", **fields)
    variants = {one: Path(one.directory) for one in all_variant_settings(arguments, "none")}
    annotation = Annotation(DatasetDict(), Path("annotated"), key)
    return student_jobs(arguments, annotation, variants, "none", Path("out"))


def test_every_preset_method_and_seed_is_one_student():
    jobs = _jobs(presets=["paper", "default"], methods=["kl", "dixtill"], seeds=2)
    assert len({(job.preset, job.method, job.seed) for job in jobs}) == 8
    assert len({job.directory for job in jobs}) == len({job.fingerprint for job in jobs}) == 8


@pytest.mark.parametrize("changed", [{"key": "another"}, {"epochs": 3}, {"min_frequency": 5}])
def test_what_a_student_depends_on_is_in_its_fingerprint(changed):
    assert {job.fingerprint for job in _jobs()}.isdisjoint(
        job.fingerprint for job in _jobs(**changed)
    )


def test_more_seeds_and_other_workers_leave_the_others_valid():
    few = {job.fingerprint for job in _jobs(seeds=1)}
    assert few < {job.fingerprint for job in _jobs(seeds=2, workers=3)}


def test_left_out_words_count_and_not_their_file(tmp_path):
    names = [tmp_path / name for name in ("a.txt", "b.txt")]
    for path, words in zip(names, ("Anna\nBerta", "Berta\nAnna\n"), strict=True):
        path.write_text(words)
    one, two = ({job.fingerprint for job in _jobs(leave_out_words=str(n))} for n in names)
    assert one == two
    assert one.isdisjoint(job.fingerprint for job in _jobs())


def test_a_missing_list_of_words_is_named():
    with pytest.raises(FileNotFoundError, match="no file of words names"):
        check_students(StudentArguments(word_vectors="none", leave_out_words="names.txt"))


def test_overrides_reach_the_methods_that_know_them():
    arguments = StudentArguments(alpha=0.5, xai_weight=2.0, temperature=3.0, epochs=4)
    none = job_arguments(arguments, "default", "none", 1, Path("out"))
    dixtill = job_arguments(arguments, "default", "dixtill", 1, Path("out"))
    assert (none.alpha, none.xai_weight) == (0.0, 0.0)
    assert (dixtill.alpha, dixtill.xai_weight, dixtill.temperature) == (0.5, 2.0, 3.0)
    assert none.num_train_epochs == dixtill.num_train_epochs == 4
    assert none.seed == 1


def test_only_a_student_taught_by_attention_explains_by_attention():
    arguments = StudentArguments()
    for method, kind in (("kl", "contributions"), ("dixtill", "attention")):
        assert job_arguments(arguments, "paper", method, 0, Path()).explanation == kind


def test_missing_word_vectors_are_named():
    with pytest.raises(FileNotFoundError, match=r"glove.42B.txt.*'none'"):
        check_students(StudentArguments(word_vectors="glove.42B.txt"))


def test_the_paper_preset_has_no_variants_next_to_one_that_has():
    paper, default = _jobs(
        presets=["paper", "default"], methods=["dixtill"], seeds=1, explained_variants=1
    )
    assert paper.variants is None
    assert default.variants == Path("variants/4-explained-1")
