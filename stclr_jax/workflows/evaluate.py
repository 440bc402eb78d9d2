"""Testing a trained classifier on any data set, also of other labels."""

import dataclasses
import pathlib
import time

import jax
import ml_collections
import numpy as np

from stclr_jax.data import folds
from stclr_jax.data.listings import labels
from stclr_jax.data.people import identity
from stclr_jax.errors import UserError
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import predictions as tables
from stclr_jax.evaluation import protocol
from stclr_jax.evaluation import recording_sites
from stclr_jax.evaluation import transfer_protocol
from stclr_jax.learning import compiled_steps
from stclr_jax.models import heads
from stclr_jax.reports import figures
from stclr_jax.runs import build
from stclr_jax.runs import owners
from stclr_jax.runs import run_videos
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks

PEOPLE_SEEN = ('refuse', 'drop', 'mark')


@owners.alone
def run(config, workdir):
  """Tests a classifier.

  Args:
    config: as `configs/evaluate.py` gives it.
    workdir: path of the run's folder.

  Returns:
    The summary, also written to `summary.json`: that of
    `metrics.classification_summary` over all videos tested, 'accuracy_ci'
    (a `comparison.Accuracy`), 'seen' and 'unseen' (counts of people trained
    on and of others), 'sites', 'unlabelled', 'untrained' (videos tested of
    classes that no training video shows, by class) and 'protocol'.

  Raises:
    FileNotFoundError: if there is no finished classifier.
    ValueError: for a config that cannot run, before anything is written; also
      if the data shows people that the classifier was trained on, unless
      `people_seen` says what to do, or numbers its people anew since then.
  """
  if config.people_seen not in PEOPLE_SEEN:
    raise UserError(
      f'`people_seen` (={config.people_seen!r}) must be one of '
      f'{", ".join(PEOPLE_SEEN)}.'
    )
  classifier = _read_classifier(config.classifier)
  run_config = _read_config(config.classifier)
  store = run_videos.load_videos(config.data)
  store, unlabelled = relabel(
    store, classifier.notes['labels'], config.label_map
  )
  tested, seen = _choose_videos(config, classifier.notes, store)
  workdir = workdirs.open_workdir(workdir, config)
  if (summary := workdirs.read_summary(workdir)) is not None:
    print(f'The run in {workdir} is finished already.')
    return summary

  started = time.monotonic()
  view_options = build.make_view_options(run_config.views)
  classify = run_videos.place(store, config.data).inference(
    compiled_steps.inference_step(
      heads.ClassifierNetwork(
        build.make_encoder(run_config), len(store.label_names)
      ),
      view_options=view_options,
      method='classify',
    ),
    options=view_options,
    batch_size=config.batch_size,
  )
  logits = classify(
    {name: classifier.state[name] for name in ('params', 'batch_stats')}, tested
  )
  probabilities = np.asarray(jax.nn.softmax(logits, axis=-1))
  correct = probabilities.argmax(1) == store.label[tested]
  subject = store.subject[tested]
  sites = recording_sites.count(store.name, subject, correct)
  summary = {
    'workflow': 'evaluate',
    'preset': config.preset,
    'data': store.name,
    'synthetic': store.synthetic,
    **metrics.classification_summary(
      store.label[tested], probabilities.argmax(1), store.label_names
    ),
    'accuracy_at_chance': 1 / len(store.label_names),
    'accuracy_ci': dataclasses.asdict(comparison.accuracy(correct, subject)),
    'seen': dataclasses.asdict(metrics.count(correct[seen], subject[seen])),
    'unseen': dataclasses.asdict(metrics.count(correct[~seen], subject[~seen])),
    'sites': sites and dataclasses.asdict(sites),
    'unlabelled': unlabelled,
    'untrained': class_checks.untrained(
      store, classifier.notes.get('labels_trained', store.label_names), tested
    ),
    'protocol': _protocol(
      config, classifier, store, tested, view_options, seen.any()
    ).as_dict(),
    'seconds': time.monotonic() - started,
  }
  tables.write_predictions(
    workdir / workdirs.PREDICTIONS, store, tested, probabilities, seen=seen
  )
  mixed = f', {seen.sum()} of people trained on' if seen.any() else ''
  figures.save_confusion_matrix(
    workdir / 'figures' / 'confusion_matrix.png',
    summary['confusion'],
    summary['labels'],
    title=f'{store.name}: {summary["correct"]} of {summary["total"]} videos, '
    f'trained on {classifier.notes["data"]}{mixed}',
  )
  workdirs.write_json(workdir / workdirs.SUMMARY, summary)
  return summary


def describe(summary, workdir):
  """Says what came out.

  Args:
    summary: as `run` returns it.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  interval = summary['accuracy_ci']['by_people']
  seen, unseen = (
    metrics.PeopleCounts(**summary[name]) for name in ('seen', 'unseen')
  )
  kept = transfer_protocol.TransferProtocol.from_dict(summary['protocol'])
  lines = [
    f'{summary["data"]}: {summary["correct"]}/{summary["total"]} = '
    f'{summary["accuracy"]:.1%} (95 % interval over '
    f'{summary["accuracy_ci"]["people"]} people {interval["low"]:.1%} to '
    f'{interval["high"]:.1%}; chance {summary["accuracy_at_chance"]:.1%}), '
    f'unweighted average recall {summary["uar"]:.1%}',
    *(f'  {line}' for line in kept.describe(seen, unseen).split('\n')),
  ]
  if lost := summary.get('untrained'):
    lines.append(
      f'Note: the classifier was trained on no video of '
      f'{", ".join(map(repr, lost))}: {sum(lost.values())} of the '
      f'{summary["total"]} videos tested cannot be named rightly.'
    )
  for name, counts in (summary['sites'] or {'by_site': {}})['by_site'].items():
    of = metrics.PeopleCounts(**counts)
    lines.append(f'{name}: {of.describe()} of {of.people} people')
  if summary['sites']:
    lines.append(summary['sites']['confounding'])
  lines.append(
    f'In {workdir}: summary.json, predictions.csv, figures/confusion_matrix.png'
  )
  return '\n'.join(lines)


def relabel(store, classes, label_map):
  """Gives a data set the classes of a classifier.

  Args:
    store: a `VideoStore`.
    classes: names of the classifier's classes, in order.
    label_map: text, see `labels.parse_label_map`.

  Returns:
    (store, unlabelled): the store with those classes, and how many videos
    have none of them, by the label they had.

  Raises:
    ValueError: if the data has a label that is neither a class nor mapped.
  """
  parsed = dataclasses.replace(
    labels.parse_label_map(label_map), classes=tuple(classes)
  )
  place = labels.class_indices(store.label_names, parsed)
  place = np.array([-1 if p is None else p for p in place] + [-1], np.int32)
  label = place[store.label]  # -1, without a label, finds the last
  lost = [
    store.label_names[i] if i >= 0 else ''
    for i in store.label[label < 0].tolist()
  ]
  unlabelled = {name: lost.count(name) for name in sorted(set(lost))}
  store = dataclasses.replace(store, label=label, label_names=tuple(classes))
  return store, unlabelled


def _read_classifier(workdir):
  if not workdir:
    raise UserError(
      '`classifier` must be the workdir of a fine-tuning run: '
      '--config.classifier=WORKDIR.'
    )
  return trained.open_finished(
    workdir, workflow='finetune', option='classifier'
  )


def _read_config(workdir):
  return ml_collections.ConfigDict(
    workdirs.read_json(pathlib.Path(workdir) / workdirs.CONFIG)
  )


def _choose_videos(config, notes, store):
  """Videos to test, int [n], and which show people trained on, bool [n]."""
  tested = np.flatnonzero(store.label != folds.UNLABELLED)
  if not len(tested):
    raise UserError(
      f'No video of {store.name} has a label of the classifier '
      f'({", ".join(store.label_names)}); see --config.label_map.'
    )
  learned = [one for one in identity.history(notes) if one.labels]
  same_names = config.data.same_names
  known = trained.find_met(learned, store, same_names, tested)
  seen = np.isin(store.subject[tested], sorted(known))
  if config.people_seen == 'mark' or not known:
    return tested, seen
  if config.people_seen == 'refuse':
    by_name = known - trained.find_met(learned, store, 'other_people')
    raise UserError(
      f'The classifier (trained on {notes["data"]}) was trained on '
      f'{len(known)} people of {store.name}: '
      f'{identity.describe_people(store, known)}. A known face makes '
      'the result too good: --config.people_seen=drop leaves them out, =mark '
      'tests and marks them.'
      + (
        f' If {identity.describe_people(store, by_name)} are others who merely '
        'have the same names: --config.data.same_names=other_people.'
        if by_name
        else ''
      )
    )
  tested, seen = tested[~seen], seen[~seen]
  if not len(tested):
    raise UserError(
      f'The classifier was trained on all people of {store.name}: nobody is '
      'left to test.'
    )
  return tested, seen


def _protocol(config, classifier, store, tested, view_options, any_seen):
  notes = classifier.notes
  seen = identity.history(notes)
  learned = [one for one in seen if one.labels]
  before = [one for one in seen if not one.labels]
  same_names = config.data.same_names
  # People trained on are counted apart.
  others = trained.find_met(before, store, same_names, tested)
  others -= trained.find_met(learned, store, same_names)
  leaks = [protocol.PRETRAINING_LEAKS['all_unlabelled']] if others else []
  return transfer_protocol.TransferProtocol(
    data=store.name,
    data_hash=protocol.hash_videos(store.video_id, store.subject, store.label),
    num_videos=len(tested),
    num_people=len(np.unique(store.subject[tested])),
    classifier=str(config.classifier),
    trained_on=_join(learned),
    people_trained_on=sum(one.num_people for one in learned),
    pretrained_on=_join(before),
    people_pretrained_on=sum(one.num_people for one in before),
    pretrained_epochs=notes.get('epochs_pretrained'),
    people_seen=config.people_seen if any_seen else 'none tested',
    label_map=config.label_map,
    selection='last',
    view=protocol.describe_view(view_options.num_frames, view_options.size),
    views_per_video=1,
    leaks=tuple(leaks),
  )


def _join(seen):
  return ', then '.join(dict.fromkeys(one.data for one in seen))
