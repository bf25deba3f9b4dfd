# SPDX-License-Identifier: Apache-2.0
"""Annotates Parquet files on a Ray cluster: the script of rayjob.yaml.

    python annotate_with_ray.py --texts texts/ --teacher org/fine-tuned-teacher \
        --cache_dir s3://bucket/annotations --output annotated/

Every node must be able to read the texts and the teacher, and to read and write the cache. A job
that is run again computes nothing anew.
"""

import argparse

import ray

from dixtill_hf import annotate


def main() -> None:
    """Read, annotate and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", required=True, help="Parquet file or directory, or its URL")
    parser.add_argument("--teacher", required=True, help="Hub id or directory of the teacher")
    parser.add_argument("--cache_dir", required=True, help="directory or URL of the annotations")
    parser.add_argument("--output", required=True, help="directory or URL of the annotated files")
    parser.add_argument("--explainer", default="integrated_gradients")
    parser.add_argument("--actors", type=int, nargs=2, default=(1, 1), metavar=("LEAST", "MOST"))
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of each actor")
    given = parser.parse_args()
    options = {"concurrency": tuple(given.actors), "num_gpus": given.gpus}
    annotated = annotate(
        ray.data.read_parquet(given.texts),
        given.teacher,
        given.explainer,
        cache_dir=given.cache_dir,
        ray_options=options,
    )
    annotated.write_parquet(given.output)


if __name__ == "__main__":
    main()
