"""Which settings of a config a workflow reads."""

import contextlib

import ml_collections

from stclr_jax.errors import UserError
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import config_checks


def list_leaves(config, prefix=''):
  """Lists the settings of a config.

  Returns:
    {(id of the node, name): dotted key}.
  """
  found = {}
  for name, value in config.items():
    if isinstance(value, ml_collections.ConfigDict):
      found |= list_leaves(value, f'{prefix}{name}.')
    else:
      found[id(config), name] = f'{prefix}{name}'
  return found


def list_unread(monkeypatch, configs, run):
  """Finds settings that nothing reads.

  To write a config down, or to look whether its values can be meant, is not to
  read it.

  Args:
    monkeypatch: pytest's.
    configs: of one workflow; a setting read of one of them is read.
    run: of one config; one that is refused ends there.

  Returns:
    Sorted dotted keys.
  """
  reads, paused = set(), []
  get = ml_collections.ConfigDict.__getitem__

  def recording_get(self, name):
    if not paused:
      reads.add((id(self), name))
    return get(self, name)

  def unrecorded(function):
    def call(*args):
      paused.append(True)
      try:
        return function(*args)
      finally:
        paused.pop()

    return call

  unread = None
  with monkeypatch.context() as patch:
    patch.setattr(workdirs, 'as_json', unrecorded(workdirs.as_json))
    patch.setattr(config_checks, 'check', unrecorded(config_checks.check))
    for config in configs:
      leaves = list_leaves(config)
      patch.setattr(ml_collections.ConfigDict, '__getitem__', recording_get)
      with contextlib.suppress(UserError, FileNotFoundError):
        run(config)
      patch.setattr(ml_collections.ConfigDict, '__getitem__', get)
      left = {key for place, key in leaves.items() if place not in reads}
      unread = left if unread is None else unread & left
  # By `main.py`, to find the workflow.
  return sorted(unread - {'workflow'})
