"""One run that is killed, stopped, damaged or without disk; how it ends."""

import contextlib
import dataclasses
import os
import random
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from benchmarks.faults import outcomes
from benchmarks.faults import victims
from stclr_jax import commands
from stclr_jax.learning.saved import checkpoints

# chosen: ten times what the slowest run takes; a run that takes longer hangs.
HANGS_AFTER = 600
KILL, TERMINATE, DAMAGE, FULL_DISK = 'kill', 'terminate', 'damage', 'full disk'
# chosen: what a run keeps free (`files/disk`) four times.
_DISK_BYTES = 128 << 20


class Wrong(Exception):
  """A run that has suffered is wrong: how, in words."""


class Disk:
  """A small file system of a run's own, which can be full."""

  def __init__(self, folder):
    self.folder = folder
    self._filler = folder / 'filler'

  @contextlib.contextmanager
  def mounted(self):
    """Mounts it; needs the right to, which `unshare` gives to any user.

    Raises:
      OSError: without that right.
    """
    self.folder.mkdir(parents=True)
    asked = ['mount', '-t', 'tmpfs', '-o', f'size={_DISK_BYTES}', 'tmpfs']
    done = subprocess.run([*asked, self.folder], capture_output=True, text=True)
    if done.returncode:
      raise OSError(done.stderr.strip())
    try:
      yield self
    finally:
      subprocess.run(['umount', '--lazy', self.folder], check=True)

  def fill(self):
    """Writes until there is no room."""
    with (
      contextlib.suppress(OSError), self._filler.open('wb', buffering=0) as file
    ):  # fmt: skip
      while file.write(bytes(4096)):
        pass

  def free(self):
    """Makes room again."""
    self._filler.unlink()


class Running:
  """The processes of one run."""

  def __init__(self, name, workdir, place):
    """Starts them; `place` holds what is compiled, and what they say."""
    count = victims.PROCESSES.get(name, 1)
    with socket.socket() as unused:
      unused.bind(('localhost', 0))
      port = unused.getsockname()[1]
    self._log = place / f'{workdir.name}_{time.time_ns()}.log'
    self.processes = []
    with self._log.open('w') as log:
      for number in range(count):
        joining = [str(port), str(number)] if count > 1 else []
        self.processes.append(
          subprocess.Popen(
            [
              sys.executable, '-m', 'benchmarks.faults.victims', name, workdir,
              place / 'compiled', *joining,
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(
              os.environ,
              # Compiled sooner; what is compared is one program with itself.
              JAX_DISABLE_MOST_OPTIMIZATIONS='1',
              JAX_NUM_CPU_DEVICES='1',
            ),
          )
        )  # fmt: skip

  def are_over_after(self, seconds):
    """Waits for so long at most; says whether all of them have ended."""
    until = time.monotonic() + seconds
    try:
      for process in self.processes:
        process.wait(max(0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
      return False
    return True

  def end(self, after):
    """Waits until all have ended; returns their exit codes.

    Raises:
      Wrong: if they do not; they are killed.
    """
    if not self.are_over_after(HANGS_AFTER):
      for process in self.processes:
        process.kill()
      raise Wrong(f'hangs {after}: {self.said()}')
    return [process.returncode for process in self.processes]

  def said(self):
    """The end of what they have said."""
    return self._log.read_text()[-1500:]


@dataclasses.dataclass(frozen=True)
class Whole:
  """A run that nothing was done to.

  Attributes:
    outcome: see `outcomes.read`.
    seconds: that it took, once all was compiled.
  """

  outcome: dict[str, Any]
  seconds: float


def run_whole(name, place):
  """Runs a workflow twice; the second time nothing is compiled.

  Args:
    name: of `victims.WORKFLOWS`.
    place: folder for what is compiled, and for the runs.

  Returns:
    A `Whole`, of the second.

  Raises:
    Wrong: if they do not end, or not in the same.
  """
  found = []
  for number in (0, 1):
    workdir = place / f'{name}_{number}'
    started = time.monotonic()
    running = Running(name, workdir, place)
    if any(running.end('by itself')):
      raise Wrong(running.said())
    seconds = time.monotonic() - started
    found.append(outcomes.read(workdir))
  if different := outcomes.compare(*found):
    raise Wrong(f'{name}, run twice, is not the same: {different}')
  return Whole(found[-1], seconds)


class Case:
  """A run that suffers one to three times, and then may end.

  Attributes:
    name: of the workflow.
    number: of the case in its campaign.
    suffered: kinds of faults, in order.
    too_late: how many more there would have been, had the run not been over.
    seconds_to_the_end: from each SIGTERM that was heard until all had ended.
    wrong: what is wrong with how it went, in words; '' for nothing.
  """

  def __init__(self, name, number, kinds, draw):
    """Begins nothing; `draw` is a `random.Random`."""
    self.name = name
    self.number = number
    self.suffered = []
    self.too_late = 0
    self.seconds_to_the_end = []
    self.wrong = ''
    self._draw: random.Random = draw
    self._kinds = draw.choices(kinds, k=draw.randint(1, 3))

  def suffer(self, place, whole):
    """Suffers, goes on to the end, and is compared.

    Args:
      place: folder for what is compiled and said.
      whole: the `Whole` that it should have become.
    """
    disk = Disk(place / f'case_{self.number}')
    full = FULL_DISK in self._kinds
    with disk.mounted() if full else contextlib.nullcontext():
      workdir = disk.folder / f'case_{self.number}'
      workdir.parent.mkdir(exist_ok=True)
      try:
        for kind in self._kinds:
          running = Running(self.name, workdir, place)
          if running.are_over_after(self._draw.uniform(0, whole.seconds)):
            self.too_late += 1
            continue
          self.suffered.append(kind)
          self._end_early(kind, running, disk)
          if kind == DAMAGE:
            self._damage(workdir)
        running = Running(self.name, workdir, place)
        if any(running.end('once all is over')):
          raise Wrong(f'does not go on: {running.said()}')
        if different := outcomes.compare(outcomes.read(workdir), whole.outcome):
          raise Wrong(different)
      except Wrong as wrong:
        self.wrong = str(wrong)

  def _end_early(self, kind, running, disk):
    """Ends a run by a fault.

    Raises:
      Wrong: if it hangs, or ends in other ways than it should.
    """
    victim = self._draw.choice(running.processes)
    sent = time.monotonic()
    if kind == FULL_DISK:
      disk.fill()
    else:
      victim.send_signal(
        signal.SIGTERM if kind == TERMINATE else signal.SIGKILL
      )
    codes = running.end(f'after {kind}')
    if kind == FULL_DISK:
      disk.free()
    if commands.TERMINATED in codes:
      self.seconds_to_the_end.append(time.monotonic() - sent)
    # Others than the victim end in a sentence, with 1; a victim that does not
    # handle the signal yet, by it.
    allowed = {
      KILL: (0, 1, -signal.SIGKILL),
      DAMAGE: (0, 1, -signal.SIGKILL),
      TERMINATE: (0, 1, -signal.SIGTERM, commands.TERMINATED),
      FULL_DISK: (0, 1),
    }
    said = running.said()
    if not set(codes) <= set(allowed[kind]) or 'Traceback' in said:
      raise Wrong(f'ends with {codes} after {kind}: {said}')

  def _damage(self, workdir):
    """Damages a file of the newest checkpoint of the run."""
    folders = [
      path
      for name in (checkpoints.FOLDER, checkpoints.UNFINISHED_EPOCH)
      for path in workdir.rglob(f'{name}/*')
      if path.is_dir() and path.name.isdecimal()
    ]
    unfinished = [
      folder
      for folder in folders
      if not (folder.parents[1] / 'summary.json').exists()
    ]
    if not unfinished:
      self.suffered[-1] = KILL  # which it was, with nothing to damage
      return
    newest = max(unfinished, key=lambda folder: folder.stat().st_mtime)
    files = sorted(path for path in newest.rglob('*') if path.is_file())
    damage(self._draw.choice(files), self._draw)


def damage(path, draw):
  """Removes, empties or halves a file, or flips a bit of it."""
  content = bytearray(path.read_bytes())
  how = draw.choice(('removed', 'emptied', 'halved', 'flipped'))
  if how == 'removed':
    path.unlink()
  elif how == 'emptied' or not content:
    path.write_bytes(b'')
  elif how == 'halved':
    path.write_bytes(content[: len(content) // 2])
  else:
    content[draw.randrange(len(content))] ^= 1
    path.write_bytes(content)
