"""Summaries of runs that were never run."""

import dataclasses

from stclr_jax.evaluation import calibration
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import metrics
from stclr_jax.evaluation import protocol
from stclr_jax.evaluation import statistics
from stclr_jax.evaluation import transfer_protocol
from stclr_jax.evaluation.audits import audit
from stclr_jax.evaluation.audits import readings
from stclr_jax.evaluation.audits import rest
from stclr_jax.evaluation.audits import under_the_person
from stclr_jax.experiments.finished import fold_summaries
from stclr_jax.runs import summaries

LABELS = ('Anger', 'Disgust', 'Fear', 'Happiness', 'Sadness', 'Surprise')
HALF = statistics.Interval(0.25, 0.75, 0.95, 'made up')
CALIBRATION = calibration.Calibration(
  **{field.name: 0.5 for field in dataclasses.fields(calibration.Calibration)}
)


def make_protocol(**changes):
  """A `Protocol` of a tiny data set's ten folds."""
  fields = dict(
    data='tiny:vl_strong',
    data_hash=protocol.hash_videos(['a'], [1], [0]),
    num_videos=60,
    num_people=10,
    num_folds=10,
    folds_run=range(10),
    fold_assignment='consecutive',
    fold_seed=0,
    fold_hashes=['0'] * 10,
    pretrain_scope='train_folds',
    selection='last',
    labelled_fraction=1.0,
    labelled_unit='clip',
    labelled_draw=0,
    seed=0,
    view='16 frames',
  )
  return protocol.Protocol(**{**fields, **changes})


def make_transfer_protocol(**changes):
  """A `TransferProtocol` between two lights of a tiny data set."""
  fields = dict(
    data='tiny:ni_dark',
    data_hash=protocol.hash_videos(['a'], [1], [0]),
    num_videos=60,
    num_people=10,
    classifier='runs/finetune',
    trained_on='tiny:vl_strong',
    people_trained_on=72,
    pretrained_on='',
    people_pretrained_on=0,
    pretrained_epochs=0,
    people_seen='mark',
    label_map='',
    selection='last',
    view='16 frames',
    views_per_video=1,
    leaks=(),
  )
  return transfer_protocol.TransferProtocol(**{**fields, **changes})


def make_audit(*, expression, subject, num_videos):
  """An `Audit` by whose probes such shares are read."""

  def share(of):
    return readings.Share(round(of * num_videos), num_videos, of, 0.1, HALF)

  read = readings.Readings(share(expression), share(subject), None)
  found = {
    name: readings.Reading(read, read) for name in under_the_person.NAMES
  }
  return audit.Audit(
    videos=num_videos,
    people=2,
    expression=under_the_person.Expression.of(found),
    spread=under_the_person.Spread(0.5, 0.1),
    readings=found,
    neighbors=audit.Neighbors(share(subject), share(expression), share(0)),
    pairs=audit.Pairs(0.5, 0.5, 0.5, None),
    controls={'reversed': audit.Control(1.0, share(expression))},
    rest=rest.Rest(num_videos, 0.01, 0.02, HALF),
  )


def make(kind, **changes):
  """Makes a summary, every field of which is made up.

  Args:
    kind: a `Summary` class.
    **changes: fields that matter.
  """
  fields = dict(
    preset='demo',
    data='tiny:vl_strong',
    synthetic=True,
    seconds=1.0,
    accuracy=0.5,
    uar=0.5,
    macro_f1=0.5,
    correct=30,
    total=60,
    confusion=tuple((5,) * 6 for _ in range(6)),
    labels=LABELS,
    accuracy_at_chance=1 / 6,
    untrained={},
    loss=1.0,
    contrastive_accuracy=0.5,
    alignment=1.0,
    gradient_norm=1.0,
    knn_accuracy=None,
    knn_accuracy_of_change=None,
    spread=None,
    effective_rank=None,
    uniformity=None,
    loss_at_chance=2.0,
    knn_accuracy_at_chance=None,
    views_per_second=None,
    audit=None,
    fine_tuning=summaries.FineTuningPlan({}, ''),
    init='pretrained',
    complete=True,
    inner_validation=None,
    init_epoch=None,
    init_weights=None,
    fold=0,
    labelled_videos=54,
    pretraining_videos=54,
    remarks=(),
    training_loss=1.0,
    training_accuracy=0.5,
    epoch_tested=1,
    calibration=CALIBRATION,
    test_oracle=None,
    validation=None,
    protocol=make_protocol(),
    clips_per_second=None,
    epochs=1,
    steps=4,
    method='chance',
    accuracy_ci=comparison.Accuracy(30, 60, 10, 0.5, HALF, HALF),
    seen=metrics.PeopleCounts(0, 0, 0),
    unseen=metrics.PeopleCounts(30, 60, 10),
    sites=None,
    unlabelled={},
    people=10,
    by_people=HALF,
    wilson=HALF,
    description='30/60',
    by_subject={'P001': metrics.Counts(5, 6)},
    by_expression={name: metrics.Counts(5, 10) for name in LABELS},
    folds=(fold_summaries.FoldCounts(30, 60, 0, 54),),
    steps_per_fold=4,
  )
  if kind is summaries.EvaluateSummary:
    fields['protocol'] = make_transfer_protocol()
  names = [field.name for field in dataclasses.fields(kind)]
  return kind(**{k: v for k, v in fields.items() if k in names} | changes)
