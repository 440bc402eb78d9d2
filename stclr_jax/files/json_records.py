"""Frozen dataclasses that JSON can hold, of a numbered format.

Dicts begin where JSON does: what is written is `as_dict`, what is read goes
through `from_dict`, which refuses fields that it does not know.
"""

import contextlib
import dataclasses
import json
import types
import typing
from typing import ClassVar

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.files import json_files
from stclr_jax.files import whole

# What JSON holds of a plain type: of a whole number it may leave out the point.
_PLAIN = {bool: bool, int: int, float: (int, float), str: str}
# Counted up whenever what is written changes its meaning.
FORMAT = 2


@dataclasses.dataclass(frozen=True)
class Record:
  """Base of a frozen dataclass that JSON can hold.

  Fields are what JSON holds, tuples, sets, and dataclasses of such.
  """

  def as_dict(self):
    """Returns what `from_dict` reads, JSON-able."""
    return {
      field.name: _as_json(getattr(self, field.name))
      for field in dataclasses.fields(self)
    }

  @classmethod
  def from_dict(cls, written):
    """Makes the record that `as_dict` wrote.

    Args:
      written: a dict.

    Returns:
      A record of this class.

    Raises:
      UserError: if a field is missing or unknown.
    """
    return _read_fields(cls, written)


def write(path, record):
  """Writes a record with the number of the format, whole or not at all.

  Args:
    path: of the file.
    record: a `Record`.
  """
  written = {'format': FORMAT, **record.as_dict()}
  whole.write_text(path, json.dumps(written, indent=2) + '\n')


def read(path, kind, *, remedy):
  """Reads what `write` wrote.

  Args:
    path: of the file.
    kind: the class of the `Record`.
    remedy: see `check_format`.

  Returns:
    A `kind`.

  Raises:
    FileNotFoundError: if there is none.
    UserError: if it is damaged, of another format or no `kind`.
  """
  written = json_files.read(path)
  check_format(written, source=path, remedy=remedy)
  with _naming(path):
    return kind.from_dict({k: v for k, v in written.items() if k != 'format'})


class Document(Record):
  """A record that is a file of its own, written by one workflow.

  Attributes:
    workflow: which one, of the class.
  """

  workflow: ClassVar[str]

  def as_dict(self):
    """Returns what the file holds."""
    return {
      'format': FORMAT,
      'workflow': self.workflow,
      **super().as_dict(),
    }

  @classmethod
  def from_dict(cls, written):
    """Reads what `as_dict` wrote; see `Record.from_dict`."""
    return super().from_dict(
      {k: v for k, v in written.items() if k not in ('format', 'workflow')}
    )


def read_document(written, kinds, *, source, remedy):
  """Reads a document of one of some kinds.

  Args:
    written: a dict.
    kinds: `Document` classes that it may be of.
    source: see `check_format`.
    remedy: see `check_format`.

  Returns:
    A `Document`.

  Raises:
    UserError: if it is of another format or workflow, or has other fields.
  """
  check_format(written, source=source, remedy=remedy)
  by_workflow = {kind.workflow: kind for kind in kinds}
  found = written.get('workflow')
  check_one_of(f'workflow of {source}', found, by_workflow)
  with _naming(source):
    return by_workflow[found].from_dict(written)


def check_format(written, *, source, remedy, expected=FORMAT):
  """Refuses what was written in another format, before it is half-read.

  Args:
    written: a dict, with 'format' unless an earlier version wrote it.
    source: names it, for the message.
    remedy: what to do instead, a clause.
    expected: the format that this version writes there.

  Raises:
    UserError: unless it is of that format.
  """
  found = written.get('format')
  if found != expected:
    later = isinstance(found, int | float) and found > expected
    when = 'a later' if later else 'an earlier'
    raise UserError(
      f'{source} is of {when} format (`format` = {found}) and must be of '
      f'{expected}, that of this version: {remedy}.'
    )


@contextlib.contextmanager
def _naming(source):
  """Says in which file a record is that cannot be read."""
  try:
    yield
  except UserError as error:
    raise UserError(f'{source}: {error}') from error


def _as_json(value):
  if hasattr(value, 'as_dict'):
    return value.as_dict()
  if dataclasses.is_dataclass(value):
    return {
      field.name: _as_json(getattr(value, field.name))
      for field in dataclasses.fields(value)
    }
  if isinstance(value, dict):
    return {key: _as_json(one) for key, one in value.items()}
  if isinstance(value, frozenset):
    return sorted(value)
  if isinstance(value, list | tuple):
    return [_as_json(one) for one in value]
  return value


def _read_fields(cls, written, name=''):
  _refuse_other(dict, cls.__name__, written, name)
  fields = dataclasses.fields(cls)
  needed = {
    field.name
    for field in fields
    if field.default is dataclasses.MISSING
    and field.default_factory is dataclasses.MISSING
  }
  known = {field.name for field in fields}
  wrong = sorted((written.keys() - known) | (needed - written.keys()))
  if wrong:
    raise UserError(
      f"A {cls.__name__} differs from this version's in the fields "
      f'{", ".join(wrong)}; read it with the version that wrote it.'
    )
  hints = typing.get_type_hints(cls)
  return cls(**{k: _read(hints[k], value, k) for k, value in written.items()})


def _read(hint, value, name):
  """Makes what a type hint says of what JSON holds; `name` is of the field."""
  origin, inner = typing.get_origin(hint), typing.get_args(hint)
  if origin in (typing.Union, types.UnionType):
    if value is None and types.NoneType in inner:
      return None
    (hint,) = (one for one in inner if one is not types.NoneType)
    return _read(hint, value, name)
  if hint in _PLAIN:
    kinds = _PLAIN[hint]
    if isinstance(value, bool) and hint is not bool:  # to Python an int, too
      kinds = ()
    _refuse_other(kinds, hint.__name__, value, name)
    return value
  if origin in (tuple, frozenset):
    _refuse_other((list, tuple), 'a list', value, name)
    return origin(_read(inner[0], one, name) for one in value)
  if origin is dict:
    _refuse_other(dict, 'a dict', value, name)
    return {key: _read(inner[1], one, name) for key, one in value.items()}
  if hasattr(hint, 'from_dict'):
    _refuse_other(dict, hint.__name__, value, name)
    return hint.from_dict(value)
  if dataclasses.is_dataclass(hint):
    return _read_fields(hint, value, name)
  return value


def _refuse_other(kinds, words, value, name):
  if not isinstance(value, kinds):
    what = f'`{name}` (={str(value):.60})' if name else f'{str(value):.60}'
    raise UserError(
      f'{what} must be {words}; read it with the version that wrote it.'
    )
