"""The fidelity ledger says what the configs do."""

import ast
import importlib
import pathlib
import re

import jax
import ml_collections
import numpy as np

from stclr_jax.views import color

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / 'docs/fidelity.md').read_text()
SWITCHES = re.findall(
  r'`((?:pretrain|finetune|reproduce)\.[\w.]+)` = `([^`]*)`', TEXT
)
# What the ledger must speak of, whatever it says.
CHOICES = (
  'Temperature', 'Batch size', 'Negatives across GPUs',
  'Batch norm across GPUs', 'Batch statistics over both views',
  'Projection width', 'Epoch remainder', 'Sampler mixture', 'Crop scale',
  'Colour strength', 'stands in for temporal', 'stands in for the crop',
  'Normalisation', 'Face crop', 'Fine-tuning views', 'Evaluation view',
  'Initialisation', 'Optimiser state', 'Fine-tuning batch size',
  'Plateau metric', 'Fold assignment', 'Pretraining scope', 'Selection',
  'How often colour is left', "projection head's layers begin",
  'classifier begins', 'Fewer frames than asked', 'fewer than 16 frames',
  'off in fine-tuning',
  "Table I's temporal kernels",
)  # fmt: skip


def test_every_switch_exists_and_has_its_default(subtests):
  assert len(SWITCHES) > 40
  configs = {
    workflow: importlib.import_module(f'configs.{workflow}').get_config('paper')
    for workflow in ('pretrain', 'finetune')
  }
  reproduce = importlib.import_module('configs.reproduce')
  configs['reproduce'] = reproduce.get_config('all,paper')
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


def test_the_authors_code_is_named_by_commit():
  before = TEXT.partition('### ')[0]
  listed = before.partition('holds for these commits:')[2]
  for name, commits in (
    ('pytorch-VideoDataloader', 3), ('ActiveFER', 2), ('SSL_FER', 1),
    ('SupContrast', 1),
  ):  # fmt: skip
    named = re.search(rf'{name} (`.*?)(?:; [A-Z]|\. A switch)', listed)
    assert named and len(re.findall('`[0-9a-f]{40}`', named[1])) == commits
  # A short one in a row is the beginning of one of them.
  for short in re.findall(r'\(([0-9a-f]{7})\)', TEXT.partition('### ')[2]):
    assert re.search(rf'`{short}[0-9a-f]{{33}}`', before), short


def test_colour_is_left_as_often_as_the_ledger_says():
  (row,) = (x for x in TEXT.splitlines() if 'How often colour is left' in x)
  options = importlib.import_module('configs.pretrain').get_config('paper')
  options = options.views.color
  keys = jax.random.split(jax.random.key(0), 4000)
  drawn = jax.vmap(
    lambda key: color.draw_color(
      key,
      strengths=[options[name] for name in color.NAMES],
      probability=options.probability,
    )
  )(keys)
  factors = np.stack(drawn[1:], axis=1)
  left = (factors == (1, 1, 1, 0)).all(axis=1)
  assert 'a fifth of the views' in row
  assert abs(left.mean() - 1 / 5) < 4 * (0.2 * 0.8 / len(keys)) ** 0.5
  # The others are distorted in all four ways.
  assert (factors[~left] != (1, 1, 1, 0)).mean() > 0.99


def test_the_classifiers_deviations_are_those_of_the_ledger():
  (row,) = (x for x in TEXT.splitlines() if 'How the classifier begins' in x)
  torchs = 1 / (3 * 512) ** 0.5  # uniform within 1 / sqrt(512)
  assert f"torch's would be {torchs:.3f} with" in row


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
