"""Contrastive pretraining: from videos to an encoder (Sec. III.A)."""

import math
import time

import jax
import numpy as np

from stclr_jax.data import folds
from stclr_jax.errors import UserError
from stclr_jax.evaluation import audit
from stclr_jax.evaluation import probes
from stclr_jax.learning import compiled_steps
from stclr_jax.learning import losses
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.models import heads
from stclr_jax.reports import next_commands
from stclr_jax.reports import run_pictures
from stclr_jax.runs import batches
from stclr_jax.runs import build
from stclr_jax.runs import loop
from stclr_jax.runs import owners
from stclr_jax.runs import provenance
from stclr_jax.runs import representations
from stclr_jax.runs import run_videos
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.workflows import pretrain_checks


@owners.alone
def run(config, workdir):
  """Pretrains an encoder, or goes on where the workdir's run stopped.

  Args:
    config: as `configs/pretrain.py` gives it.
    workdir: path of the run's folder.

  Returns:
    The summary, also written to `summary.json`.

  Raises:
    ValueError: for a config that cannot run, before anything is written.
    FloatingPointError: if a metric is not finite; the last checkpoint stays.
  """
  pretrain_checks.check(config)
  view_options = build.make_view_options(config.views)
  network = make_network(config)
  store = run_videos.load_videos(config.data)
  seen = videos_seen(config, store)
  listed = batches.Batches(
    batches.Pool.of(store, seen),
    batches.COMPOSITIONS[config.composition],
    config.batch_size,
    config.seed,
    filled=False,
  )
  steps_per_epoch = listed.per_epoch
  stage = _stage(config, network, view_options, steps_per_epoch)
  if config.init not in INITS:
    raise UserError(
      f'`init` (={config.init!r}) must be one of {", ".join(INITS)}.'
    )
  variables = build.init_network(network, view_options, seed=config.seed)
  variables, weights = trained.load_weights(variables, config)
  workdir = workdirs.open_workdir(workdir, config)
  if (summary := workdirs.read_summary(workdir)) is not None:
    print(f'The run in {workdir} is finished already.')
    return summary
  provenance.refuse_other_data(workdir, store)

  started = time.monotonic()
  videos = run_videos.place(store, config.data)
  notes = _notes(config, store, seen)
  print(
    f'{store.name}: pretraining on {len(seen)} videos of '
    f'{len(notes["subjects_seen"])} people, {config.num_epochs} epochs of '
    f'{steps_per_epoch} steps on {jax.device_count()} device(s); encoder of '
    f'{states.count_parameters(variables["params"]["encoder"]):,} parameters.',
    flush=True,
  )
  run_pictures.save_view_pairs(
    workdir, store, seen[:3], view_options, config.seed
  )
  knn = _make_knn(config, network, view_options, store, videos, seen)
  chance = {
    'loss': math.log(2 * config.batch_size // config.negatives.groups - 1),
    'knn_accuracy': 1 / len(store.label_names) if knn else None,
  }
  outcome = loop.train(
    variables,
    videos.arrays,
    stages=[stage],
    batches=videos.epochs(
      listed,
      seed=config.seed,
      view_numbers=steps.PRETRAIN_VIEWS,
      options=view_options,
    ),
    steps_per_epoch=steps_per_epoch,
    clips_per_step=2 * config.batch_size,
    workdir=workdir,
    notes=notes,
    checkpoint_every_epochs=config.checkpoint.every_epochs,
    keep_checkpoints=config.checkpoint.keep,
    keep_epochs=config.checkpoint.keep_epochs,
    log_every_steps=config.log_every_steps,
    end_epoch=_make_end_epoch(config, knn, chance, steps_per_epoch),
  )
  audited = None
  if config.audit.enabled:
    audited = representations.audit_encoder(
      network,
      outcome.variables,
      store,
      videos,
      seen,
      view_options=view_options,
      batch_size=config.knn.batch_size,
      seed=config.seed,
    )
  summary = {
    'workflow': 'pretrain',
    'preset': config.preset,
    'data': store.name,
    'synthetic': store.synthetic,
    'init': config.init,
    'init_weights': weights,
    **outcome.figures,
    **{f'{name}_at_chance': value for name, value in chance.items()},
    'views_per_second': outcome.clips_per_second,
    'epochs': config.num_epochs,
    'steps': config.num_epochs * steps_per_epoch,
    'audit': audited,
    'fine_tuning': next_commands.plan_fine_tuning(config, store),
    'seconds': outcome.earlier_seconds + time.monotonic() - started,
  }
  run_pictures.save_pretraining_curves(workdir, chance)
  workdirs.write_json(workdir / workdirs.SUMMARY, summary)
  return summary


def describe(summary, workdir):
  """Says what came out and what to type next.

  Args:
    summary: as `run` returns it.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  chance = {
    name: summary[f'{name}_at_chance'] for name in ('loss', 'knn_accuracy')
  }
  audited = summary['audit']
  found = f'{audit.describe(audited)}\n' if audited else ''
  following = next_commands.after_pretraining(summary, workdir)
  return '\n'.join(
    [
      f'Pretrained: {_words(summary, chance)}.\n{found}'
      f'In {workdir}: summary.json, metrics.jsonl, figures/, checkpoints/',
      *following,
    ]
  )


def make_network(config):
  """Makes the network of a pretraining config."""
  encoder = build.make_encoder(config)
  if config.batch_norm.views == 'apart':
    encoder = encoder.clone(groups=2 * encoder.groups)
  return heads.PretrainNetwork(
    encoder,
    heads.ProjectionHead(
      config.projection.hidden_features, config.projection.features
    ),
  )


INITS = ('scratch', 'kinetics400')
PRETRAIN_SCOPES = ('train_folds', 'all_unlabelled')


def videos_seen(config, store):
  """Chooses the videos that pretraining may see.

  Args:
    config: with `pretrain_scope` and `data`.
    store: a `VideoStore`.

  Returns:
    Video indices, int [n].

  Raises:
    ValueError: for an unknown scope.
  """
  if config.pretrain_scope not in PRETRAIN_SCOPES:
    raise UserError(
      f'`pretrain_scope` (={config.pretrain_scope!r}) must be one of '
      f'{", ".join(PRETRAIN_SCOPES)}.'
    )
  unlabelled = (store.label == folds.UNLABELLED).all()
  # Where nobody has a label, nobody is ever tested.
  if config.pretrain_scope == 'all_unlabelled' or unlabelled:
    return np.arange(store.num_videos)
  return run_videos.select_fold(
    store, config.data, validation=config.hold_out_validation
  ).pretrain


def _notes(config, store, seen):
  return {
    'workflow': 'pretrain',
    'encoder': workdirs.as_json(config.encoder),
    'batch_norm': workdirs.as_json(config.batch_norm),
    'views': workdirs.as_json(config.views),
    **provenance.data_notes(store),
    'init': config.init,
    'pretrain_scope': config.pretrain_scope,
    'subjects_seen': np.unique(store.subject[seen]).tolist(),
    **trained.note_seen(store, seen, labels=False),
  }


def _stage(config, network, view_options, steps_per_epoch):
  """Plans the only stage: everything is trained, at one learning rate."""
  optimizer = build.make_optimizer(config.optimizer)
  return loop.Stage(
    start=0,
    stop=config.num_epochs,
    create_state=lambda variables, _: states.create_state(variables, optimizer),
    step=compiled_steps.training_step(
      steps.make_pretrain_step,
      network,
      optimizer,
      view_options=view_options,
      seed=config.seed,
      contrastive_loss=losses.CONTRASTIVE_LOSSES[config.loss](
        config.temperature, config.negatives.groups
      ),
      views_apart=config.batch_norm.views == 'apart',
    ),
    learning_rate=build.make_learning_rate(
      config.optimizer,
      peak=config.optimizer.learning_rate,
      num_epochs=config.num_epochs,
      steps_per_epoch=steps_per_epoch,
    ),
  )


def _make_end_epoch(config, knn, chance, steps_per_epoch):
  """Makes `end_epoch` of `training.train`: neighbours vote, and it says so."""

  def end_epoch(epoch, variables, figures, journal):
    if epoch % config.knn.every_epochs and epoch != config.num_epochs:
      return
    journal.pause()
    figures['knn_accuracy'] = knn(variables) if knn else None
    if knn:
      journal.write(
        step=epoch * steps_per_epoch,
        epoch=epoch,
        knn_accuracy=figures['knn_accuracy'],
      )
    journal.say(
      f'epoch {epoch}/{config.num_epochs}: {_words(figures, chance)}, '
      f'{journal.pace()}'
    )

  return end_epoch


def _make_knn(config, network, view_options, store, videos, seen):
  """Makes `knn(variables)`; None unless there is anything to tell apart."""
  labelled = seen[store.label[seen] != folds.UNLABELLED]
  if not class_checks.can_tell_apart(store, labelled):
    return None
  encode = videos.inference(
    compiled_steps.inference_step(
      network, view_options=view_options, method='encode'
    ),
    options=view_options,
    batch_size=config.knn.batch_size,
  )

  def knn(variables):
    return probes.knn_accuracy(
      encode(variables, labelled),
      store.label[labelled],
      store.subject[labelled],
      num_neighbors=config.knn.num_neighbors,
    )

  return knn


def _words(figures, chance):
  words = (
    f'loss {figures["loss"]:.3f} (chance {chance["loss"]:.3f}), '
    f'contrastive accuracy {figures["contrastive_accuracy"]:.1%}'
  )
  if figures['knn_accuracy'] is None:
    return f'{words}, no kNN without labels of two people and two classes'
  return (
    f'{words}, kNN {figures["knn_accuracy"]:.1%} (chance '
    f'{chance["knn_accuracy"]:.1%})'
  )
