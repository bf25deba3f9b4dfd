# SPDX-License-Identifier: Apache-2.0
"""A walk through the API, cell by cell (open it as a notebook, or run it as a script).

It needs a teacher: `make demo` leaves one in runs/demo/teacher, or give another directory.
"""

# %% The data: any text classification data; here the embedded headlines, cut short.
import sys

import dixtill_hf as dx

teacher_dir = sys.argv[1] if len(sys.argv) > 1 else "runs/demo/teacher"
data = dx.load_text_classification("embedded")
data["train"] = data["train"].select(range(400))
data["test"] = data["test"].select(range(100))
names = dx.label_names(data)
print(names, {split: len(rows) for split, rows in data.items()})

# %% The teacher, and what it says of one headline.
teacher = dx.load_teacher(teacher_dir, names)
annotated = dx.annotate(data, teacher)
row = annotated["test"][0]
print(row["text"])
for (start, end), score in zip(row["teacher_spans"], row["teacher_attributions"], strict=True):
    print(f"{score:+.3f}  {row['text'][start:end]}")

# %% How exact that explanation is: |sum of the scores − change of the logit|.
print("completeness error:", row["teacher_completeness_error"])

# %% A student for these texts, and its training.
model, tokenizer = dx.build_student(annotated["train"]["text"][:], names)
args = dx.DistillationArguments(
    output_dir="runs/walkthrough", num_train_epochs=5, report_to="none", save_strategy="no"
)
trainer = dx.DistillationTrainer(
    model,
    args,
    train_dataset=annotated["train"],
    eval_dataset=annotated["test"],
    processing_class=tokenizer,
)
trainer.train()
for name, value in trainer.evaluate().items():
    print(f"{name}: {value:.3f}")

# %% Every prediction explains itself; the contributions and the bias sum to the logit.
explanation = dx.Student(model, tokenizer)("Veltara shares fail to fall despite weak sales")
print(explanation.label, f"{explanation.probability:.2f}")
for word, score in zip(explanation.words, explanation.scores, strict=True):
    print(f"{score:+.3f}  {word}")

# %% How far two explanations of the same words agree (here: a teacher's and a student's).
print(dx.explanation_agreement([[0.9, 0.1, -0.4]], [[0.7, -0.2, -0.1]], ks=(1, 2)))

# %% Save; `from_pretrained`, `pipeline` and `push_to_hub` work as for any other model.
trainer.save_model("runs/walkthrough/student")
