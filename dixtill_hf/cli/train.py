# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf train`: distil an annotated dataset into one student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.distillation.arguments import DistillationArguments


@dataclass
class TrainArguments:
    """What the student is trained on and starts from."""

    annotated: str = field(
        metadata={"help": "Directory of an annotated dataset, as dixtill-hf annotate saves it."}
    )
    transfer: str | None = field(
        default=None,
        metadata={
            "help": "Directory of further texts that the teacher has labelled, such as the "
            "variants/4 of dixtill-hf annotate --variants 4."
        },
    )
    word_vectors: str = field(
        default="glove-packaged",
        metadata={"help": "Start of the embedding: 'glove-packaged', a file, or 'none'."},
    )
    embedding_size: int | None = field(
        default=None,
        metadata={
            "help": "Embedding dimensions; word vectors with more are reduced to their principal "
            "components. Those of the word vectors, and 50 without, when not given."
        },
    )
    hidden_size: int = field(
        default=50, metadata={"help": "Units of the bi-LSTM in each direction."}
    )
    ngram_buckets: int | None = field(
        default=None,
        metadata={
            "help": "While it is trained, its words share so many vectors by their character "
            "n-grams, which are then added to the words' own. Left out: that of the preset, "
            "4000 from 5,000 texts on."
        },
    )
    min_frequency: int | None = field(
        default=None, metadata={"help": "Words seen less often become [UNK]."}
    )
    further_words: int = field(
        default=0,
        metadata={"help": "How many of the most frequent words of word_vectors are known too."},
    )
    new_words: bool = field(
        default=False,
        metadata={
            "help": "Whether words that only the transfer set has are known too: for variants that "
            "have words replaced."
        },
    )


def main(argv: Sequence[str]) -> None:
    """Train one student with the `DistillationTrainer` and save it."""
    ours, args = read_arguments(
        "dixtill-hf train",
        "Distil an annotated dataset into one student. All fields of TrainingArguments work.",
        (TrainArguments, DistillationArguments),
        argv,
    )
    from datasets import Dataset

    from dixtill_hf.data.columns import TEXT
    from dixtill_hf.data.labels import label_names
    from dixtill_hf.distillation.augmentation import with_transfer_set
    from dixtill_hf.distillation.building import build_student
    from dixtill_hf.distillation.trainer import DistillationTrainer
    from dixtill_hf.workflow.inputs import load_annotated
    from dixtill_hf.workflow.word_vector_stage import refuse_teachers_vectors, word_vector_source

    refuse_teachers_vectors(ours.word_vectors)
    data = load_annotated(ours.annotated, "train")
    train = data["train"]
    further_texts: list[str] = []
    if ours.transfer is not None:
        transfer = Dataset.load_from_disk(ours.transfer)
        train = with_transfer_set(train, transfer)
        further_texts = transfer[TEXT][:] if ours.new_words else []
    model, tokenizer = build_student(
        data["train"][TEXT][:],
        label_names(data),
        args.preset,
        word_vectors=word_vector_source(ours.word_vectors),
        min_frequency=ours.min_frequency,
        further_words=ours.further_words,
        further_texts=further_texts,
        seed=args.seed,
        hidden_size=ours.hidden_size,
        embedding_size=ours.embedding_size,
        ngram_buckets=ours.ngram_buckets,
    )
    trainer = DistillationTrainer(
        model,
        args,
        train_dataset=train,
        eval_dataset=data.get("validation"),
        processing_class=tokenizer,
    )
    trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)
    trainer.save_model()
    if args.push_to_hub:
        trainer.push_to_hub()
    print(f"The student: {args.output_dir}")
