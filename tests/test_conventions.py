"""House rules that a test can hold: imports, names, sizes, docstrings."""

import ast
import graphlib
import importlib
import inspect
import pathlib
import re

from rooms import FOR_ALL
from rooms import MAY_IMPORT
from rooms import MODULES

from stclr_jax.learning import losses
from stclr_jax.views import spatial
from stclr_jax.views import temporal

ROOT = pathlib.Path(__file__).parents[1]
SOURCES = sorted(
  path
  for folder in (
    'stclr_jax',
    'configs',
    'tfds_oulu',
    'benchmarks',
    'examples',
  )  # fmt: skip
  for path in (ROOT / folder).rglob('*.py')
)
CODE = [*SOURCES, ROOT / 'main.py', *sorted((ROOT / 'tests').rglob('*.py'))]

# The one module that climbs: a data set is built by its builder when asked for.
CLIMBS = {'stclr_jax/data/sources.py': 'tfds_oulu'}
# TFDS looks for the class of a feature by the name of its module.
IMPORTS_TFDS = 'stclr_jax/data/encoded_images.py'
MODULES_OF_A_ROOM = 12  # at the top, where commands are, 19
LINES_OF_A_MODULE = 340  # 60 to 300 are usual
DRAWN = ROOT / 'stclr_jax/data/drawn'  # a face is one idea, and long

# Imported inside functions only, so that model, views and steps run wherever
# jax and flax do.
LAZY = {
  'array_record',
  'av',
  'dlib',
  'grain',
  'matplotlib',
  'onnx',
  'onnxruntime',
  'safetensors',
  'scipy',
  'skimage',
  'tensorflow',
  'tensorflow_datasets',
  'tfds_oulu',
  'torch',
}

OURS = ('stclr_jax', 'tfds_oulu', 'benchmarks', 'main')
# Private names that tests still reach for.
REACHED_FOR = {
  'tests/benchmarks/test_face_coverage.py: _TILE',
  'tests/benchmarks/test_face_coverage.py: _outline',
  'tests/benchmarks/test_placement_script.py: _start_worker',
  'tests/benchmarks/test_scripts.py: _convolve_2d',
  'tests/learning/test_parallel.py: _cpu_devices',
}

# Names of files that one module spells, of all or of those in a room.
IN_RUNS = tuple(
  f'stclr_jax/{room}'
  for room in ('runs', 'reports', 'workflows', 'experiments')
)
SPELLED_BY = {
  '.partial': (('',), 'stclr_jax/files/whole.py'),
  **dict.fromkeys(
    (
      'config.json',
      'environment.json',
      'summary.json',
      'predictions.csv',
      'conditions.json',
      'runs.json',
      'report.html',
      'report.md',
      'fold_',
    ),
    (IN_RUNS, 'stclr_jax/runs/workdirs.py'),
  ),
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


def room_of(module):
  """The room of a dotted module; None if it is not ours."""
  parts = module.split('.')
  if parts[0] == 'main':
    return 'commands'
  if parts[0] == 'stclr_jax' and len(parts) > 1 and parts[1] in MODULES:
    return parts[1]
  ours = parts[0] == 'stclr_jax'
  folder, room = ROOT / parts[0], [] if ours else [parts[0]]
  for part in parts[1:]:
    folder = folder / part
    if not folder.is_dir():
      break
    room.append(part)
  room = '.'.join(room) or ('commands' if ours else parts[0])
  return room if room in MAY_IMPORT else None


def test_rooms_import_only_what_lies_below():
  offenders = []
  for path in (*SOURCES, ROOT / 'main.py'):
    name = identify(path)
    room = room_of(name.removesuffix('.py').replace('/', '.'))
    allowed = {*MAY_IMPORT[room], room, *FOR_ALL, CLIMBS.get(name), None}
    for module in imported_modules(path):
      if room_of(module) not in allowed:
        offenders.append(f'{name} imports {module}')
  assert not offenders, '\n'.join(offenders)


def test_modules_import_in_no_circle():
  modules = {identify(p).removesuffix('.py').replace('/', '.') for p in SOURCES}
  imports = {}
  for path in SOURCES:
    name = identify(path).removesuffix('.py').replace('/', '.')
    found = imported_modules(path)
    parents = (m if m in modules else m.rpartition('.')[0] for m in found)
    imports[name] = {m for m in parents if m in modules} - {name}
  climbs = {name.removesuffix('.py').replace('/', '.') for name in CLIMBS}
  for name in climbs:
    imports[name] = {m for m in imports[name] if m.startswith('stclr_jax')}
  order = graphlib.TopologicalSorter(imports)
  order.prepare()  # raises CycleError, with the modules of the circle


def test_rooms_are_small_and_say_what_lives_there():
  offenders = []
  for init in (p for p in SOURCES if p.name == '__init__.py'):
    modules = [p for p in init.parent.glob('*.py') if p.name[0] != '_']
    most = 19 if init.parent.name == 'stclr_jax' else MODULES_OF_A_ROOM
    if len(modules) > most and 'benchmarks' not in init.parts:
      offenders.append(f'{identify(init.parent)} holds {len(modules)} modules')
    if not ast.get_docstring(ast.parse(init.read_text())):
      offenders.append(f'{identify(init)} does not say what lives there')
  assert not offenders, '\n'.join(offenders)


def test_configs_import_only_ml_collections():
  offenders = [
    f'{identify(path)} imports {module}'
    for path in (ROOT / 'configs').glob('*.py')
    for module in imported_modules(path)
    if module.split('.')[0] not in ('ml_collections', 'configs')
  ]
  assert not offenders, '\n'.join(offenders)


def test_heavy_packages_are_imported_lazily():
  offenders = [
    f'{identify(path)} imports {module}'
    for path in SOURCES
    if not path.is_relative_to(ROOT / 'tfds_oulu')  # which is TFDS
    if identify(path) != IMPORTS_TFDS
    for module in imported_modules(path, top_level_only=True)
    if module.split('.')[0] in LAZY
  ]
  assert not offenders, '\n'.join(offenders)


def test_only_parallel_names_pmap():
  named = [identify(p) for p in SOURCES if 'jax.pmap' in p.read_text()]
  assert named == ['stclr_jax/learning/parallel.py']


def test_one_idea_a_file():
  lengths = {p: len(p.read_text().splitlines()) for p in CODE}
  offenders = [
    f'{identify(path)} has {length} lines'
    for path, length in lengths.items()
    if length > (LINES_OF_A_MODULE if path in SOURCES else 450)
    if not path.is_relative_to(DRAWN)
  ]
  assert not offenders, '\n'.join(offenders)


def test_each_config_names_one_workflow():
  offenders = []
  for path in (ROOT / 'configs').glob('*.py'):
    if path.stem == 'common':
      continue
    config = importlib.import_module(f'configs.{path.stem}').get_config()
    modules = list((ROOT / 'stclr_jax').rglob(f'{path.stem}.py'))
    if config.workflow != path.stem or len(modules) != 1:
      offenders.append(f'{identify(path)} names {config.workflow}: {modules}')
      continue
    name = identify(modules[0]).removesuffix('.py').replace('/', '.')
    for function in ('run', 'describe'):
      if not hasattr(importlib.import_module(name), function):
        offenders.append(f'{name} has no `{function}`')
  assert not offenders, '\n'.join(offenders)


def test_config_hides_no_default():
  offenders = [
    f'{identify(path)}: {hidden}'
    for path in SOURCES
    for hidden in re.findall(r'config[\w.]*\.get\(.*,.*\)', path.read_text())
  ]
  assert not offenders, '\n'.join(offenders)


def test_public_functions_have_docstrings():
  offenders = []
  for path in SOURCES:
    if path.name.startswith('__'):
      continue
    tree = ast.parse(path.read_text())
    public = [
      node
      for node in tree.body
      if isinstance(node, ast.FunctionDef | ast.ClassDef)
      and not node.name.startswith('_')
    ]
    offenders += [
      f'{identify(path)}: {getattr(node, "name", "the file")}'
      for node in (tree, *public)
      if not ast.get_docstring(node)
    ]
  assert not offenders, '\n'.join(offenders)


def test_docstrings_begin_with_what_is_there():
  question = re.compile(r'(What|Where|Who|How|Whether)\b')
  documented = ast.Module | ast.FunctionDef | ast.ClassDef
  offenders = [
    f'{identify(path)}: {docstring.splitlines()[0]}'
    for path in SOURCES
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, documented)
    if (docstring := ast.get_docstring(node))
    if question.match(docstring)
  ]
  assert not offenders, '\n'.join(offenders)


def spelled(path):
  """Texts of a file that name files: prose, such as a docstring, has blanks."""
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
      if ' ' not in node.value:
        yield node.value


def test_names_of_files_are_spelled_once():
  offenders = [
    f'{identify(path)}: {text!r} is of {owner}'
    for name, (folders, owner) in SPELLED_BY.items()
    for path in SOURCES
    if any(path.is_relative_to(ROOT / folder) for folder in folders)
    if identify(path) != owner
    for text in spelled(path)
    if text.endswith(name)
  ]
  assert not offenders, '\n'.join(offenders)


def test_docs_name_files_that_are_there():
  offenders = []
  for name in ('docs/design.md', 'docs/contributing.md', 'README.md'):
    for path in re.findall(r'`([a-z_./]+\.py)[`:]', (ROOT / name).read_text()):
      if not any((ROOT / room / path).exists() for room in ('', 'stclr_jax')):
        offenders.append(f'{name} speaks of {path}')
  assert not offenders, '\n'.join(offenders)


def test_docs_name_functions_that_are_there():
  offenders = []
  for name in ('docs/design.md', 'docs/contributing.md'):
    text = (ROOT / name).read_text()
    for path, named in re.findall(r'`([\w/]+\.py)`: ((?:`\w+`(?:, )?)+)', text):
      rooms = (ROOT, ROOT / 'stclr_jax')
      there = next(room / path for room in rooms if (room / path).exists())
      tree = ast.parse(there.read_text())
      defined = {getattr(node, 'name', None) for node in tree.body}
      defined |= {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
      }
      for function in set(re.findall(r'`(\w+)`', named)) - defined:
        offenders.append(f'{name} speaks of {function} in {path}')
  assert not offenders, '\n'.join(offenders)


def test_design_names_each_module():
  text = (ROOT / 'docs' / 'design.md').read_text()
  rooms = text[text.index('## The rooms') : text.index('Who imports whom')]
  named = set(re.findall(r'`(\w+)(?:\.py)?`', rooms))
  offenders = [
    identify(path)
    for path in SOURCES
    if path.parts[len(ROOT.parts)] in ('stclr_jax', 'tfds_oulu')
    if path.name != '__init__.py' and not path.name.endswith('_test.py')
    if path.stem not in named
  ]
  assert not offenders, '\n'.join(offenders)


def private_names(path):
  """Names of ours, private to their module, that a test uses or replaces."""
  tree, ours = ast.parse(path.read_text()), set()
  for node in ast.walk(tree):
    if isinstance(node, ast.ImportFrom) and f'{node.module}'.startswith(OURS):
      ours |= {alias.asname or alias.name for alias in node.names}
  yield from (name for name in ours if name.startswith('_'))

  def is_ours(node):
    while isinstance(node, ast.Attribute):
      node = node.value
    return isinstance(node, ast.Name) and node.id in ours

  for node in ast.walk(tree):
    if isinstance(node, ast.Attribute) and is_ours(node.value):
      yield node.attr
    elif isinstance(node, ast.Call) and len(node.args) > 1:
      replaced, name = node.args[:2]
      if isinstance(name, ast.Constant) and is_ours(replaced):
        yield str(name.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
      if node.value.startswith(OURS) and ' ' not in node.value:
        yield from node.value.split('.')


def test_tests_go_through_the_public_surface():
  found = {
    f'{identify(path)}: {name}'
    for path in (ROOT / 'tests').rglob('*.py')
    for name in private_names(path)
    if re.match('_[a-z]', name, re.IGNORECASE) and name != '_replace'
  }
  assert not found - REACHED_FOR, '\n'.join(sorted(found - REACHED_FOR))


def test_random_functions_take_key_first():
  offenders = []
  for module in (spatial, temporal):
    for name, function in inspect.getmembers(module, inspect.isfunction):
      parameters = list(inspect.signature(function).parameters)
      if {'rng', 'seed'} & set(parameters) or 'key' in parameters[1:]:
        offenders.append(f'{module.__name__}.{name}')
  assert not offenders, '\n'.join(offenders)


def test_surface_that_stays_put():
  signature = inspect.signature(losses.nt_xent)
  assert list(signature.parameters) == [
    'z_1', 'z_2', 'temperature', 'axis_name',
  ]  # fmt: skip
  signature = inspect.signature(temporal.sample)
  assert list(signature.parameters)[:2] == ['key', 'num_video_frames']


def test_one_owner_of_the_kind_of_device():
  named = [
    identify(path)
    for path in SOURCES
    if path.is_relative_to(ROOT / 'stclr_jax')
    if 'default_backend' in path.read_text()
  ]
  assert named == ['stclr_jax/targets.py']
