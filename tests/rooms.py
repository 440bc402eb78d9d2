"""The rooms of the house, and whom each may import."""

# Each room of the package, with those below it that it may import:
# main -> experiments -> workflows -> reports -> runs
#      -> {evaluation, learning, data} -> {views, models} -> files
# Modules that any room imports.
FOR_ALL = ('errors', 'making', 'oulu_casia', 'programs', 'targets')
MODULES = FOR_ALL  # rooms of one module
MEDIA = {'files', 'data.pictures', 'data.video', 'data.faces'}
DATA = {'files', 'views', 'data.people', 'data.pictures', 'data.drawn'}
MODELS = {'models', 'models.weights'}
BELOW_RUNS = {
  *DATA,
  'data',
  'evaluation',
  'evaluation.audits',
  'learning',
  'learning.running',
  'learning.saved',
  *MODELS,
  'views',
}
RUNS = {'runs', 'runs.checks', 'runs.training'}
ROOMS = {
  **{name: set() for name in FOR_ALL},
  'files': set(),
  'views': {'files'},
  'models': {'files', 'models.kernels'},
  'models.kernels': set(),
  'models.weights': {'files', 'models'},
  'data.pictures': {'files'},
  'data.video': {'files', 'data.pictures'},
  'data.faces': {'files', 'data.pictures'},
  'data.people': {'files', 'data.pictures'},
  'data.drawn': {'files'},
  'data': DATA,
  'data.listings': {*MEDIA, 'data.people', 'data.drawn'},
  'data.imports': {*MEDIA, *DATA, 'data', 'data.listings'},
  'learning': {'files', 'models', 'views'},
  'learning.running': {'files', 'models', 'learning'},
  'learning.saved': {'files', 'learning', 'learning.running'},
  'inference': {*BELOW_RUNS, 'inference.videos'} - {'data'},
  'inference.tables': {'files'},
  'inference.videos': {
    *MEDIA,
    *DATA,
    'data',
    'data.imports',
    'data.listings',
    'inference.tables',
  },
  'evaluation': {'files', 'models', 'views'},
  'evaluation.audits': {'files', 'evaluation'},
  'runs.checks': BELOW_RUNS,
  'viewing': {'files', 'data.video', 'inference.videos', 'inference.tables'},
  'runs': {*BELOW_RUNS, 'runs.checks'},
  'runs.training': {*BELOW_RUNS, 'runs'},
  'reports': {*BELOW_RUNS, *RUNS},
  'reports.browsing': {*BELOW_RUNS, *RUNS, 'reports'},
  'exports': {*BELOW_RUNS, *RUNS, 'inference'},
  'workflows': {*BELOW_RUNS, *RUNS, 'reports', 'data.listings'},
  'experiments.finished': {*BELOW_RUNS, *RUNS, 'reports'},
  'experiments': {
    *BELOW_RUNS,
    *RUNS,
    'reports',
    'workflows',
    'experiments.finished',
  },
}
MAY_IMPORT = {
  **ROOMS,
  'commands': set(ROOMS),  # main.py and the modules of stclr_jax itself
  'configs': set(),
  'examples': {'views', 'models', 'learning', 'data.drawn'},
  'tfds_oulu.scan': {*MEDIA, 'data.people'},
  'tfds_oulu': {*DATA, *MEDIA, 'data', 'tfds_oulu.scan'},
  'benchmarks': {*ROOMS, 'benchmarks.step', 'benchmarks.pipeline'},
  'benchmarks.step': {*ROOMS, 'benchmarks', 'configs'},
  'benchmarks.pipeline': {*ROOMS, 'benchmarks', 'benchmarks.step', 'configs'},
  'benchmarks.science': {*ROOMS, 'benchmarks', 'configs'},
  'benchmarks.faults': {*ROOMS, 'benchmarks', 'commands', 'configs'},
}
