"""House rules that a test can hold: imports, names, sizes, docstrings."""

import ast
import inspect
import pathlib
import re

import pytest

from stclr_jax.learning import losses
from stclr_jax.views import spatial
from stclr_jax.views import temporal

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = sorted(
  path
  for folder in ('stclr_jax', 'configs', 'tfds_oulu', 'benchmarks')
  for path in (ROOT / folder).rglob('*.py')
)
CODE = [*SOURCES, ROOT / 'main.py', *sorted((ROOT / 'tests').rglob('*.py'))]

# main -> workflows -> {evaluation, learning, data} -> {views, models} -> files
MAY_IMPORT = {
  'files': set(),
  'views': {'files'},
  'models': {'files'},
  'data': {'files', 'views'},
  'learning': {'files', 'models', 'views'},
  'evaluation': {'files', 'models', 'views'},
  'workflows': {
    'data',
    'evaluation',
    'files',
    'learning',
    'models',
    'views',
  },
}

# Imported inside functions only, so that model, views and steps run wherever
# jax and flax do.
LAZY = {
  'array_record',
  'av',
  'dlib',
  'grain',
  'matplotlib',
  'safetensors',
  'scipy',
  'skimage',
  'tensorflow',
  'tensorflow_datasets',
  'torch',
}


def imported_modules(path, *, top_level_only=False):
  tree = ast.parse(path.read_text())
  nodes = tree.body if top_level_only else ast.walk(tree)
  for node in nodes:
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      yield from (f'{node.module}.{alias.name}' for alias in node.names)


def identify(path):
  return str(path.relative_to(ROOT))


@pytest.mark.parametrize('room', MAY_IMPORT)
def test_rooms_import_only_what_lies_below(room):
  for path in (ROOT / 'stclr_jax' / room).rglob('*.py'):
    for module in imported_modules(path):
      parts = module.split('.')
      if parts[0] == 'stclr_jax':
        assert parts[1] in MAY_IMPORT[room] | {room}, (
          f'{identify(path)} imports {module}; {room} may import '
          f'{sorted(MAY_IMPORT[room])}.'
        )
      assert parts[0] != 'configs', f'{identify(path)} imports {module}.'


def test_configs_import_only_ml_collections():
  for path in (ROOT / 'configs').glob('*.py'):
    for module in imported_modules(path):
      assert module.split('.')[0] in ('ml_collections', 'configs')


@pytest.mark.parametrize('path', SOURCES, ids=identify)
def test_heavy_packages_are_imported_lazily(path):
  if path.is_relative_to(ROOT / 'tfds_oulu'):
    pytest.skip('The builder is TFDS.')
  modules = imported_modules(path, top_level_only=True)
  assert not {module.split('.')[0] for module in modules} & LAZY


@pytest.mark.parametrize('path', SOURCES, ids=identify)
def test_only_parallel_names_pmap(path):
  if identify(path) != 'stclr_jax/learning/parallel.py':
    assert 'jax.pmap' not in path.read_text()


@pytest.mark.parametrize('path', CODE, ids=identify)
def test_one_idea_a_file(path):
  # DESIGN's 60 to 300 lines; tests and the drawing of faces may be longer.
  assert len(path.read_text().splitlines()) <= 450


@pytest.mark.parametrize('path', SOURCES, ids=identify)
def test_config_hides_no_default(path):
  hidden = re.findall(r'config[\w.]*\.get\(.*,.*\)', path.read_text())
  assert not hidden, hidden


@pytest.mark.parametrize(
  'path', [p for p in SOURCES if not p.name.startswith('__')], ids=identify
)
def test_public_functions_have_docstrings(path):
  tree = ast.parse(path.read_text())
  assert ast.get_docstring(tree), f'{identify(path)} has no docstring.'
  for node in tree.body:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
      if not node.name.startswith('_'):
        assert ast.get_docstring(node), f'{identify(path)}: {node.name}'


@pytest.mark.parametrize(
  'module', [spatial, temporal], ids=lambda m: m.__name__
)
def test_random_functions_take_key_first(module):
  for name, function in inspect.getmembers(module, inspect.isfunction):
    parameters = list(inspect.signature(function).parameters)
    assert 'rng' not in parameters and 'seed' not in parameters
    if 'key' in parameters:
      assert parameters[0] == 'key', f'{module.__name__}.{name}'


def test_surface_that_stays_put():
  signature = inspect.signature(losses.nt_xent)
  assert list(signature.parameters) == [
    'z_1', 'z_2', 'temperature', 'axis_name',
  ]  # fmt: skip
  signature = inspect.signature(temporal.sample)
  assert list(signature.parameters)[:2] == ['key', 'num_video_frames']
