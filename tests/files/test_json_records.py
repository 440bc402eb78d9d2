import dataclasses
import json

import pytest

from stclr_jax.errors import UserError
from stclr_jax.files import json_records


@dataclasses.dataclass(frozen=True)
class Plain:
  low: float


@dataclasses.dataclass(frozen=True)
class Part(json_records.Record):
  names: frozenset[str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole(json_records.Record):
  parts: tuple[Part, ...]
  maybe: Part | None
  by_name: dict[str, Plain]
  rows: tuple[tuple[int, ...], ...] = ()


def test_records_come_back_from_json_or_are_refused():
  part = Part(frozenset('ba'))
  for maybe in (None, part):
    record = Whole(
      parts=(part, part),
      maybe=maybe,
      by_name={'x': Plain(0.5)},
      rows=((1, 2), (3,)),
    )
    written = json.loads(json.dumps(record.as_dict()))
    assert written['parts'][0] == {'names': ['a', 'b']}
    assert Whole.from_dict(written) == record
  for changes, named in (({'new': 1}, 'new'), ({'maybe': ...}, 'maybe')):
    wrong = {k: v for k, v in (written | changes).items() if v is not ...}
    with pytest.raises(UserError, match=f'Whole differs.* {named};'):
      Whole.from_dict(wrong)
  with pytest.raises(UserError, match='Plain differs.*high'):
    Whole.from_dict(written | {'by_name': {'x': {'low': 1.0, 'high': 2.0}}})
  for words, kind in (
    ('`parts` .=3. must be a list', {'parts': 3}),
    ('`parts` .=3. must be Part', {'parts': [3]}),
    ('`parts` .=None. must be a list', {'parts': None}),
    ('`by_name` .=... must be a dict', {'by_name': []}),
    ('`maybe` .=x. must be Part', {'maybe': 'x'}),
    ('`rows` .=1.5. must be int', {'rows': [[1.5]]}),
    ('`rows` .=True. must be int', {'rows': [[True]]}),
    ('`low` .=1. must be float', {'by_name': {'x': {'low': '1'}}}),
  ):
    with pytest.raises(UserError, match=words):
      Whole.from_dict(written | kind)
  whole = Whole.from_dict(written | {'by_name': {'x': {'low': 1}}})
  assert whole.by_name['x'].low == 1  # as other programs write 1.0
  del written['rows']  # has a default
  assert Whole.from_dict(written).rows == ()


def test_a_file_that_holds_another_record_is_named(tmp_path):
  path = tmp_path / 'part.json'
  json_records.write(path, Part(frozenset('a')))
  assert json_records.read(path, Part, remedy='') == Part(frozenset('a'))
  with pytest.raises(UserError, match='part.json: A Whole differs.* by_name'):
    json_records.read(path, Whole, remedy='')


def test_other_formats_are_refused_by_name():
  now = json_records.FORMAT
  for written, when in (
    ({}, 'an earlier'),
    ({'format': now - 1}, 'an earlier'),
    ({'format': now + 1}, 'a later'),
  ):
    with pytest.raises(UserError, match=f'a/b is of {when} .*: do so.'):
      json_records.check_format(written, source='a/b', remedy='do so')
  json_records.check_format({'format': now}, source='', remedy='')
