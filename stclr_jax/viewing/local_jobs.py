"""One video at a time: taken in, looked at, given up, forgotten."""

import dataclasses
import re
import shutil
import threading
import time
from collections.abc import Callable

from stclr_jax.errors import UserError
from stclr_jax.files import file_names
from stclr_jax.viewing import own_folder

# Seconds without a word of the browser after which its work is given up.
# chosen: pages in the background are let ask once a minute.
AWAY_SECONDS = 90.0
# Bytes that are read at a time.
_CHUNK = 1 << 16


class Cancelled(BaseException):
  """Raised in the work on a video that nobody waits for any more.

  No `Exception`, like asyncio's, as whoever reads a file takes any of these for
  a fault of the file.
  """


class RefusedError(Exception):
  """A video is not taken; the text says why."""


@dataclasses.dataclass(frozen=True)
class Job:
  """The progress of the work on a video.

  Attributes:
    state: 'idle', 'working', 'done', 'failed' or 'cancelled'.
    text: what is done now, or why it failed.
    share: of the work that is done, None if not known.
    page: path of the finished page in the folder of results.
  """

  state: str = 'idle'
  text: str = ''
  share: float | None = None
  page: str = ''


class Jobs:
  """The video that is being looked at, and its results until the next one.

  Attributes:
    job: a `Job`.
  """

  def __init__(self, look_at: Callable, *, away_seconds: float = AWAY_SECONDS):
    """Begins idle.

    Args:
      look_at: function of (path of the video, its name, folder for results,
        `report`) that returns the page's path in the folder. `report(text,
        share)` says how far it is, and raises `Cancelled` if nobody waits. The
        text of a `UserError` or an `OSError` is shown.
      away_seconds: see `AWAY_SECONDS`.
    """
    self._look_at, self._away = look_at, away_seconds
    self._lock = threading.Lock()
    self.job = Job()
    self._stopped, self._heard = False, time.monotonic()
    self._own = self._folder = self._worker = None
    self._taken = 0

  @property
  def results(self):
    """The folder of results; None before there is one."""
    return self._folder and self._folder / 'results'

  def hear(self):
    """Notes that the browser is there."""
    self._heard = time.monotonic()

  def cancel(self):
    """Gives up what is being done."""
    self._stopped = True
    if self.job.state == 'working':
      self.job = Job('working', 'Giving it up')

  def close(self):
    """Gives up what is being done, waits for it, and deletes everything."""
    self.cancel()
    if self._worker:
      self._worker.join()
    self._forget()
    if self._own:
      self._own.close()
      self._own = None

  def begin(self, name, length, read):
    """Takes a video in, and starts the work on it.

    Args:
      name: of the file, as the browser gives it; only shown.
      length: in bytes.
      read: as a file's.

    Raises:
      RefusedError: if another one is being looked at, or it is given up while
        it is read.
      OSError: if it cannot be kept, or the browser goes away; nothing of it is
        left then.
    """
    with self._lock:
      if self.job.state == 'working':
        raise RefusedError(
          'Another video is being looked at; wait for it, or cancel it.'
        )
      self.job = Job('working', 'Copying', 0.0)
    if self._worker:
      self._worker.join()
    self._forget()
    self._stopped = False
    self.hear()
    try:
      self._own = self._own or own_folder.OwnFolder()
      self._taken += 1
      self._folder = self._own.path / str(self._taken)
      (self._folder / 'results').mkdir(parents=True)
      # A name of ours: theirs may be any text.
      ending = re.fullmatch(r'.*(\.[A-Za-z0-9]{1,8})', name, re.DOTALL)
      path = self._folder / f'video{ending[1] if ending else ""}'
      self._receive(read, length, path)
    except Cancelled:
      self._forget()
      self.job = Job('cancelled')
      raise RefusedError('It was given up.') from None
    except BaseException:
      self._forget()
      self.job = Job('failed', 'The video could not be copied.')
      raise
    self._worker = threading.Thread(
      target=self._work, args=(path, file_names.to_printable(name))
    )
    self._worker.start()

  def _receive(self, read, length, path):
    """Writes what the browser sends to a file."""
    left = length
    with path.open('xb') as file:
      while left:
        if self._stopped:
          raise Cancelled
        chunk = read(min(left, _CHUNK))
        if not chunk:
          raise ConnectionError('The browser went away before all was copied.')
        file.write(chunk)
        left -= len(chunk)

  def _work(self, path, name):
    self.job = Job('working', 'Reading')
    try:
      page = self._look_at(path, name, self.results, self._report)
      self.job = Job('done', '', 1.0, str(page))
    except Cancelled:
      self.job = Job('cancelled')
    except (UserError, OSError) as error:
      self.job = Job('failed', str(error))
    except Exception as error:
      self.job = Job('failed', f'A fault of the program: {error!r}')
      raise  # its traceback is for the terminal

  def _report(self, text, share=None):
    if self._stopped or time.monotonic() - self._heard > self._away:
      raise Cancelled
    self.job = Job('working', text, share)

  def _forget(self):
    if self._folder:
      shutil.rmtree(self._folder, ignore_errors=True)
    self._folder = None
