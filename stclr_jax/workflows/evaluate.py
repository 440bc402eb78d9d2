"""Testing a trained classifier on any data set, also of other labels."""

import dataclasses

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
from stclr_jax.models import heads
from stclr_jax.reports import figures
from stclr_jax.runs import build
from stclr_jax.runs import owners
from stclr_jax.runs import provenance
from stclr_jax.runs import run_videos
from stclr_jax.runs import summaries
from stclr_jax.runs import trained
from stclr_jax.runs import workdirs
from stclr_jax.runs.checks import class_checks
from stclr_jax.runs.checks import person_checks
from stclr_jax.workflows import finetune


@owners.alone
def run(config, workdir, *, store=None):
  """Tests a classifier.

  Args:
    config: as `configs/evaluate.py` gives it.
    workdir: path of the run's folder.
    store: the `VideoStore` to read in place of `config.data`'s.

  Returns:
    A `summaries.EvaluateSummary`, also written to `summary.json`.

  Raises:
    FileNotFoundError: if there is no finished classifier.
    UserError: for a config that cannot run, before anything is written; also
      if the data shows people that the classifier was trained on, unless
      `people_seen` says what to do.
  """
  if not config.classifier:
    raise UserError(
      '`classifier` must be the workdir of a fine-tuning run: '
      '--config.classifier=WORKDIR.'
    )
  classifier = trained.open_trained(
    config.classifier, option='classifier', workflow='finetune'
  )
  # The size of a view is the trained run's, and so is the encoder.
  run_config = ml_collections.ConfigDict(
    workdirs.read_config(config.classifier)
  )
  data = build.read_options(run_videos.DataOptions, config.data)
  store = store or run_videos.load_videos(data)
  store, unlabelled = relabel(store, classifier.notes.labels, config.label_map)
  tested, seen = _choose_videos(config, classifier.notes, store)
  if classifier.notes.rest == heads.PERSON_MEAN:
    person_checks.check_means(
      store,
      tested,
      setting=f'`classifier` (={config.classifier}), whose rest is the '
      "person's mean,",
      where='tested videos',
    )
  begun = owners.begin(workdir, config, store)
  if begun.finished is not None:
    return begun.finished

  read, rest = classifier.notes.input, classifier.notes.rest
  view_options = build.make_view_options(run_config.views, read=read, rest=rest)
  classify = finetune.make_classify(
    heads.ClassifierNetwork(
      build.make_encoder(run_config), len(store.label_names), read, rest
    ),
    run_videos.place(store, data),
    view_options,
    config.batch_size,
  )
  probabilities = classify(classifier.variables, tested)
  correct = probabilities.argmax(1) == store.label[tested]
  subject = store.subject[tested]
  summary = summaries.EvaluateSummary(
    preset=config.preset,
    data=store.name,
    synthetic=store.synthetic,
    **metrics.classification_summary(
      store.label[tested], probabilities.argmax(1), store.label_names
    ),
    accuracy_at_chance=1 / len(store.label_names),
    accuracy_ci=comparison.accuracy(correct, subject),
    seen=metrics.count(correct[seen], subject[seen]),
    unseen=metrics.count(correct[~seen], subject[~seen]),
    sites=recording_sites.count(store.name, subject, correct),
    unlabelled=unlabelled,
    untrained=class_checks.untrained(
      store, classifier.notes.labels_trained, tested
    ),
    protocol=_protocol(
      config,
      classifier.notes,
      store,
      tested,
      view_options,
      any_seen=seen.any(),
      selection=run_config.selection,
    ),
    seconds=begun.seconds(),
  )
  tables.write_predictions(
    begun.workdir / workdirs.PREDICTIONS,
    store,
    tested,
    probabilities,
    seen=seen,
  )
  mixed = f', {seen.sum()} of people trained on' if seen.any() else ''
  figures.save_confusion_matrix(
    begun.workdir / 'figures' / 'confusion_matrix.png',
    summary.confusion,
    summary.labels,
    title=f'{store.name}: {summary.correct} of {summary.total} videos, trained '
    f'on {classifier.notes.data}{mixed}',
  )
  summaries.write(summary, begun.workdir)
  return summary


def describe(summary, workdir):
  """Says what came out.

  Args:
    summary: as `run` returns it.
    workdir: path of the run.

  Returns:
    Lines to print.
  """
  found = summary.accuracy_ci
  interval = found.by_people
  known = summary.protocol.describe(summary.seen, summary.unseen)
  lines = [
    f'{summary.data}: {summary.correct}/{summary.total} = '
    f'{summary.accuracy:.1%} (95 % interval over {found.people} people '
    f'{interval.low:.1%} to {interval.high:.1%}; chance '
    f'{summary.accuracy_at_chance:.1%}), unweighted average recall '
    f'{summary.uar:.1%}',
    *(f'  {line}' for line in known.split('\n')),
  ]
  if lost := summary.untrained:
    lines.append(
      f'Note: the classifier was trained on no video of '
      f'{", ".join(map(repr, lost))}: {sum(lost.values())} of the '
      f'{summary.total} videos tested cannot be named rightly.'
    )
  if sites := summary.sites:
    for name, counts in sites.by_site.items():
      lines.append(f'{name}: {counts.describe()} of {counts.people} people')
    lines.append(sites.confounding)
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


def _choose_videos(config, notes, store):
  """Videos to test, int [n], and which show people trained on, bool [n]."""
  tested = np.flatnonzero(store.label != folds.UNLABELLED)
  if not len(tested):
    raise UserError(
      f'No video of {store.name} has a label of the classifier '
      f'({", ".join(store.label_names)}); see --config.label_map.'
    )
  learned = [one for one in notes.seen if one.labels]
  same_names = config.data.same_names
  known = trained.find_met(learned, store, same_names, tested)
  seen = np.isin(store.subject[tested], sorted(known))
  if config.people_seen == 'mark' or not known:
    return tested, seen
  if config.people_seen == 'refuse':
    by_name = known - trained.find_met(learned, store, 'other_people')
    raise UserError(
      f'The classifier (trained on {notes.data}) was trained on '
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


def _protocol(
  config, notes, store, tested, view_options, *, any_seen, selection
):
  learned = [one for one in notes.seen if one.labels]
  before = [one for one in notes.seen if not one.labels]
  same_names = config.data.same_names
  # People trained on are counted apart.
  others = trained.find_met(before, store, same_names, tested)
  others -= trained.find_met(learned, store, same_names)
  leaks = [protocol.PRETRAINING_LEAKS['all_unlabelled']] if others else []
  return transfer_protocol.TransferProtocol(
    data=store.name,
    data_hash=provenance.hash_data(store),
    num_videos=len(tested),
    num_people=len(np.unique(store.subject[tested])),
    classifier=str(config.classifier),
    trained_on=_join(learned),
    people_trained_on=sum(one.num_people for one in learned),
    pretrained_on=_join(before),
    people_pretrained_on=sum(one.num_people for one in before),
    pretrained_epochs=notes.epochs_pretrained,
    people_seen=config.people_seen if any_seen else 'none tested',
    label_map=config.label_map,
    selection=selection,
    view=protocol.describe_view(
      view_options.num_frames, view_options.size, notes.input, notes.rest
    ),
    views_per_video=1,
    leaks=tuple(leaks),
    beyond_paper=notes.beyond_paper,
  )


def _join(seen):
  return ', then '.join(dict.fromkeys(one.data for one in seen))
