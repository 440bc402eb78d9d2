"""The rows of each table, as changes of one recipe."""

from stclr_jax.errors import UserError
from stclr_jax.errors import check_one_of
from stclr_jax.evaluation import paper_results as paper
from stclr_jax.experiments import baseline_methods
from stclr_jax.experiments import expression_rows
from stclr_jax.experiments.finished.table_layout import Reading
from stclr_jax.experiments.finished.table_layout import Row
from stclr_jax.experiments.finished.table_layout import Table
from stclr_jax.runs.checks import config_checks


def tables(config):
  """Lists the tables that a config asks for.

  Args:
    config: as `configs/reproduce.py` gives it.

  Returns:
    A list of `Table`.
  """
  makers = {
    'table2': _table_2,
    'table3': _table_3,
    'table4': _table_4,
    'table5': _table_5,
    'table6': _table_6,
    'figure6': _figure_6,
    'leaks': _leaks,
    'expression': expression_rows.make,
  }
  names = [config.table]
  if config.table == 'all':
    names = [name for name in makers if name.startswith(('table', 'figure'))]
  return [makers[name](config) for name in names]


def shares_checkpoints(config):
  """Says whether one long pretraining passes through the shorter ones.

  Args:
    config: of a reproduction.

  Returns:
    True where the learning rate does not depend on how long it will go on.
  """
  return config.recipe.pretrain.optimizer.schedule == 'constant'


def pretraining_epochs(config):
  """Lists the epochs of Table V.

  Args:
    config: of a reproduction.

  Returns:
    A sorted tuple; unless the config names others, a tenth, half and all of
    the pretraining's, as the paper's 100, 500 and 1000 are.

  Raises:
    ValueError: for epochs that the pretraining does not reach.
  """
  total = config.recipe.pretrain.num_epochs
  tenths = {max(1, total // 10), max(1, total // 2), total}
  epochs = tuple(sorted(set(config.rows.pretraining_epochs) or tenths))
  given = tuple(config.rows.pretraining_epochs)
  if epochs[0] < 1 or (epochs[-1] > total and shares_checkpoints(config)):
    raise UserError(
      f'`rows.pretraining_epochs` (={given}) are checkpoints of one '
      'pretraining, so each must lie between 1 and its '
      f'`recipe.pretrain.num_epochs` (={total}).'
    )
  return epochs


def kept_epochs(config):
  """Lists the epochs whose checkpoints a pretraining must keep.

  Args:
    config: of a reproduction.

  Returns:
    A sorted tuple: what the config keeps anyway, and what Table V takes.
  """
  kept = set(config.recipe.pretrain.checkpoint.keep_epochs)
  if shares_checkpoints(config):
    kept |= set(pretraining_epochs(config)) - {
      config.recipe.pretrain.num_epochs
    }
  return tuple(sorted(kept))


def _table_2(config):
  rows = [
    Row('ST-CLR', against=None, published=paper.TABLE_2[-1]),
    Row('the same network from scratch', {'init': 'scratch'}),
  ]
  weights = config.kinetics_weights
  if weights:
    changes = {'init': 'kinetics400', 'init_weights': weights}
    rows.append(Row('the same network from Kinetics-400', changes))
  methods = config_checks.words(config.baselines.methods)
  for method in methods:
    check_one_of('baselines.methods', method, baseline_methods.METHODS)
  return Table(
    'table2',
    'Table II: ST-CLR beside earlier methods',
    rows,
    tuple(
      Reading(
        baseline_methods.TITLES[method],
        method,
        0 if method in baseline_methods.OF_ENCODERS else None,
      )
      for method in methods
    ),
    notes=(
      *(
        ()
        if weights
        else (
          'The same network from Kinetics-400: no weights given '
          '(--config.kinetics_weights=PATH).',
        )
      ),
      'From scratch everything is trained for all epochs, as a frozen random '
      'encoder would be no fair baseline.',
    ),
  )


def _table_3(config):
  names = ('r3d_18', 'mc3_18', 'r2plus1d_18')
  return Table(
    'table3',
    'Table III: the convolutions of the encoder',
    [
      Row(
        f'{one.name} ({name})',
        {'encoder.architecture': name},
        against=0 if i else None,
        # "R(2+1)D performs better than other networks" (Sec. IV.B)
        also=(1,) if i == 2 else (),
        published=one,
      )
      for i, (name, one) in enumerate(zip(names, paper.TABLE_3, strict=True))
    ],
    notes=(
      'The paper claims that factorising lowers cost and loss. Parameters and '
      'GFLOP (2 a multiply-add, forward, one clip) are of the encoder; the '
      'step time is of pretraining on the machine of this run, and the loss '
      "its last epoch's mean over folds.",
    ),
    costs=True,
  )


def _table_4(config):
  off = ('temporal', 'crop', 'color', 'flip')
  every, *without = paper.TABLE_4
  rows = [Row(every.name, against=None, published=every)]
  for name, one in zip(off, without, strict=True):
    shown = one.name if name == 'temporal' else f'without {one.note[8:]}'
    changes = {f'pretrain.views.{name}.enabled': False}
    rows.append(Row(shown, changes, published=one))
    # Colour is off in fine-tuning anyway, so that both readings are one.
    on = config.recipe.finetune.views[name].enabled
    if config.rows.off_in_finetuning_too and on:
      changes = changes | {f'finetune.views.{name}.enabled': False}
      reading = f'{shown}, nor in fine-tuning'
      rows.append(Row(reading, changes, also=(len(rows) - 1,), published=one))
  return Table(
    'table4',
    'Table IV: the augmentations of pretraining',
    rows,
    notes=(
      'Without temporal augmentation both views hold frames evenly from first '
      'to last; without crop, the centre square.',
      'The paper does not say whether what is off in pretraining is off in '
      'fine-tuning: here it stays on'
      + (
        ', and is off in the rows "nor in fine-tuning", which stand against '
        "all augmentations and against the first reading; the paper's figure "
        'may be of either.'
        if config.rows.off_in_finetuning_too
        else '; --config.rows.off_in_finetuning_too=True adds the other '
        'reading.'
      ),
    ),
  )


def _table_5(config):
  shared = shares_checkpoints(config)
  longest = config.recipe.pretrain.num_epochs
  papers = {int(row.name.split()[0]): row for row in paper.TABLE_5}
  rows = []
  for epochs in pretraining_epochs(config):
    changes = {}
    if epochs != longest:
      changes = (
        {'finetune.init_epoch': epochs}
        if shared
        else {'pretrain.num_epochs': epochs}
      )
    # The paper's row of the same share of its own epochs.
    share = round(epochs / longest * max(papers), 9)
    rows.append(
      Row(
        f'{epochs} epoch{"" if epochs == 1 else "s"}',
        changes,
        against=0 if rows else None,
        # "only slight improvements" from 500 to 1000 (Sec. IV.B)
        also=(len(rows) - 1,) if len(rows) > 1 else (),
        published=papers.get(share),
      )
    )
  return Table(
    'table5',
    'Table V: epochs of pretraining',
    rows,
    notes=(
      'All from the checkpoints of one pretraining, which is equivalent: at a '
      'constant learning rate a run does not know how long it will go on.'
      if shared
      else 'A pretraining each: the learning rate depends on their number.',
      *(
        ()
        if longest == max(papers)
        else (
          f"The paper's figures are of {', '.join(map(str, papers))} epochs, "
          'beside the same shares of these.',
        )
      ),
    ),
  )


def _table_6(config):
  rows = []
  draws = tuple(config.rows.labelled_draws)
  shares = tuple(config.rows.labelled_fractions)
  every = shares.index(1) if 1 in shares else 0
  for init in ('pretrained', 'scratch'):
    for i, fraction in enumerate(shares):
      first = init == 'pretrained'
      papers = paper.BY_SHARE if first else {}
      rows.append(
        Row(
          f'{100 * fraction:g} %, {"ST-CLR" if first else "from scratch"}',
          {'data.labelled_fraction': fraction}
          | ({} if first else {'init': 'scratch'}),
          draws=draws if fraction < 1 else (0,),
          # From scratch: against ST-CLR with as many labels, which pairs
          # that one with it as well.
          against=(None if i == every else every) if first else i,
          also=() if first or i == every else (every,),
          published=papers.get(f'{100 * fraction:g}%'),
        )
      )
  return Table(
    'table6',
    'Table VI: share of the labels',
    rows,
    notes=(
      f'ST-CLR rows are compared with ST-CLR at {100 * shares[every]:g} %, '
      'those from scratch with ST-CLR at the same share and with that row. The '
      "paper's Table VI has no row of all labels; the drops that its text "
      'speaks of are from Table II. The subsets are fixed and nested, those by '
      'clip with each expression at its share; which labels the paper knew is '
      'not known. Fewer labels also mean fewer steps, as the epochs stay '
      'the same.',
    ),
  )


def _figure_6(config):
  return Table(
    'figure6', 'Figure 6: what is taken for what', [Row('ST-CLR', against=None)]
  )


def _leaks(config):
  return Table(
    'leaks',
    'What known ways to leak are worth',
    [
      Row('people folds, last epoch, train-only pretraining', against=None),
      Row('the epoch best on the test people (test oracle)', oracle=True),
      Row(
        "pretrained on the test people's videos as well, unlabelled",
        {'pretrain_scope': 'all_unlabelled'},
      ),
      Row(
        'clips dealt to folds, so that tested faces were trained on',
        {'data.fold_assignment': 'leaky_clips'},
      ),
    ],
    notes=('Only the first row is a result.',),
  )
