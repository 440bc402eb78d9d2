"""Contrastive pretraining: from videos to an encoder (Sec. III.A)."""

import jax
import numpy as np

from stclr_jax import making
from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.evaluation.audits import audit
from stclr_jax.learning import batches
from stclr_jax.learning import losses
from stclr_jax.learning import negatives
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.learning.running import compiled_steps
from stclr_jax.models import heads
from stclr_jax.reports import next_commands
from stclr_jax.reports import report_parts
from stclr_jax.reports import run_pictures
from stclr_jax.runs import build
from stclr_jax.runs import events
from stclr_jax.runs import owners
from stclr_jax.runs import provenance
from stclr_jax.runs import representations
from stclr_jax.runs import run_videos
from stclr_jax.runs import summaries
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.training import loop
from stclr_jax.runs.training import plans
from stclr_jax.workflows import pretrain_progress


@owners.alone
def run(config, workdir, *, store=None, train=loop.train):
  """Pretrains an encoder, or goes on where the workdir's run stopped.

  Args:
    config: as `configs/pretrain.py` gives it.
    workdir: path of the run's folder.
    store: the `VideoStore` to read in place of `config.data`'s.
    train: what goes through the plan, as `loop.train` does.

  Returns:
    A `summaries.PretrainSummary`, also written to `summary.json`.

  Raises:
    UserError: for a config that cannot run, before anything is written.
    FloatingPointError: if a metric is not finite; the last checkpoint stays.
  """
  network = make_network(config)
  view_options = build.make_view_options(config.views)
  drawn = build.make_view_options(config.views, read=network.input)
  data = build.read_options(run_videos.DataOptions, config.data)
  folding = build.read_options(build.FoldOptions, config.data)
  with_faces = config.data.with_faces
  store = store or run_videos.load_videos(data)
  seen = build.videos_seen(
    store,
    folding,
    pretrain_scope=config.pretrain_scope,
    hold_out_validation=config.hold_out_validation,
  )
  listed = batches.Batches(
    batches.Pool.of(store, seen),
    batches.COMPOSITIONS[config.batches.composition],
    config.batch_size,
    config.batches.people,
    config.seed,
    filled=False,
  )
  loss = make_loss(config)
  _check_negatives(loss.negatives, store, listed.pool)
  stage = make_stage(config, network, drawn, listed.per_epoch)
  variables = build.init_network(network, drawn, seed=config.seed)
  variables, weights = build.load_weights(variables, config)
  begun = owners.begin(workdir, config, store)
  if begun.finished is not None:
    return begun.finished

  videos = run_videos.place(store, data)
  print(
    f'{store.name}: pretraining on {len(seen)} videos of '
    f'{len(np.unique(store.subject[seen]))} people, {config.num_epochs} epochs '
    f'of {listed.per_epoch} steps on {jax.device_count()} device(s); encoder '
    f'of {states.count_parameters(variables["params"]["encoder"]):,} '
    'parameters.',
    flush=True,
  )
  if with_faces or store.synthetic:
    run_pictures.save_view_pairs(
      begun.workdir, store, seen[:3], view_options, config.seed
    )
    run_pictures.save_operations(
      begun.workdir, store, seen[0], view_options, config.seed
    )
  knn = pretrain_progress.make_knn(
    config.knn, network, view_options, videos, seen
  )
  chance = pretrain_progress.Chance(
    negatives.loss_at_chance(
      loss.negatives, [store.subject[batch.video] for batch in listed(0)]
    ),
    1 / len(store.label_names) if knn else None,
  )
  plan = plans.Plan(
    workdir=begun.workdir,
    name=config.workflow,
    stages=[stage],
    batches=videos.epochs(
      listed,
      seed=config.seed,
      view_numbers=steps.PRETRAIN_VIEWS,
      options=drawn,
    ),
    steps_per_epoch=listed.per_epoch,
    clips_per_step=2 * config.batch_size,
    notes=_notes(config, store, seen),
    checkpoint=plans.CheckpointOptions(**config.checkpoint),
    name_videos=lambda epoch: listed.name_videos(epoch, store.video_id),
    most_not_finite=config.non_finite.most_in_a_row,
    log_every_steps=config.log_every_steps,
  )
  outcome = train(
    variables,
    videos.arrays,
    plan,
    pretrain_progress.make_end_epoch(
      config.knn.every_epochs, plan, knn, chance
    ),
  )
  audited, map_videos = None, config.audit.map_videos
  if config.audit.enabled:
    audited = representations.audit_encoder(
      network,
      outcome.variables,
      videos,
      seen,
      view_options=view_options,
      batch_size=config.knn.batch_size,
      seed=config.seed,
    )
  summary = summaries.PretrainSummary(
    preset=config.preset,
    data=store.name,
    synthetic=store.synthetic,
    init=config.init,
    init_weights=weights,
    **outcome.figures,
    loss_at_chance=chance.loss,
    knn_accuracy_at_chance=chance.knn_accuracy,
    views_per_second=outcome.clips_per_second,
    epochs=config.num_epochs,
    steps=config.num_epochs * listed.per_epoch,
    audit=audited,
    fine_tuning=next_commands.plan_fine_tuning(
      store,
      folding,
      pretrain_scope=config.pretrain_scope,
    ),
    seconds=begun.seconds(outcome.earlier_seconds),
  )
  pictures = [
    run_pictures.save_pretraining_curves(
      begun.workdir,
      {**chance._asdict(), 'knn_accuracy_of_change': chance.knn_accuracy},
    )
  ]
  if audited:
    pictures.append(
      run_pictures.save_expression(begun.workdir, audited, store.name)
    )
    laid_out = representations.make_map(
      network,
      outcome.variables,
      videos,
      seen,
      most=map_videos,
      view_options=view_options,
      batch_size=config.knn.batch_size,
    )
    if laid_out:
      pictures.append(run_pictures.save_map(begun.workdir, store, laid_out))
  events.end(plan, pictures)
  report_parts.write_run(
    config,
    begun.workdir,
    'ST-CLR: pretraining',
    _findings(summary),
    drawn=store.synthetic,
  )
  summaries.write(summary, begun.workdir)
  return summary


def _findings(summary):
  """Lines on what came out."""
  chance = pretrain_progress.Chance(
    summary.loss_at_chance, summary.knn_accuracy_at_chance
  )
  votes = pretrain_progress.Votes(
    summary.knn_accuracy, summary.knn_accuracy_of_change
  )
  found = pretrain_progress.describe(
    summary.loss, summary.contrastive_accuracy, votes, chance
  )
  lines = [f'Pretrained: {found}.']
  if summary.audit:
    lines.append(audit.describe(summary.audit))
  return lines


def describe(summary, workdir):
  """Says what came out and what to type next.

  Args:
    summary: as `run` returns it.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  pictures = []
  if summary.audit:
    path = run_pictures.expression_path(workdir)
    pictures.append(f'What it knows of expressions, in one picture: {path}')
  return '\n'.join(
    [
      *_findings(summary),
      *pictures,
      f'In {workdir}: report.html, summary.json, metrics.jsonl, figures/, '
      'checkpoints/',
      *next_commands.after_pretraining(summary, workdir),
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
      config.projection.hidden_features,
      config.projection.features,
      config.projection.initializer,
    ),
    config.projection.input,
  )


def _check_negatives(options, store, pool):
  """Refuses videos of which such negatives cannot be made."""
  if options.need_people:
    batches.check_people(pool, '`negatives.other_people`')
  stills = pool.video[store.length[pool.video] < 2]
  if options.reversed and len(stills):
    raise UserError(
      f'`negatives.reversed` needs videos of at least two frames, and '
      f'{len(stills)} of the {len(pool.video)} have one, such as '
      f'{store.video_id[stills[0]]}: played backwards, it is its own negative. '
      'Leave them out, or the setting.'
    )


def make_loss(config):
  """Makes the contrastive loss of a pretraining config."""
  return losses.CONTRASTIVE_LOSSES[config.loss](
    config.temperature,
    build.read_options(negatives.Negatives, config.negatives),
  )


def _notes(config, store, seen):
  return trained.PretrainNotes(
    encoder=workdirs.as_json(config.encoder),
    batch_norm=workdirs.as_json(config.batch_norm),
    views=workdirs.as_json(config.views),
    data=store.name,
    data_hash=provenance.hash_data(store),
    seen=(identity.see(store, seen, labels=False),),
    making=making.of_videos(store, seen),
    beyond_paper=provenance.beyond_paper(config),
    init=config.init,
    pretrain_scope=config.pretrain_scope,
  )


def make_stage(config, network, view_options, steps_per_epoch):
  """Plans the only stage: everything is trained, at one learning rate.

  Args:
    config: as `configs/pretrain.py` gives it.
    network: of `make_network`.
    view_options: `views.ViewOptions` of what the network is trained on.
    steps_per_epoch: of the run.

  Returns:
    A `plans.Stage`.
  """
  optimizer = compiled_steps.clipped(
    build.make_optimizer(config.optimizer), config.optimizer.clip_norm
  )
  return plans.Stage(
    start=0,
    stop=config.num_epochs,
    create_state=lambda variables, _: states.create_state(variables, optimizer),
    step=compiled_steps.training_step(
      steps.make_pretrain_step,
      network,
      optimizer,
      view_options=view_options,
      seed=config.seed,
      contrastive_loss=make_loss(config),
      views_apart=config.batch_norm.views == 'apart',
      non_finite=config.non_finite.action,
    ),
    learning_rate=build.make_learning_rate(
      config.optimizer,
      peak=config.optimizer.learning_rate,
      num_epochs=config.num_epochs,
      steps_per_epoch=steps_per_epoch,
    ),
  )
