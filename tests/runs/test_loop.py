"""What interrupts a training waits for a checkpoint under way."""

import os
import signal

import pytest

from stclr_jax import commands
from stclr_jax.learning import checkpoints
from stclr_jax.runs import loop
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
    with loop.signals_held():
      os.kill(os.getpid(), number)
      done.append('whole')
  assert done == ['whole']
  with pytest.raises(Heard):  # and is heard as before afterwards
    os.kill(os.getpid(), number)
  with loop.signals_held():
    pass


def test_the_second_signal_does_not_wait(number):
  with pytest.raises(Heard):
    with loop.signals_held():
      os.kill(os.getpid(), number)
      os.kill(os.getpid(), number)
      raise AssertionError('went on')


def test_what_fails_within_is_raised(number):
  with pytest.raises(ZeroDivisionError), loop.signals_held():
    os.kill(os.getpid(), number)
    1 / 0  # noqa: B018


def test_sigterm_during_a_save_leaves_the_checkpoint_and_no_traceback(
  tiny_store, tiny_config, tmp_path, monkeypatch, capsys
):
  save = checkpoints.Checkpoints.save

  def save_and_be_told(self, *args):
    os.kill(os.getpid(), signal.SIGTERM)
    save(self, *args)

  monkeypatch.setattr(checkpoints.Checkpoints, 'save', save_and_be_told)
  with pytest.raises(SystemExit) as ended:
    commands.report_errors()(pretrain.run)(
      tiny_config('pretrain'), tmp_path, store=tiny_store
    )
  assert ended.value.code == commands.TERMINATED
  assert checkpoints.read(tmp_path).epoch == 1
  said = capsys.readouterr().err
  assert 'Terminated.' in said and 'Traceback' not in said
