"""Reads TensorBoard's files of events, without TensorFlow or TensorBoard."""

import pathlib
import struct

from tensorboardX import record_writer
from tensorboardX.proto import event_pb2


def read_file(path):
  """Reads a file of records and checks them.

  Args:
    path: of the file.

  Returns:
    A list of events.
  """
  content, events = pathlib.Path(path).read_bytes(), []

  def take_checked(length):
    nonlocal content
    taken, checksum = content[:length], content[length : length + 4]
    (expected,) = struct.unpack('<I', checksum)
    assert record_writer.masked_crc32c(taken) == expected
    content = content[length + 4 :]
    return taken

  while content:
    (length,) = struct.unpack('<Q', take_checked(8))
    events.append(event_pb2.Event.FromString(take_checked(length)))
  return events


def read_values(folder):
  """Reads what TensorBoard shows of a folder.

  As its `EventAccumulator`: files by name; the start of a session hides all
  that is of its step or later and was read before.

  Args:
    folder: path of the files.

  Returns:
    A list of (step, value), values with `tag`.
  """
  shown = []
  for path in sorted(pathlib.Path(folder).iterdir()):
    for event in read_file(path):
      if event.session_log.status == event_pb2.SessionLog.START:
        shown = [(step, v) for step, v in shown if step < event.step]
      shown += [(event.step, value) for value in event.summary.value]
  return shown


def read_figures(folder, name):
  """Reads the figures of a run by step.

  Args:
    folder: path of the files.
    name: of what was trained.

  Returns:
    A list of (step, name, figure), in the order in which they were written.
  """
  return [
    (step, value.tag.removeprefix(f'{name}/'), value.simple_value)
    for step, value in read_values(folder)
    if value.WhichOneof('value') == 'simple_value'
  ]


def read_pictures(folder, name):
  """Lists the pictures of a run.

  Args:
    folder: path of the files.
    name: of what was trained.

  Returns:
    A list of (step, name), in the order in which they were written.
  """
  return [
    (step, value.tag.removeprefix(f'{name}/'))
    for step, value in read_values(folder)
    if value.WhichOneof('value') == 'image'
  ]
