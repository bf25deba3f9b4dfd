# SPDX-License-Identifier: Apache-2.0
"""Every cell reads real words only, gives exact contributions, and is saved with its name."""

import pytest
import torch

from dixtill_hf.student.configuration_dixtill import CELLS, DixtillConfig
from dixtill_hf.student.layers_dixtill import DixtillConvolution, DixtillLayer, DixtillMinimalGru
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

every_cell = pytest.mark.parametrize("cell", CELLS)


def student(cell, layers=1):
    torch.manual_seed(0)
    config = DixtillConfig(
        20, embedding_size=5, hidden_size=4, num_layers=layers, num_labels=3, cell=cell
    )
    model = DixtillForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def test_a_minimal_gru_is_its_recurrence():
    torch.manual_seed(0)
    cell = DixtillMinimalGru(5, 4)
    words = torch.randn(2, 21, 5)
    found, _ = cell(words)
    state = torch.zeros(2, 4)
    for place in range(21):
        gate = torch.sigmoid(cell.gate(words[:, place]))
        state = (1 - gate) * state + gate * cell.candidate(words[:, place])
        torch.testing.assert_close(found[:, place], state)


def test_a_convolution_reads_three_words():
    torch.manual_seed(0)
    cell = DixtillConvolution(5, 4)
    words = torch.randn(1, 6, 5)
    convolution = torch.nn.Conv1d(5, 4, 3)
    with torch.no_grad():
        # Of the window, the word itself is first, and last in the convolution's.
        parts = cell.window.weight.view(4, 3, 5).flip(1).transpose(1, 2)
        convolution.weight.copy_(parts)
        convolution.bias.copy_(cell.window.bias)
    padded = torch.nn.functional.pad(words.transpose(1, 2), (2, 0))
    wanted = torch.tanh(convolution(padded)).transpose(1, 2)
    torch.testing.assert_close(cell(words)[0], wanted)


@every_cell
def test_both_directions_are_each_others_mirror(cell):
    torch.manual_seed(0)
    layer = DixtillLayer(5, 4, cell)
    layer.right_to_left.load_state_dict(layer.left_to_right.state_dict())
    words = torch.randn(1, 7, 5)
    reversal = torch.arange(6, -1, -1)[None]
    states = layer(words, reversal)
    torch.testing.assert_close(states[:, :, :4], layer(words.flip(1), reversal).flip(1)[:, :, 4:])


@every_cell
@pytest.mark.parametrize("layers", [1, 2])
def test_padding_changes_nothing_and_contributions_are_exact(cell, layers):
    model = student(cell, layers)
    ids = torch.tensor([[3, 7, 5, 9, 4]])
    alone = model(ids, output_contributions=True)
    padded = torch.tensor([[0, 3, 7, 0, 5, 9, 4, 0], [11, 12, 13, 14, 15, 16, 17, 18]])
    found = model(padded, padded != 0)
    torch.testing.assert_close(found.logits[:1], alone.logits)
    total = alone.contributions.sum(1) + model.classifier.bias
    torch.testing.assert_close(total, alone.logits)


@every_cell
def test_a_saved_student_is_the_same(cell, tmp_path):
    model = student(cell)
    model.save_pretrained(tmp_path)
    again = DixtillForSequenceClassification.from_pretrained(tmp_path)
    assert again.config.cell == cell
    ids = torch.tensor([[3, 7, 5]])
    torch.testing.assert_close(again(ids).logits, model(ids).logits)
    assert model(ids[:, :0]).logits.shape == (1, 3)


@every_cell
def test_every_weight_learns(cell):
    model = student(cell).train()
    model(torch.tensor([[3, 7, 5, 9]])).logits.square().sum().backward()
    still = {name for name, one in model.named_parameters() if one.grad is None}
    assert still == set()


def test_students_of_before_have_the_lstm_and_an_unknown_cell_is_refused():
    assert DixtillConfig.from_dict({"vocab_size": 9}).cell == "lstm"
    with pytest.raises(ValueError, match=r"cell must be one of lstm, gru, .* got 'rnn'"):
        DixtillConfig(9, cell="rnn")
