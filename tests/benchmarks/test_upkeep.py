"""What is done beside the steps is counted, and the run is the same."""

from benchmarks.faults import victims
from benchmarks.pipeline import upkeep


def test_each_part_is_a_share_of_the_run(tmp_path):
  config = victims.WORKFLOWS['pretrain']()
  config.batch_size = 8
  found = upkeep.time_run(tmp_path, config, store=victims.make_store())
  assert found['parts']['checkpoints']['calls'] == config.num_epochs
  assert found['parts']['kNN']['calls'] == (
    config.num_epochs // config.knn.every_epochs
  )
  for part in found['parts'].values():
    assert 0 < part['cpu_s'] and 0 < part['share']
  alone = found['alone']
  assert 0 < alone['blocked_s'] <= alone['written_s']
  assert (tmp_path / 'run' / 'summary.json').exists()


def test_calls_are_counted_also_where_they_fail():
  ticks = iter(range(100))
  costs = upkeep.Costs()

  def fail():
    raise KeyError

  for call in (int, fail):
    try:
      costs.of('calls', call, lambda: next(ticks))()
    except KeyError:
      pass
  assert costs.spent == {'calls': [1, 1]}
