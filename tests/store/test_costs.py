"""Costs are summed by kind of work, and kept from run to run."""

from __future__ import annotations

from ferbench.store.costs import Cost, CostHistory, add_costs, load_costs


def test_unit_cost_is_a_mean():
    history = CostHistory()
    history.add("fits", "a", Cost(10, 5.0, 100, weights=7))
    history.add("fits", "a", Cost(30, 5.0, 300, weights=3))
    assert history.unit_cost("fits", "a") == Cost(1, 0.25, 10, 7)
    assert history.unit_cost("fits", "b") is None
    assert history.unit_cost("crops", "a") is None


def test_work_without_units_has_no_unit_cost():
    history = CostHistory({"crops": {"a": Cost(0, 1.0)}})
    assert history.unit_cost("crops", "a") is None


def test_runs_add_up(store):
    for _ in range(2):
        add_costs(store, {("crops", "a"): Cost(2, 3.0)})
    assert load_costs(store).costs == {"crops": {"a": Cost(4, 6.0)}}


def test_damaged_file_is_no_history(store):
    store.write_file("costs.json", b"{bad")
    assert load_costs(store).costs == {}


def test_costs_that_cannot_be_read_are_left_alone(store, warnings):
    """They may be another user's, and no result depends on them."""
    (store.root / "costs.json").mkdir(parents=True)
    add_costs(store, {("crops", "a"): Cost(2, 3.0)})
    assert "the costs of this run are not recorded" in warnings[0]
    assert (store.root / "costs.json").is_dir()
