# SPDX-License-Identifier: Apache-2.0
"""The files for a cluster name commands, options and files that exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dixtill_hf.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "examples" / "cluster"


def test_the_job_of_ray_gives_its_script_options_that_it_has():
    job = yaml.safe_load((CLUSTER / "rayjob.yaml").read_text("utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    script = (CLUSTER / "annotate_with_ray.py").read_text("utf-8")
    known = set(re.findall(r'"(--\w+)"', script))
    assert set(re.findall(r"--\w+", job["spec"]["entrypoint"])) <= known
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        pod = group["template"]["spec"]
        mounted = {one["name"] for box in pod["containers"] for one in box["volumeMounts"]}
        assert mounted == {one["name"] for one in pod["volumes"]}


def test_the_script_of_slurm_gives_commands_fields_that_they_have(capsys):
    script = (CLUSTER / "annotate.slurm").read_text("utf-8")
    subprocess.run(["bash", "-n", str(CLUSTER / "annotate.slurm")], check=True)
    lines = script.replace("\\\n", " ").splitlines()
    for command, rest in re.findall(
        r"(?:dixtill_hf\.cli\.main|dixtill-hf) (\w+) (.*)", "\n".join(lines)
    ):
        assert command in COMMANDS
        with pytest.raises(SystemExit):
            main([command, "--help"])
        printed = capsys.readouterr().out
        assert all(f"{option} " in printed for option in re.findall(r"--\w+", rest))


def test_the_image_is_built_from_files_that_make_dist_writes():
    image = (CLUSTER / "Dockerfile").read_text("utf-8")
    (copied,) = re.findall(r"^COPY (\S+) ", image, re.M)
    assert copied == "dist/dixtill_hf-*.whl"
    assert f"$(BIN)/python -m build --outdir {Path(copied).parent} ." in (
        ROOT / "Makefile"
    ).read_text("utf-8")
    extras = re.findall(r"^ARG EXTRAS=(\S+)", image, re.M)[0].split(",")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert all(re.search(rf"^{extra} = \[", project, re.M) for extra in extras)


@pytest.mark.slow
def test_the_script_of_ray_annotates_files(tiny_teacher_dir, sentences, tmp_path):
    pytest.importorskip("ray", reason="needs the extra ray")
    from datasets import Dataset

    Dataset.from_dict({"text": sentences}).to_parquet(tmp_path / "texts" / "0.parquet")
    given = ["--texts", str(tmp_path / "texts"), "--teacher", str(tiny_teacher_dir("bert"))]
    given += ["--cache_dir", str(tmp_path / "cache"), "--output", str(tmp_path / "annotated")]
    script = str(CLUSTER / "annotate_with_ray.py")
    subprocess.run([sys.executable, script, *given, "--explainer", "saliency"], check=True)
    files = [str(path) for path in (tmp_path / "annotated").glob("*.parquet")]
    annotated = Dataset.from_parquet(files)
    assert sorted(annotated["text"]) == sorted(sentences)
    assert {"teacher_logits", "teacher_attributions"} <= set(annotated.column_names)
