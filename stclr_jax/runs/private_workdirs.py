"""A folder for each process of a run: the first one's is kept.

All processes run the same program, files included. What others than the first
write goes into a folder of theirs that begins as a copy and is thrown away, so
that no workflow needs to know of processes, nor the machines to share a disk.
"""

import contextlib
import pathlib
import tempfile

from stclr_jax.files import whole
from stclr_jax.learning.running import processes
from stclr_jax.learning.saved import checkpoints
from stclr_jax.learning.saved import chosen_networks
from stclr_jax.runs import workdirs

# Folders that the first process alone reads, or nobody.
_LEFT_OUT = (
  checkpoints.FOLDER,
  checkpoints.UNFINISHED_EPOCH,
  checkpoints.DAMAGED,
  workdirs.EVENTS,
  workdirs.FIGURES,
)


@contextlib.contextmanager
def of_process(workdir):
  """Gives a process the folder that it writes to.

  Args:
    workdir: of the run, the same in all processes; need not be there.

  Yields:
    Its path in the first process; in others that of a copy, which ends with the
    context.
  """
  workdir = pathlib.Path(workdir)
  begun = processes.from_first(lambda: _pack(workdir))
  if processes.is_first():
    yield workdir
    return
  with tempfile.TemporaryDirectory(prefix='stclr_jax_') as place:
    copy = pathlib.Path(place) / (workdir.name or 'run')
    for name, content in begun.items():
      path = copy / name
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_bytes(content)
    yield copy


def _pack(workdir):
  """The files of a run or a tree that the next session reads, by path."""
  if not workdir.is_dir():
    return {}
  if not (workdir / workdirs.CONFIG).exists():
    # It will be refused if anything is in it; nobody needs to know what.
    return {path.name: b'' for path in sorted(workdir.iterdir())[:1]}
  return {
    str(path.relative_to(workdir)): path.read_bytes()
    for path in sorted(workdir.rglob('*'))
    if path.is_file() and _is_read(path, workdir)
  }


def _is_read(path, workdir):
  if path.name.endswith(workdirs.LOCK) or whole.is_left_over(path):
    return False
  if set(path.relative_to(workdir).parts[:-1]) & set(_LEFT_OUT):
    return False
  finished = (path.parent / workdirs.SUMMARY).exists()
  return path.name != chosen_networks.CHOSEN or not finished
