"""Fine-tuning: from an encoder to a classifier, tested on unseen people.

Folds of clips ('leaky_clips') are the exception, and are called one.
"""

import pathlib
import time

import jax
import numpy as np

from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions as tables
from stclr_jax.evaluation import protocol
from stclr_jax.learning import compiled_steps
from stclr_jax.learning import steps
from stclr_jax.reports import next_commands
from stclr_jax.reports import run_pictures
from stclr_jax.runs import loop
from stclr_jax.runs import owners
from stclr_jax.runs import provenance
from stclr_jax.runs import run_videos
from stclr_jax.runs import selection
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.workflows import finetune_parts


@owners.alone
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
  parts = finetune_parts.make(config)
  workdir = workdirs.open_workdir(workdir, config)
  if (summary := workdirs.read_summary(workdir)) is not None:
    print(f'The run in {workdir} is finished already.')
    return summary
  store, fold = parts.store, parts.fold
  provenance.refuse_other_data(workdir, store)

  started = time.monotonic()
  print(_opening_words(config, parts), flush=True)
  remarks = class_checks.remarks(
    store, trained=parts.labelled, tested=fold.test
  )
  for remark in remarks:
    print(f'Note: {remark}', flush=True)
  validated = config.selection == 'inner_validation'
  workdirs.write_json(
    workdir / 'fold.json',
    parts.dealt.record(config.data.fold, store.video_id, validation=validated),
  )
  videos = run_videos.place(store, config.data)
  selected = selection.make(
    config, store, fold, _make_classify(config, parts, videos), workdir
  )
  outcome = _train(config, parts, videos, selected, workdir)
  probabilities, found = selected.finish(outcome.variables)
  summary = {
    'workflow': 'finetune',
    'preset': config.preset,
    'data': store.name,
    'synthetic': store.synthetic,
    'init': config.init,
    'init_epoch': parts.pretrained.epoch if parts.pretrained else None,
    'init_weights': parts.weights,
    'fold': config.data.fold,
    'labelled_videos': len(parts.labelled),
    'pretraining_videos': len(fold.pretrain),
    'remarks': remarks,
    'untrained': class_checks.untrained(
      store, class_checks.names(store, parts.labelled), fold.test
    ),
    'training_loss': outcome.figures['loss'],
    'training_accuracy': outcome.figures['accuracy'],
    **metrics.classification_summary(
      store.label[fold.test], probabilities.argmax(1), store.label_names
    ),
    'accuracy_at_chance': 1 / len(store.label_names),
    **found,
    'protocol': provenance.make_protocol(
      config, store, parts.dealt, fold, parts.pretrained
    ).as_dict(),
    'clips_per_second': outcome.clips_per_second,
    'epochs': config.num_epochs,
    'steps': config.num_epochs * parts.batches.per_epoch,
    'seconds': outcome.earlier_seconds + time.monotonic() - started,
  }
  tables.write_predictions(
    workdir / workdirs.PREDICTIONS, store, fold.test, probabilities
  )
  run_pictures.save_confusion(workdir, summary)
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
  return '\n'.join(
    [
      f'Confusion matrix, videos of {kept.people_tested} (rows true, columns '
      'predicted):',
      head,
      *rows,
      f'Accuracy {summary["correct"]}/{summary["total"]} = '
      f'{summary["accuracy"]:.1%} (chance '
      f'{summary["accuracy_at_chance"]:.1%}), unweighted average recall '
      f'{summary["uar"]:.1%}, macro-F1 {summary["macro_f1"]:.1%}',
      *(f'Note: {remark}' for remark in summary.get('remarks', [])),
      *_oracle_lines(oracle),
      *(f'  {line}' for line in kept.describe().split('\n')),
      f'In {workdir}: summary.json, predictions.csv, '
      'figures/confusion_matrix.png',
      *next_commands.after_fine_tuning(
        summary, workdirs.read_json(pathlib.Path(workdir) / workdirs.CONFIG)
      ),
    ]
  )


def _oracle_lines(oracle):
  if oracle is None:
    return []
  return [
    f'The best of all epochs on the test videos (a test oracle, epoch '
    f'{oracle["epoch"]}) is {oracle["accuracy"]:.1%}: not a result.'
  ]


def _opening_words(config, parts):
  test = parts.fold.test
  people = len(np.unique(parts.store.subject[test]))
  known = 'people trained on as well' if parts.dealt.leaky else 'other people'
  return (
    f'{parts.store.name}: fine-tuning ({config.init}) on '
    f'{len(parts.labelled)} labelled videos, then testing on {len(test)} '
    f'videos of {people} {known}; {config.num_epochs} epochs of '
    f'{parts.batches.per_epoch} steps on {jax.device_count()} device(s).'
  )


def _train(config, parts, videos, selected, workdir):
  """Trains, and looks at the people that `selected` chooses by."""
  steps_per_epoch = parts.batches.per_epoch

  def end_epoch(epoch, variables, figures, journal):
    selected.end_epoch(epoch, variables, journal, step=epoch * steps_per_epoch)
    if epoch % config.report_every_epochs == 0 or epoch == config.num_epochs:
      journal.say(
        f'epoch {epoch}/{config.num_epochs}: loss {figures["loss"]:.3f}, '
        f'training accuracy {figures["accuracy"]:.1%}, {journal.pace()}'
      )

  return loop.train(
    parts.variables,
    videos.arrays,
    stages=parts.stages,
    batches=videos.epochs(
      parts.batches,
      seed=config.seed,
      view_numbers=steps.FINETUNE_VIEWS,
      options=parts.view_options,
    ),
    steps_per_epoch=steps_per_epoch,
    clips_per_step=config.batch_size,
    workdir=workdir,
    notes=_notes(config, parts),
    checkpoint_every_epochs=config.checkpoint.every_epochs,
    keep_checkpoints=config.checkpoint.keep,
    keep_epochs=config.checkpoint.keep_epochs,
    log_every_steps=config.log_every_steps,
    end_epoch=end_epoch,
  )


def _notes(config, parts):
  store = parts.store
  return {
    'workflow': 'finetune',
    'encoder': workdirs.as_json(config.encoder),
    'batch_norm': workdirs.as_json(config.batch_norm),
    'views': workdirs.as_json(config.views),
    **provenance.data_notes(store),
    'labels': list(store.label_names),
    'subjects_seen': np.unique(store.subject[parts.fold.train]).tolist(),
    'labelled_videos': [store.video_id[i] for i in parts.labelled],
    'labels_trained': class_checks.names(store, parts.labelled),
    **trained.note_seen(
      store, parts.fold.train, labels=True, before=parts.pretrained
    ),
    'epochs_pretrained': parts.pretrained.epoch if parts.pretrained else 0,
  }


def _make_classify(config, parts, videos):
  """Makes `classify(variables, indices)`: probabilities of each video."""
  infer = videos.inference(
    compiled_steps.inference_step(
      parts.network, view_options=parts.view_options, method='classify'
    ),
    options=parts.view_options,
    batch_size=config.evaluation.batch_size,
  )

  def classify(variables, indices):
    logits = infer(variables, indices)
    return np.asarray(jax.nn.softmax(logits, axis=-1))

  return classify
