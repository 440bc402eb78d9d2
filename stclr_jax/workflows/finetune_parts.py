"""What a fine-tuning is made of, before anything is written or trained."""

from typing import Any
from typing import NamedTuple

import numpy as np

from stclr_jax.data import folds
from stclr_jax.errors import UserError
from stclr_jax.learning import checkpoints
from stclr_jax.learning import compiled_steps
from stclr_jax.learning import parallel
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.models import heads
from stclr_jax.runs import batches
from stclr_jax.runs import build
from stclr_jax.runs import loop
from stclr_jax.runs import run_videos
from stclr_jax.runs import selection
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks

STATES_BETWEEN_STAGES = ('fresh', 'kept')
INITS = ('pretrained', 'scratch', 'kinetics400')


class Parts(NamedTuple):
  """What a run is made of, once nothing in its config forbids it.

  Attributes:
    store: the `VideoStore`.
    dealt: its `folds.Folds`.
    fold: the `folds.Fold` of this run.
    labelled: training videos whose label is known, int [n].
    pretrained: the `Checkpoint` it begins with, or None.
    network: a `ClassifierNetwork`.
    view_options: `views.ViewOptions`.
    variables: of the network, the encoder as it begins.
    weights: what became of `init_weights`, or None.
    batches: `batches.Batches`, of either stage.
    stages: list of `training.Stage`.
  """

  store: Any
  dealt: Any
  fold: Any
  labelled: np.ndarray
  pretrained: Any
  network: Any
  view_options: Any
  variables: dict[str, Any]
  weights: Any
  batches: Any
  stages: list


def make(config):
  """Makes the parts of a run; whatever is wrong with its config shows here.

  Args:
    config: as `configs/finetune.py` gives it.

  Returns:
    `Parts`.

  Raises:
    FileNotFoundError: if there is no pretrained encoder where `init_from`
      says, or its pretraining is not finished and `init_epoch` names none.
    ValueError: for a config that cannot run.
  """
  parallel.check_batch_size(config.batch_size)
  parallel.check_groups(
    config.batch_norm.groups, config.batch_size, name='batch_norm.groups'
  )
  view_options = build.make_view_options(config.views)
  encoder = build.make_encoder(config)
  selection.check(config)
  pretrained = _read_pretrained(config)
  store = run_videos.load_videos(config.data)
  dealt = run_videos.make_folds(store, config.data)
  fold = dealt.fold(
    config.data.fold, validation=config.selection == 'inner_validation'
  )
  if pretrained is not None:
    trained.refuse_seen(
      pretrained,
      store,
      fold.test,
      source=f'`init_from` (={config.init_from})',
      fold=f'`data.fold` (={config.data.fold})',
      same_names=config.data.same_names,
      unlabelled_is_meant=config.pretrain_scope == 'all_unlabelled',
      leaky=dealt.leaky,
    )
  labelled = folds.labelled_subset(
    store.label,
    store.video_id,
    fold.train,
    config.data.labelled_fraction,
    seed=config.data.labelled_draw,
    unit=config.data.labelled_unit,
    subject=store.subject,
  )
  class_checks.check_trained(
    store, labelled, where=f'of fold {config.data.fold}'
  )
  network = heads.ClassifierNetwork(encoder, len(store.label_names))
  variables = build.init_network(network, view_options, seed=config.seed)
  if pretrained is not None:
    variables = checkpoints.merge_encoder(
      variables, pretrained.state, source=config.init_from
    )
  variables, weights = trained.load_weights(variables, config)
  listed = batches.Batches(
    batches.Pool.of(store, labelled),
    batches.COMPOSITIONS[config.composition],
    config.batch_size,
    config.seed,
    filled=True,
  )
  return Parts(
    store=store,
    dealt=dealt,
    fold=fold,
    labelled=labelled,
    pretrained=pretrained,
    network=network,
    view_options=view_options,
    variables=variables,
    weights=weights,
    batches=listed,
    stages=_stages(config, network, view_options, listed.per_epoch),
  )


def _read_pretrained(config):
  """Reads the encoder to begin with; None for a fresh one."""
  if config.init not in INITS:
    raise UserError(
      f'`init` (={config.init!r}) must be one of {", ".join(INITS)}.'
    )
  if config.init != 'pretrained':
    if config.init_from:
      raise UserError(
        f'`init_from` (={config.init_from!r}) has no meaning with `init` = '
        f'{config.init!r}; drop one of the two.'
      )
    return None
  if not config.init_from:
    raise UserError(
      "`init` = 'pretrained' needs `init_from`, the workdir of a pretraining "
      'run: --config.init_from=WORKDIR. To start from nothing: '
      '--config.init=scratch.'
    )
  pretrained = checkpoints.read(config.init_from, config.init_epoch)
  finished = workdirs.read_summary(config.init_from) is not None
  if not config.init_epoch and not finished:
    raise FileNotFoundError(
      f'The pretraining in `init_from` (={config.init_from}) is not finished: '
      f'its newest checkpoint is of epoch {pretrained.epoch}. Run its command '
      'again, it goes on where it stopped; or, if that epoch is meant, '
      f'--config.init_epoch={pretrained.epoch}.'
    )
  return pretrained


def _stages(config, network, view_options, steps_per_epoch):
  """Plans the frozen stage (Sec. IV.A), if any, and the one of everything."""
  between = config.optimizer.state_between_stages
  if between not in STATES_BETWEEN_STAGES:
    raise UserError(
      f'`optimizer.state_between_stages` (={between!r}) must be one of '
      f'{", ".join(STATES_BETWEEN_STAGES)}.'
    )
  optimizer = compiled_steps.by_part(build.make_optimizer(config.optimizer))
  frozen = config.frozen_epochs if config.init != 'scratch' else 0
  if not 0 <= frozen <= config.num_epochs:
    raise UserError(
      f'`frozen_epochs` (={frozen}) must lie within the `num_epochs` '
      f'(={config.num_epochs}), which counts both stages.'
    )

  def stage(start, stop, trained, peak):
    step = compiled_steps.training_step(
      steps.make_finetune_step,
      network,
      optimizer,
      view_options=view_options,
      seed=config.seed,
      trained=trained,
    )
    return loop.Stage(
      start,
      stop,
      lambda variables, opt_state: states.create_state(
        variables,
        optimizer,
        trained=steps.trained_parameters(trained),
        kept=opt_state if between == 'kept' else None,
      ),
      step,
      build.make_learning_rate(
        config.optimizer,
        peak=peak,
        num_epochs=stop - start,
        steps_per_epoch=steps_per_epoch,
      ),
    )

  stages = [
    stage(0, frozen, 'classifier', config.optimizer.frozen_learning_rate),
    stage(frozen, config.num_epochs, 'all', config.optimizer.learning_rate),
  ]
  return [stage for stage in stages if stage.stop > stage.start]
