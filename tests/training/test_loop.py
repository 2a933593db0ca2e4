"""The training loop: what it minimizes, when it stops, which weights it leaves."""

from __future__ import annotations

import copy
import math
from dataclasses import fields, replace
from typing import get_args, get_type_hints

import pytest
import torch
from torch import nn

from ferbench import FerbenchError
from ferbench.api.recipe import Recipe, Schedule
from ferbench.store.entries import Store
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.history import History
from ferbench.training.items import Items
from ferbench.training.learner import Learner, score_items
from ferbench.training.loop import Diverged, train

CPU = torch.device("cpu")
RECIPE = Recipe(lr=0.05, batch_size=8, epochs=10)


def parts(seed=0, noise=0.5):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(60) % 3
    x = nn.functional.one_hot(y, 3).float() + noise * torch.randn(60, 3, generator=generator)
    return Items(x[:42], y[:42]), Items(x[42:], y[42:])


def learner(model, recipe=RECIPE, loss=None):
    return Learner(model, loss or nn.CrossEntropyLoss(), lambda x: x, recipe, CPU)


def fit(recipe=RECIPE, loss=None, seed=0, noise=0.5, model=None):
    torch.manual_seed(seed)
    model = model or nn.Linear(3, 3)
    training, validation = parts(noise=noise)
    epochs = []
    generator = torch.Generator().manual_seed(seed)
    history = train(learner(model, recipe, loss), training, validation, generator, lambda *a: epochs.append(a[0]))
    return model, history, epochs


@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 0.05), ("adamw", 0.05), ("sgd", 0.05), ("adagrad", 0.5), ("adadelta", 5.0)])
def test_learns(optimizer, lr):
    _, history, epochs = fit(replace(RECIPE, optimizer=optimizer, lr=lr))
    assert history.loss[-1] < history.loss[0]
    assert max(history.validation_accuracy) > 0.7
    assert epochs == list(range(1, 11))
    assert len(history.seconds) == 10


def test_fused_adam_is_plain_adam():
    model, _, _ = fit(replace(RECIPE, checkpoint="last", batch_size=60, epochs=5))
    torch.manual_seed(0)
    plain = nn.Linear(3, 3)
    optimizer = torch.optim.Adam(plain.parameters(), 0.05)
    training, _ = parts()
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(plain(training.x), training.y).backward()
        optimizer.step()
    assert torch.allclose(model.weight, plain.weight, atol=1e-5)


def test_best_epoch_is_restored():
    recipe = replace(RECIPE, lr=3.0, epochs=15)  # jumps about
    model, history, _ = fit(recipe, noise=1.0)
    best = max(range(15), key=lambda i: (history.validation_accuracy[i], -history.validation_loss[i]))
    assert history.chosen_epoch == best + 1
    _, validation = parts(noise=1.0)
    logits = score_items(learner(model), validation)
    assert float((logits.argmax(1) == validation.y).float().mean()) == pytest.approx(history.validation_accuracy[best])
    assert float(nn.functional.cross_entropy(logits, validation.y)) == pytest.approx(history.validation_loss[best], rel=1e-5)


def test_last_epoch_is_kept():
    _, history, _ = fit(replace(RECIPE, checkpoint="last"))
    assert history.chosen_epoch == 10


def test_patience_stops():
    _, history, _ = fit(replace(RECIPE, epochs=400, patience=4, lr=0.3), noise=1.5)
    assert len(history.loss) < 400
    assert len(history.loss) - history.chosen_epoch >= 4
    assert history.accuracy[-1] >= history.accuracy[history.chosen_epoch - 1]  # training still rises


def test_nan_loss_is_an_error():
    with pytest.raises(Diverged, match="nan in epoch 1"):
        fit(loss=lambda logits, target: logits.sum() * math.nan)


def test_loss_parameters_are_trained():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, logits, target):
            return nn.functional.cross_entropy(logits * self.scale, target)

    loss = Scaled()
    fit(loss=loss)
    assert loss.scale != 1


def test_equal_seeds_give_equal_weights():
    first, second, other = (fit(seed=seed)[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


class Learned(nn.Module):
    """A loss with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, logits, target):
        return nn.functional.cross_entropy(logits * self.scale, target) + self.scale**2


VARIANTS = [
    {"optimizer": "adam"},
    {"optimizer": "adamw", "schedule": Schedule("cosine")},
    {"optimizer": "sgd", "momentum": 0.5, "nesterov": True, "schedule": Schedule("step", 2, 0.3), "sampling": "balanced"},
    {"optimizer": "adagrad", "schedule": Schedule("plateau", 1, 0.5), "sampling": "undersample"},
    {"optimizer": "adadelta", "sampling": "oversample"},
    {"optimizer": "adam", "lr": 0.04, "views": 3},
    {"optimizer": "sgd", "momentum": 0.5, "lr": 0.04, "change": lambda x, rows, epoch: x * (1 + epoch / 10) + rows[:, None] / 100},
]


@pytest.mark.parametrize("variant", VARIANTS, ids="-".join)
@pytest.mark.parametrize("damaged", [False, True])
def test_resumed_fit_has_the_same_bits(tmp_path, variant, damaged):
    views, change = variant.get("views", 1), variant.get("change")
    recipe = replace(RECIPE, **{name: value for name, value in variant.items() if name not in ("views", "change")})
    training, validation = parts()
    training = replace(training, x=torch.cat([training.x + view for view in range(views)]), augment=change)
    net = [nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)]
    warnings = []

    def run(stop=None):
        torch.manual_seed(0)
        model, loss, epochs = nn.Sequential(*copy.deepcopy(net)), Learned(), []
        checkpoints = Checkpoints(Store(tmp_path, warnings.append), "ab" * 16, 0) if stop is not None else None

        def tell(epoch, _):
            epochs.append(epoch)
            if epoch == stop:
                raise KeyboardInterrupt

        history = train(learner(model, recipe, loss), training, validation, torch.Generator().manual_seed(0), tell, checkpoints)
        return {**model.state_dict(), "scale": loss.scale}, replace(history, seconds=[]), epochs

    whole, history, _ = run()
    with pytest.raises(KeyboardInterrupt):
        run(stop=6)
    (file,) = tmp_path.glob("checkpoints/ab/*-000005.safetensors")
    if damaged:
        file.write_bytes(b"")
    resumed, resumed_history, epochs = run(stop=0)
    assert epochs == list(range(1 if damaged else 6, 11))
    assert len(warnings) == damaged
    assert resumed_history == history
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_checkpoints_are_an_interval_apart(tmp_path):
    checkpoints, made = Checkpoints(Store(tmp_path), "ab" * 16, 1000), []
    checkpoints.offer(1, lambda: made.append(1))
    assert not made
    checkpoints.due = 0
    checkpoints.offer(2, lambda: ({"a": torch.ones(1)}, {"epoch": 2}))
    checkpoints.offer(3, lambda: made.append(3))
    assert not made
    assert Checkpoints(Store(tmp_path), "ab" * 16, 1000).load() == ({"a": torch.ones(1)}, {"epoch": 2})
    checkpoints.clear()
    assert checkpoints.load() is None


def test_fit_does_without_a_checkpoint_that_does_not_fit(tmp_path, monkeypatch):
    warnings = []
    checkpoints = Checkpoints(Store(tmp_path, warnings.append), "ab" * 16, 0)
    checkpoints.offer(1, lambda: ({"a": torch.ones(1)}, {"epoch": 1}))

    def refuse(path, content, must_flush):
        path.write_bytes(content[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ferbench.store.entries.write_file", refuse)
        for epoch in (2, 3):
            checkpoints.offer(epoch, lambda: ({"a": torch.zeros(1)}, {"epoch": 2}))
    assert len(warnings) == 1
    assert "has no checkpoint after epoch 2" in warnings[0]
    assert "No space left on device" in warnings[0]
    assert checkpoints.load() == ({"a": torch.ones(1)}, {"epoch": 1})
    assert not list((tmp_path / "partial").iterdir())


def test_checkpoint_that_cannot_be_read_or_removed_is_left_alone(tmp_path):
    """It may be another user's."""
    warnings = []
    checkpoints = Checkpoints(Store(tmp_path, warnings.append), "ab" * 16, 0)
    path = tmp_path / f"checkpoints/ab/{'ab' * 16}-000003.safetensors"
    path.mkdir(parents=True)
    assert checkpoints.load() is None
    assert "starts again, without its checkpoint" in warnings[0]
    checkpoints.clear()
    assert "old checkpoints of the fit" in warnings[1]
    assert path.exists()


def test_checkpoint_keeps_every_type_of_tensor(tmp_path):
    tensors = {
        "half": torch.tensor([1.5, -2], dtype=torch.bfloat16), "scalar": torch.tensor(3), "empty": torch.zeros(0, 4),
        "flags": torch.tensor([[True], [False]]), "double": torch.tensor([0.1], dtype=torch.float64), "complex": torch.tensor([1 + 2j]),
    }  # fmt: skip
    checkpoints = Checkpoints(Store(tmp_path), "ab" * 16, 0)
    checkpoints.offer(1, lambda: (tensors, {"loss": [float("nan"), 1.0]}))
    loaded, facts = checkpoints.load()
    assert {name: value.dtype for name, value in loaded.items()} == {name: value.dtype for name, value in tensors.items()}
    assert all(torch.equal(value, tensors[name]) for name, value in loaded.items())
    assert str(facts) == "{'loss': [nan, 1.0]}"


NEEDS_VALIDATION = [
    ({}, "to choose the best epoch"),
    ({"checkpoint": "last", "patience": 3}, "for early stopping by `patience`"),
    ({"checkpoint": "last", "schedule": Schedule("plateau")}, "for a plateau schedule"),
]


@pytest.mark.parametrize(("changed", "message"), NEEDS_VALIDATION, ids=["best", "patience", "plateau"])
def test_recipes_that_need_validation_frames(changed, message):
    training, _ = parts()
    nobody = Items(training.x[:0], training.y[:0])
    with pytest.raises(FerbenchError, match=f"no validation frames {message}"):
        train(learner(nn.Linear(3, 3), replace(RECIPE, **changed)), training, nobody, torch.Generator(), lambda *_: None)


def test_the_last_epoch_needs_no_validation_frames():
    training, _ = parts()
    nobody = Items(training.x[:0], training.y[:0])
    recipe = replace(RECIPE, checkpoint="last")
    history: History = train(learner(nn.Linear(3, 3), recipe), training, nobody, torch.Generator(), lambda *_: None)
    assert history.chosen_epoch == 10
    assert math.isnan(history.validation_accuracy[0])


def test_inplace_layers_do_not_change_the_items():
    training, validation = parts()
    before = training.x.clone(), validation.x.clone()
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(3, 3))
    train(learner(model), training, validation, torch.Generator(), lambda *_: None)
    score_items(learner(model), validation)
    assert torch.equal(training.x, before[0])
    assert torch.equal(validation.x, before[1])


@pytest.mark.parametrize(("frames", "sizes"), [(17, [8, 9]), (16, [8, 8]), (9, [9]), (1, [1]), (18, [8, 8, 2])])
def test_no_batch_holds_a_single_frame(frames, sizes):
    """Batch normalization cannot compute the variance of one frame."""
    seen, (training, validation) = [], parts()

    class Seen(nn.BatchNorm1d):
        def forward(self, x):
            if self.training:
                seen.append(len(x))
            return super().forward(x) if len(x) > 1 else x

    model = nn.Sequential(Seen(3), nn.Linear(3, 3))
    recipe = replace(RECIPE, epochs=1)
    train(learner(model, recipe), Items(training.x[:frames], training.y[:frames]), validation, torch.Generator(), lambda *_: None)
    assert seen == sizes


def test_views_are_drawn_equally_often():
    """Features say which row and view they are; in 300 epochs of 4 rows every row is seen in each, its views about equally often."""
    rows, views, seen = 4, 3, []
    x = torch.arange(rows * views).float()[:, None]
    training, validation = Items(x, torch.arange(rows) % 2), Items(x[:rows], torch.arange(rows) % 2)

    class Net(nn.Linear):
        def forward(self, given):
            if self.training:
                seen.append(given[:, 0].int().tolist())
            return super().forward(given)

    recipe = replace(RECIPE, batch_size=rows, epochs=300, lr=1e-4)
    train(learner(Net(1, 2), recipe), training, validation, torch.Generator().manual_seed(0), lambda *_: None)
    assert all(sorted(row % rows for row in epoch) == list(range(rows)) for epoch in seen)
    counts = torch.bincount(torch.tensor(seen).flatten() // rows)
    assert len(counts) == views
    assert all(340 < count < 460 for count in counts.tolist())


def test_crops_without_stored_views_are_augmented_in_every_epoch():
    calls = []

    def change(batch, rows, epoch):
        calls.extend((epoch, int(row)) for row in rows)
        return batch

    training, validation = parts()
    recipe = replace(RECIPE, epochs=2)
    train(learner(nn.Linear(3, 3), recipe), replace(training, augment=change), validation, torch.Generator(), lambda *_: None)
    assert sorted(calls) == [(epoch, row) for epoch in (1, 2) for row in range(42)]


def test_step_schedule():
    _, history, _ = fit(replace(RECIPE, lr=1.0, schedule=Schedule("step", 4, 0.1)))
    assert history.learning_rates == pytest.approx([1] * 4 + [0.1] * 4 + [0.01] * 2)


def test_step_schedule_by_default():
    _, history, _ = fit(replace(RECIPE, lr=1.0, epochs=12, schedule=Schedule("step")))
    assert history.learning_rates == pytest.approx([1] * 10 + [0.1] * 2)


def test_cosine_schedule():
    _, history, _ = fit(replace(RECIPE, lr=1.0, schedule=Schedule("cosine")))
    assert history.learning_rates == pytest.approx([(1 + math.cos(math.pi * epoch / 10)) / 2 for epoch in range(10)])


def test_plateau_schedule(monkeypatch):
    """The loss falls for four epochs; after that, every second epoch without a lower loss halves the rate."""
    losses = iter([4, 3, 2, 1, 1, 1, 1, 1, 0.5, 0.6])

    def validate(learner, validation, history):
        history.validation_loss.append(next(losses))
        history.validation_accuracy.append(0.5)

    monkeypatch.setattr("ferbench.training.loop.validate", validate)
    _, history, _ = fit(replace(RECIPE, lr=1.0, schedule=Schedule("plateau", 2, 0.5)))
    assert history.learning_rates == pytest.approx([1] * 6 + [0.5] * 2 + [0.25] * 2)


def test_rate_is_constant_without_a_schedule():
    _, history, _ = fit(replace(RECIPE, lr=0.5))
    assert history.learning_rates == [0.5] * 10


def test_each_kind_of_schedule_says_which_fields_it_uses():
    kinds = get_args(get_type_hints(Schedule)["kind"])
    assert set(Schedule.fields) == set(kinds)
    assert {name for names in Schedule.fields.values() for name in names} == {field.name for field in fields(Schedule)} - {"kind"}
    for kind in kinds:
        for name in {"every", "factor"} - set(Schedule.fields[kind]):
            with pytest.raises(ValueError, match=f"{name} is .* which does not use it"):
                Schedule(kind, **{name: {"every": 3, "factor": 0.5}[name]})


def test_sgd_has_momentum_by_default():
    weights = [fit(replace(RECIPE, optimizer="sgd", momentum=momentum))[0].weight for momentum in (None, 0.9, 0.0)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
