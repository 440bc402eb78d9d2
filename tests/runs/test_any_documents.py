"""Files of a run in which anything was changed: refused in words, or read."""

import contextlib
import json
import typing

import pytest
from damage import changed
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st
from made_summaries import make

from stclr_jax import making
from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.files import json_files
from stclr_jax.files import json_records
from stclr_jax.learning.saved import checksums
from stclr_jax.runs import summaries
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.training import journal

pytestmark = pytest.mark.properties
SUMMARY = make(summaries.PretrainSummary)
NOTES = trained.PretrainNotes(
  encoder={'width': 1.0},
  batch_norm={'momentum': 0.1},
  views={'size': 112},
  data='mine:videos',
  data_hash='0' * 64,
  seen=(
    identity.Seen(
      'mine:videos', False, frozenset({'anna'}), recordings=frozenset({'1f'})
    ),
  ),
  making=making.Making(),
  init='scratch',
  pretrain_scope='train_folds',
)


def as_json(record):
  return json.loads(json.dumps(record.as_dict()))


def is_of(hint, value):
  """Whether a value is what a field's type says."""
  origin, inner = typing.get_origin(hint), typing.get_args(hint)
  if hint is typing.Any:
    return True
  if inner and type(None) in inner:
    return value is None or any(is_of(one, value) for one in inner)
  if origin in (tuple, frozenset):
    return isinstance(value, origin) and all(is_of(inner[0], v) for v in value)
  if origin is dict:
    return isinstance(value, dict) and all(
      is_of(inner[1], one) for one in value.values()
    )
  if hint is float:
    return isinstance(value, float | int) and not isinstance(value, bool)
  if hint is int:
    return isinstance(value, int) and not isinstance(value, bool)
  return isinstance(value, hint)


@pytest.mark.parametrize('record', [SUMMARY, NOTES], ids=['summary', 'notes'])
@given(data=st.data())
def test_a_document_is_read_as_its_types_say_or_refused(record, data):
  written = data.draw(changed(as_json(record)))
  if not isinstance(written, dict):
    written = {'format': written}
  try:
    found = json_records.read_document(
      written, [type(record)], source='It', remedy='write it again'
    )
  except UserError as error:
    assert 'It' in str(error)
    return
  for name, hint in typing.get_type_hints(type(record)).items():
    if name != 'workflow':
      assert is_of(hint, getattr(found, name)), name


@given(data=st.data())
def test_damaged_files_of_a_run_are_refused_or_read(data, tmp_path_factory):
  folder = tmp_path_factory.getbasetemp() / 'any_documents'
  folder.mkdir(exist_ok=True)
  content = json.dumps(as_json(SUMMARY)).encode()
  config = json.dumps({'format': json_records.FORMAT, 'workflow': 'x'}).encode()
  lines = b'{"step": 1, "loss": 2.5}\n{"step": 2, "loss": 2.25}\n'
  (folder / workdirs.SUMMARY).write_bytes(data.draw(damaged(content)))
  (folder / workdirs.CONFIG).write_bytes(data.draw(damaged(config)))
  (folder / journal.METRICS).write_bytes(data.draw(damaged(lines)))
  (folder / '1').mkdir(exist_ok=True)
  (folder / '1' / 'array').write_bytes(b'numbers')
  (folder / checksums.NAME).unlink(missing_ok=True)
  checksums.seal(folder)
  sealed = (folder / checksums.NAME).read_bytes()
  (folder / checksums.NAME).write_bytes(data.draw(damaged(sealed)))
  # None where nothing is known: the checkpoint is then read whole.
  assert checksums.find_changed(folder, 1) in (None, '')
  for read in (
    lambda: summaries.read(folder, summaries.PretrainSummary),
    lambda: workdirs.read_config(folder),
    lambda: journal.read_lines(folder),
    lambda: json_files.drop_lines_beyond(folder / journal.METRICS, 1),
  ):
    with contextlib.suppress(UserError):
      read()
