"""What interrupts a training waits for a checkpoint under way."""

import os
import signal

import pytest
import stopped_runs

from stclr_jax import commands
from stclr_jax.learning.saved import checkpoints
from stclr_jax.learning.saved import checksums
from stclr_jax.learning.saved import run_checkpoints
from stclr_jax.runs.training import journal
from stclr_jax.runs.training import stopping
from stclr_jax.workflows import pretrain


class Heard(Exception):
  pass


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request):
  """A signal that is heard by raising `Heard`."""

  def hear(*_):
    raise Heard

  before = signal.signal(request.param, hear)
  yield request.param
  signal.signal(request.param, before)


def test_a_signal_waits(number):
  done = []
  with pytest.raises(Heard):
    with stopping.held():
      os.kill(os.getpid(), number)
      done.append('whole')
  assert done == ['whole']
  with pytest.raises(Heard):  # and is heard as before afterwards
    os.kill(os.getpid(), number)
  with stopping.held():
    pass


def test_the_second_signal_does_not_wait(number):
  with pytest.raises(Heard):
    with stopping.held():
      os.kill(os.getpid(), number)
      os.kill(os.getpid(), number)
      raise AssertionError('went on')


def test_what_fails_within_is_raised(number):
  with pytest.raises(ZeroDivisionError), stopping.held():
    os.kill(os.getpid(), number)
    1 / 0  # noqa: B018


def test_sigterm_during_a_save_leaves_the_checkpoint_and_no_traceback(
  tiny_store, tiny_config, tmp_path, monkeypatch, capsys
):
  save = run_checkpoints.RunCheckpoints.save

  def save_and_be_told(self, *args):
    os.kill(os.getpid(), signal.SIGTERM)
    save(self, *args)

  monkeypatch.setattr(run_checkpoints.RunCheckpoints, 'save', save_and_be_told)
  with pytest.raises(SystemExit) as ended:
    commands.report_errors()(pretrain.run)(
      tiny_config('pretrain'), tmp_path, store=tiny_store
    )
  assert ended.value.code == commands.TERMINATED
  assert checkpoints.read(tmp_path).epoch == 1
  said = capsys.readouterr().err
  assert 'Terminated.' in said and 'Traceback' not in said


@pytest.mark.parametrize('minutes,written', [(1e-9, 7), (1e9, 0)])
def test_a_checkpoint_is_written_by_the_clock(
  tiny_store, tiny_config, tmp_path, monkeypatch, minutes, written
):
  config = tiny_config('pretrain', **{'checkpoint.every_minutes': minutes})
  config.checkpoint.every_epochs = 10
  with monkeypatch.context() as patch:
    stopped_runs.kill(patch, steps=7)  # after the first of six steps
    with pytest.raises(KeyboardInterrupt):
      pretrain.run(config, tmp_path, store=tiny_store)
  with run_checkpoints.RunCheckpoints(
    tmp_path, steps_per_epoch=6, keep=1
  ) as saved:
    assert saved.find() == written


@pytest.mark.slow
@pytest.mark.parametrize('stopped_after', [None, 22])
def test_the_best_epoch_is_kept_also_of_a_run_that_was_stopped(
  tiny_store, tiny_config, tmp_path, monkeypatch, stopped_after
):
  config = tiny_config(
    'pretrain',
    num_epochs=5,
    **{
      'optimizer.learning_rate': 0.05,
      'checkpoint.every_epochs': 100,
      'checkpoint.keep': 1,
      'checkpoint.keep_best': 'knn_accuracy',
    },
  )
  if stopped_after:
    with monkeypatch.context() as patch:
      stopped_runs.kill(patch, steps=stopped_after)
      with pytest.raises(KeyboardInterrupt):
        pretrain.run(config, tmp_path, store=tiny_store)
  pretrain.run(config, tmp_path, store=tiny_store)
  found = {
    line['epoch']: line['knn_accuracy']
    for line in journal.read_lines(tmp_path)
    if 'knn_accuracy' in line
  }
  best = max(found, key=found.get)  # the first of equal ones
  kept = checksums.list_numbers(tmp_path / checkpoints.FOLDER)
  assert kept == sorted({best, 5})
