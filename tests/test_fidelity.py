"""The fidelity ledger says what the configs do."""

import ast
import importlib
import pathlib
import re

import ml_collections

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / 'docs/fidelity.md').read_text()
SWITCHES = re.findall(r'`((?:pretrain|finetune)\.[\w.]+)` = `([^`]*)`', TEXT)
# What the ledger must speak of, whatever it says.
CHOICES = (
  'Temperature', 'Batch size', 'Negatives across GPUs',
  'Batch norm across GPUs', 'Batch statistics over both views',
  'Projection width', 'Epoch remainder', 'Sampler mixture', 'Crop scale',
  'Colour strength', 'stands in for temporal', 'stands in for the crop',
  'Normalisation', 'Face crop', 'Fine-tuning views', 'Evaluation view',
  'Initialisation', 'Optimiser state', 'Fine-tuning batch size',
  'Plateau metric', 'Fold assignment', 'Pretraining scope', 'Selection',
)  # fmt: skip


def test_every_switch_exists_and_has_its_default(subtests):
  assert len(SWITCHES) > 40
  configs = {
    workflow: importlib.import_module(f'configs.{workflow}').get_config('paper')
    for workflow in ('pretrain', 'finetune')
  }
  for switch, default in SWITCHES:
    with subtests.test(switch=switch):
      workflow, _, key = switch.partition('.')
      value = configs[workflow]
      for part in key.split('.'):
        assert part in value, f'configs/{workflow}.py has no {key}.'
        value = value[part]
      assert value == ast.literal_eval(default)


def test_every_augmentation_is_in_the_ledger(subtests):
  views = importlib.import_module('configs.pretrain').get_config('paper').views
  for name, node in views.items():
    if isinstance(node, ml_collections.ConfigDict):
      with subtests.test(augmentation=name):
        prefix = f'pretrain.views.{name}.'
        assert any(switch.startswith(prefix) for switch, _ in SWITCHES)


def test_every_choice_is_in_the_ledger():
  first_cells = [
    line.split('|')[1] for line in TEXT.splitlines() if line.startswith('|')
  ]
  for choice in CHOICES:
    assert any(choice in cell for cell in first_cells), choice


def test_every_row_is_whole():
  for line in TEXT.splitlines():
    if line.startswith('|'):
      assert line.count('|') == 7, line
      assert all(cell.strip() for cell in line.split('|')[1:-1]), line


def test_named_code_is_there():
  for path in re.findall(r'configs/\w+\.py', TEXT):
    assert (ROOT / path).exists(), path
  from configs import reproduce

  for table in re.findall(r'reproduce\.py:([a-z]\w+)', TEXT):
    assert table in reproduce.TABLES
