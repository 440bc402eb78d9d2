"""Fine-tuning: from an encoder to a classifier, tested on unseen people.

Folds of clips ('leaky_clips') are the exception, and are called one.
"""

import functools
import pathlib
import time

import jax
import numpy as np

from stclr_jax.data import folds
from stclr_jax.data import identity
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions as tables
from stclr_jax.evaluation import protocol
from stclr_jax.learning import checkpoints
from stclr_jax.learning import parallel
from stclr_jax.learning import state as states
from stclr_jax.learning import steps
from stclr_jax.models import heads
from stclr_jax.workflows import assembly
from stclr_jax.workflows import feeding
from stclr_jax.workflows import initialization
from stclr_jax.workflows import pictures
from stclr_jax.workflows import programs
from stclr_jax.workflows import protocols
from stclr_jax.workflows import selection
from stclr_jax.workflows import training
from stclr_jax.workflows import workdirs

STATES_BETWEEN_STAGES = ('fresh', 'kept')
INITS = ('pretrained', 'scratch', 'kinetics400')


def run(config, workdir):
  """Fine-tunes and tests, or goes on where the workdir's run stopped.

  Args:
    config: as `configs/finetune.py` gives it.
    workdir: path of the run's folder.

  Returns:
    The summary, also written to `summary.json`.

  Raises:
    FileNotFoundError: if there is no pretrained encoder where `init_from`
      says, or its pretraining is not finished and `init_epoch` names none.
    ValueError: for a config that cannot run, before anything is written.
    FloatingPointError: if a metric is not finite; the last checkpoint stays.
  """
  parallel.check_batch_size(config.batch_size)
  parallel.check_groups(
    config.batch_norm.groups, config.batch_size, name='batch_norm.groups'
  )
  view_options = assembly.make_view_options(config.views)
  encoder = assembly.make_encoder(config)
  selection.check(config)
  pretrained = _read_pretrained(config)
  store = assembly.load_videos(config.data)
  dealt = assembly.make_folds(store, config.data)
  validated = config.selection == 'inner_validation'
  fold = dealt.fold(config.data.fold, validation=validated)
  if pretrained is not None:
    _refuse_leak(config, pretrained, store, dealt, fold)
  labelled = folds.labelled_subset(
    store.label,
    store.video_id,
    fold.train,
    config.data.labelled_fraction,
    seed=config.data.labelled_draw,
    unit=config.data.labelled_unit,
    subject=store.subject,
  )
  network = heads.ClassifierNetwork(encoder, len(store.label_names))
  variables = assembly.init_network(network, view_options, seed=config.seed)
  if pretrained is not None:
    variables = checkpoints.merge_encoder(
      variables, pretrained.state, source=config.init_from
    )
  variables, weights = initialization.load_weights(variables, config)
  steps_per_epoch = -(-len(labelled) // config.batch_size)
  stages = _stages(config, network, view_options, steps_per_epoch)
  workdir = workdirs.open_workdir(workdir, config)
  if (summary := workdirs.read_summary(workdir)) is not None:
    print(f'The run in {workdir} is finished already.')
    return summary
  protocols.refuse_other_data(workdir, store)

  started = time.monotonic()
  videos = feeding.place(store, config.data)
  print(
    f'{store.name}: fine-tuning ({config.init}) on {len(labelled)} labelled '
    f'videos, then testing on {len(fold.test)} videos of '
    f'{len(np.unique(store.subject[fold.test]))} '
    f'{"people trained on as well" if dealt.leaky else "other people"}; '
    f'{config.num_epochs} epochs of {steps_per_epoch} steps on '
    f'{jax.device_count()} device(s).',
    flush=True,
  )

  workdirs.write_json(
    workdir / 'fold.json',
    dealt.record(config.data.fold, store.video_id, validation=validated),
  )
  selected = selection.make(
    config,
    store,
    fold,
    _make_classify(config, network, view_options, videos),
    workdir,
  )

  def end_epoch(epoch, variables, figures, journal):
    selected.end_epoch(epoch, variables, journal, step=epoch * steps_per_epoch)
    if epoch % config.report_every_epochs == 0 or epoch == config.num_epochs:
      journal.say(
        f'epoch {epoch}/{config.num_epochs}: loss {figures["loss"]:.3f}, '
        f'training accuracy {figures["accuracy"]:.1%}, {journal.pace()}'
      )

  outcome = training.train(
    variables,
    videos.arrays,
    stages=stages,
    batches=videos.epochs(
      functools.partial(_batches, config, labelled, steps_per_epoch),
      seed=config.seed,
      view_numbers=steps.FINETUNE_VIEWS,
      options=view_options,
    ),
    steps_per_epoch=steps_per_epoch,
    clips_per_step=config.batch_size,
    workdir=workdir,
    notes=_notes(config, store, fold, labelled, pretrained),
    checkpoint_every_epochs=config.checkpoint.every_epochs,
    keep_checkpoints=config.checkpoint.keep,
    keep_epochs=config.checkpoint.keep_epochs,
    log_every_steps=config.log_every_steps,
    end_epoch=end_epoch,
  )
  probabilities, found = selected.finish(outcome.variables)
  kept = protocols.make_protocol(config, store, dealt, fold, pretrained)
  summary = {
    'workflow': 'finetune',
    'preset': config.preset,
    'data': store.name,
    'synthetic': store.synthetic,
    'init': config.init,
    'init_epoch': pretrained.epoch if pretrained is not None else None,
    'init_weights': weights,
    'fold': config.data.fold,
    'labelled_videos': len(labelled),
    'training_loss': outcome.figures['loss'],
    'training_accuracy': outcome.figures['accuracy'],
    **metrics.classification_summary(
      store.label[fold.test], probabilities.argmax(1), store.label_names
    ),
    'accuracy_at_chance': 1 / len(store.label_names),
    **found,
    'protocol': kept.as_dict(),
    'clips_per_second': outcome.clips_per_second,
    'epochs': config.num_epochs,
    'steps': config.num_epochs * steps_per_epoch,
    'seconds': time.monotonic() - started,
  }
  tables.write_predictions(
    workdir / 'predictions.csv', store, fold.test, probabilities
  )
  pictures.save_confusion(workdir, summary)
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
  labels = summary['labels']
  width = max(map(len, labels))
  head = ' ' * (width + 2) + ' '.join(f'{name[:4]:>4}' for name in labels)
  rows = [
    f'  {name:>{width}}' + ''.join(f'{count:5d}' for count in row)
    for name, row in zip(labels, summary['confusion'], strict=True)
  ]
  oracle = summary.get('test_oracle')
  kept = protocol.Protocol.from_dict(summary['protocol'])
  tested = 'videos of unseen people'
  if kept.fold_assignment == 'leaky_clips':
    tested = 'test videos of people trained on'
  return '\n'.join(
    [
      f'Confusion matrix, {tested} (rows true, columns predicted):',
      head,
      *rows,
      f'Accuracy {summary["correct"]}/{summary["total"]} = '
      f'{summary["accuracy"]:.1%} (chance '
      f'{summary["accuracy_at_chance"]:.1%}), unweighted average recall '
      f'{summary["uar"]:.1%}, macro-F1 {summary["macro_f1"]:.1%}',
      *_oracle_lines(oracle),
      *(f'  {line}' for line in kept.describe().split('\n')),
      f'In {workdir}: summary.json, predictions.csv, '
      'figures/confusion_matrix.png',
      *_next_lines(summary, workdir),
    ]
  )


def _next_lines(summary, workdir):
  preset = '' if summary['preset'] == 'demo' else f':{summary["preset"]}'
  config = workdirs.read_json(pathlib.Path(workdir) / workdirs.CONFIG)
  if summary['init'] == 'pretrained':
    # Otherwise the same recipe, or something else would be compared.
    kept = [key for key in config if not key.startswith('init')]
    flags = workdirs.forwarded_flags(tuple(f'--config.{key}' for key in kept))
    return [
      'Next, what pretraining was worth:',
      f'  python main.py --config=configs/finetune.py{preset} '
      f'--config.init=scratch{flags}',
    ]
  # Pretraining knows no labels.
  kept = [key for key in config['data'] if not key.startswith('labelled_')]
  flags = workdirs.forwarded_flags(
    ('--config.encoder.', *(f'--config.data.{key}' for key in kept))
  )
  return [
    'Next, pretrain an encoder to compare with:',
    f'  python main.py --config=configs/pretrain.py{preset}{flags}',
  ]


def _oracle_lines(oracle):
  if oracle is None:
    return []
  return [
    f'The best of all epochs on the test videos (a test oracle, epoch '
    f'{oracle["epoch"]}) is {oracle["accuracy"]:.1%}: not a result.'
  ]


def _read_pretrained(config):
  """Reads the encoder to begin with; None for a fresh one."""
  if config.init not in INITS:
    raise ValueError(
      f'`init` (={config.init!r}) must be one of {", ".join(INITS)}.'
    )
  if config.init != 'pretrained':
    if config.init_from:
      raise ValueError(
        f'`init_from` (={config.init_from!r}) has no meaning with `init` = '
        f'{config.init!r}; drop one of the two.'
      )
    return None
  if not config.init_from:
    raise ValueError(
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


def _refuse_leak(config, pretrained, store, dealt, fold):
  if config.pretrain_scope == 'all_unlabelled':
    return
  people = identity.trained_on(pretrained.notes)
  if people.renumbered_in(store):
    raise ValueError(
      f'The encoder in `init_from` (={config.init_from}) was pretrained on '
      f'{people.data} before it was imported anew. Its people may have other '
      'numbers now, so nobody can tell whether it saw the test people. '
      'Pretrain again on the data as it is now or, if it may have seen them, '
      'say so: --config.pretrain_scope=all_unlabelled.'
    )
  tested = set(store.subject[fold.test].tolist())
  leaked = sorted(people.among(store) & tested)
  if leaked and not dealt.leaky:  # of those, everybody is in every fold
    raise ValueError(
      f'The encoder in `init_from` (={config.init_from}) was trained on '
      f'videos of the people {leaked}, who are test people of `data.fold` '
      f'(={config.data.fold}). Give the fold it was pretrained for, or say '
      'that this is meant: --config.pretrain_scope=all_unlabelled.'
    )


def _stages(config, network, view_options, steps_per_epoch):
  """Plans the frozen stage (Sec. IV.A), if any, and the one of everything."""
  between = config.optimizer.state_between_stages
  if between not in STATES_BETWEEN_STAGES:
    raise ValueError(
      f'`optimizer.state_between_stages` (={between!r}) must be one of '
      f'{", ".join(STATES_BETWEEN_STAGES)}.'
    )
  optimizer = programs.by_part(assembly.make_optimizer(config.optimizer))
  frozen = config.frozen_epochs if config.init != 'scratch' else 0
  if not 0 <= frozen <= config.num_epochs:
    raise ValueError(
      f'`frozen_epochs` (={frozen}) must lie within the `num_epochs` '
      f'(={config.num_epochs}), which counts both stages.'
    )

  def stage(start, stop, trained, peak):
    step = programs.training_step(
      steps.make_finetune_step,
      network,
      optimizer,
      view_options=view_options,
      seed=config.seed,
      trained=trained,
    )
    return training.Stage(
      start,
      stop,
      lambda variables, opt_state: states.create_state(
        variables,
        optimizer,
        trained=steps.trained_parameters(trained),
        kept=opt_state if between == 'kept' else None,
      ),
      step,
      assembly.make_learning_rate(
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


def _batches(config, labelled, steps_per_epoch, epoch):
  """All labelled videos once, the last batch filled up with weight 0."""
  order = assembly.epoch_order(labelled, seed=config.seed, epoch=epoch)
  video = np.resize(order, steps_per_epoch * config.batch_size)
  weight = (np.arange(len(video)) < len(order)).astype(np.float32)
  return [
    steps.Batch(some, weights)
    for some, weights in zip(
      np.split(video, steps_per_epoch),
      np.split(weight, steps_per_epoch),
      strict=True,
    )
  ]


def _notes(config, store, fold, labelled, pretrained):
  return {
    'workflow': 'finetune',
    'encoder': workdirs.as_json(config.encoder),
    'batch_norm': workdirs.as_json(config.batch_norm),
    'views': workdirs.as_json(config.views),
    **protocols.data_notes(store),
    'labels': list(store.label_names),
    'subjects_seen': np.unique(store.subject[fold.train]).tolist(),
    'labelled_videos': [store.video_id[i] for i in labelled],
    **protocols.pretraining_notes(pretrained),
  }


def _make_classify(config, network, view_options, videos):
  """Makes `classify(variables, indices)`: probabilities of each video."""
  infer = videos.inference(
    programs.inference_step(
      network, view_options=view_options, method='classify'
    ),
    options=view_options,
    batch_size=config.evaluation.batch_size,
  )

  def classify(variables, indices):
    logits = infer(variables, indices)
    return np.asarray(jax.nn.softmax(logits, axis=-1))

  return classify
