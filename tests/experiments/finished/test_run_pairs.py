import csv
import json

import made_summaries
import numpy as np
import pytest

from stclr_jax import compare
from stclr_jax.evaluation import comparison
from stclr_jax.evaluation import metrics
from stclr_jax.experiments.finished import predicted_runs
from stclr_jax.experiments.finished import run_pairs
from stclr_jax.experiments.finished.fold_summaries import BaselineSummary
from stclr_jax.files import json_records
from stclr_jax.runs import summaries
from stclr_jax.runs.summaries import EvaluateSummary
from stclr_jax.runs.summaries import FinetuneSummary

LABELS = made_summaries.LABELS
PEOPLE = range(1, 11)
HEADER = ['video_id', 'subject', 'label', 'prediction', 'correct', 'p_Anger']


def rows(wrong=(), people=PEOPLE):
  """A row a video; those in `wrong` are taken for the next expression."""
  for person in people:
    for k, label in enumerate(LABELS):
      video = f'P{person:03d}/{label}'
      predicted = LABELS[(k + (video in wrong)) % 6]
      yield [video, person, label, predicted, int(video not in wrong), 0.5]


def write(path, table, header=HEADER):
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(path, 'w', newline='') as file:
    csv.writer(file).writerows([header, *table])


def make_run(path, wrong=(), people=PEOPLE, kind=FinetuneSummary, **changes):
  """A workdir; without `kind` the table is all there is."""
  write(path / 'predictions.csv', rows(wrong, people))
  if kind is not None:
    summaries.write(made_summaries.make(kind, **changes), path)
  return path


def make_folds(path, wrong=(), kind=FinetuneSummary, **changes):
  """Five folds of two people each."""
  for k in range(5):
    people = (2 * k + 1, 2 * k + 2)
    kept = {'fold': k, **changes}
    if kind is FinetuneSummary:
      kept = {'protocol': protocol_of_fold(k), **kept}
    make_run(path / f'fold_{k}', wrong, people, kind, **kept)
  return path


def protocol_of_fold(k, **changes):
  counts = {'num_videos': 12, 'num_people': 2, 'num_folds': 5}
  return made_summaries.make_protocol(
    folds_run=[k], fold_hashes=[f'{k}'], **counts, **changes
  )


def report_of(*paths):
  return run_pairs.compare_runs(*map(predicted_runs.read_run, paths))


def test_changes_are_counted_and_named(tmp_path):
  a = make_run(
    tmp_path / 'a', wrong=['P001/Anger', 'P003/Fear', 'P003/Sadness']
  )
  b = make_run(tmp_path / 'b', wrong=['P001/Anger', 'P007/Fear'])
  report = report_of(a, b)
  assert report.gained == ('P003/Fear', 'P003/Sadness')
  assert report.lost == ('P007/Fear',)
  assert report.run_a.correct == 57 and report.run_b.correct == 58
  assert report.same_answer == 57
  assert list(report.people)[0] == '3'  # changed most
  assert report.people['3'] == run_pairs.Change(
    total=6, correct_a=4, correct_b=6, gained=2, lost=0
  )
  assert report.expressions['Fear'] == run_pairs.Change(
    total=10, correct_a=9, correct_b=9, gained=1, lost=1
  )
  text = compare.describe(report)
  assert '2 videos gained, 1 lost' in text
  assert 'People: 2 of 10 changed' in text
  assert (
    run_pairs.PairReport.from_dict(
      json.loads(json.dumps(report.as_dict()))
    ).gained
    == report.gained
  )


def test_figures_are_those_of_the_statistics(tmp_path):
  wrong = [f'P{person:03d}/Fear' for person in range(1, 6)]
  report = report_of(make_run(tmp_path / 'a', wrong), make_run(tmp_path / 'b'))
  subject = np.repeat(np.arange(10), 6)
  correct = np.ones(60, bool)
  correct[2:30:6] = False
  expected = comparison.compare(correct, np.ones(60, bool), subject)
  assert report.comparison.sign_flip_p == expected.sign_flip_p == 2 / 32
  assert report.comparison.mcnemar_p == expected.mcnemar_p
  assert report.comparison.difference == 5 / 60


def test_folds_are_pooled(tmp_path):
  wrong = ['P002/Anger', 'P009/Fear']
  whole = make_run(tmp_path / 'whole', wrong)
  report = report_of(make_folds(tmp_path / 'folds', wrong), whole)
  assert report.run_a.correct == report.run_b.correct == 58
  assert report.run_a.people == 10
  assert report.comparison.only_first == 0
  assert 'People: none changed.' in compare.describe(report)


def test_a_video_tested_twice_is_refused(tmp_path):
  for k in range(2):
    make_run(tmp_path / f'fold_{k}', people=[1])
  with pytest.raises(ValueError, match='P001/Anger, P001/Disgust.* and 1 more'):
    predicted_runs.read_run(tmp_path)


def test_other_videos_are_refused_and_named(tmp_path):
  a = make_run(tmp_path / 'a', people=range(1, 9))
  b = make_run(tmp_path / 'b', people=range(2, 10))
  with pytest.raises(ValueError) as error:
    report_of(a, b)
  text = str(error.value)
  assert 'P001/Anger' in text and 'P009/Anger' in text
  assert 'P002' not in text and 'and 1 more' in text


def test_an_unfinished_cross_validation_is_refused(tmp_path):
  whole = make_run(tmp_path / 'whole')
  make_run(tmp_path / 'folds' / 'fold_0', people=[1, 2])
  for pair in ((whole, tmp_path / 'folds'), (tmp_path / 'folds', whole)):
    with pytest.raises(ValueError, match='P003/Anger.* and 43 more'):
      report_of(*pair)


def test_videos_that_only_share_their_names_are_refused(tmp_path):
  a = make_run(tmp_path / 'a', data='synthetic:vl_strong')
  b = make_run(tmp_path / 'b', data='oulu_casia:vl_strong')
  with pytest.raises(ValueError, match='synthetic:vl_strong.*oulu_casia'):
    report_of(a, b)


@pytest.mark.parametrize('column,name', [(1, 'subject'), (2, 'label')])
def test_disagreement_about_a_video_is_refused(tmp_path, column, name):
  a = make_run(tmp_path / 'a')
  table = list(rows())
  table[7][column] = 'Boredom'
  write(tmp_path / 'b' / 'predictions.csv', table)
  with pytest.raises(ValueError, match=f'{name} of P002/Disgust.*Boredom'):
    report_of(a, tmp_path / 'b')


def test_protocols_stand_beside_the_numbers(tmp_path):
  oracle = made_summaries.make_protocol(selection='test_oracle')
  a = make_run(tmp_path / 'a')
  b = make_run(tmp_path / 'b', protocol=oracle)
  report = report_of(a, b)
  assert report.protocol_differences == (
    "leaks: none | ['The epoch was chosen by the test result.']",
    'selection: last | test_oracle',
  )
  text = compare.describe(report)
  assert text.count('LEAK') == 1
  assert 'folds 0 to 9 of 10 folds by person, consecutive' in text


def test_folds_without_a_summary_of_their_own_go_by_each_folds(tmp_path):
  def make(name, data, synthetic=True):
    return make_folds(
      tmp_path / name, kind=BaselineSummary, data=data, synthetic=synthetic
    )

  drawn = make('drawn', 'synthetic:vl_strong')
  report = report_of(drawn, make('again', 'synthetic:vl_strong'))
  assert report.data == 'synthetic:vl_strong' and report.synthetic
  assert report.protocol_differences == ()
  for other in (
    make('real', 'oulu_casia:vl_strong', False),
    make_run(tmp_path / 'whole', data='oulu_casia:vl_strong'),
  ):
    for pair in ((drawn, other), (other, drawn)):
      with pytest.raises(ValueError, match='but of two data sets'):
        report_of(*pair)

  changed = made_summaries.make(BaselineSummary, data='oulu_casia:vl_strong')
  summaries.write(changed, drawn / 'fold_3')
  with pytest.raises(ValueError, match='different data .oulu_casia.*synthetic'):
    predicted_runs.read_run(drawn)


@pytest.mark.parametrize('turned', [False, True])
def test_what_either_run_says_of_the_data_counts(tmp_path, turned):
  pair = [
    make_run(tmp_path / 'a', kind=None),
    make_run(tmp_path / 'b', data='synthetic:vl_strong', synthetic=True),
  ]
  report = report_of(*(reversed(pair) if turned else pair))
  assert report.data == 'synthetic:vl_strong' and report.synthetic is True
  assert 'drawn faces, not people' in compare.describe(report)


def test_folds_are_compared_under_their_pooled_protocol(tmp_path):
  folds = make_folds(tmp_path / 'folds')
  kept = made_summaries.make_protocol(
    folds_run=range(5), fold_hashes=map(str, range(5)), num_folds=5
  )
  report = report_of(folds, make_run(tmp_path / 'whole', protocol=kept))
  assert report.protocol_differences == ()
  assert report.text.run_a == report.text.run_b
  changed = made_summaries.make(
    FinetuneSummary, protocol=protocol_of_fold(2, seed=1)
  )
  summaries.write(changed, folds / 'fold_2')
  with pytest.raises(ValueError, match='one protocol.*\n  seed: 0 | 1'):
    predicted_runs.read_run(folds)


def evaluation(*, tested=60, seen=0, **changes):
  """Fields of the summary of an evaluation, half of it right."""

  def count(total):
    return metrics.PeopleCounts(total // 2, total, total // 6)

  return {
    'kind': EvaluateSummary,
    'data': 'tiny:ni_dark',
    'seen': count(seen),
    'unseen': count(tested - seen),
    'protocol': made_summaries.make_transfer_protocol(
      num_videos=tested, num_people=tested // 6, **changes
    ),
  }


def test_evaluations_are_described_by_lines_of_their_own(tmp_path):
  leaky = evaluation(seen=12, leaks=('Pretraining saw them.',))
  a = make_run(tmp_path / 'a', **leaky)
  b = make_run(tmp_path / 'b', **evaluation(trained_on='other:vl_strong'))
  report = report_of(a, b)
  assert report.text.run_a[-2:] == (
    'LEAK: The classifier was trained on 2 of these people: 6/12 = 50.0% of '
    'theirs, 24/48 = 50.0% of others.',
    'LEAK: Pretraining saw them.',
  )
  text = compare.describe(report)
  assert text.count('LEAK: ') == 2
  assert 'trained_on: tiny:vl_strong | other:vl_strong' in text


def test_evaluations_of_folds_are_added_up(tmp_path):
  leaks = ('Pretraining saw them.',)
  for k in range(5):
    summary = evaluation(
      tested=12,
      seen=6 * (k < 2),
      leaks=leaks if k < 2 else (),
      classifier=f'fold_{k}',
      people_trained_on=70 + k,
    )
    people = (2 * k + 1, 2 * k + 2)
    make_run(tmp_path / 'cell' / f'fold_{k}', people=people, **summary)
  shared = {'classifier': 'one a fold', 'people_trained_on': None}
  whole = make_run(
    tmp_path / 'whole', **evaluation(seen=12, leaks=leaks, **shared)
  )
  report = report_of(tmp_path / 'cell', whole)
  assert report.protocol_differences == ()
  # Counts of people halve with their videos; half of 6 and 6 is half of 12.
  assert report.text.run_a == report.text.run_b


def test_configs_of_folds_are_what_they_share(tmp_path):
  for k in range(5):
    run = make_folds(tmp_path / 'a') / f'fold_{k}'
    config = {
      'format': json_records.FORMAT,
      'seed': 0,
      'data': {'fold': k, 'split': 'vl_strong'},
    }
    (run / 'config.json').write_text(json.dumps(config))
  b = make_run(tmp_path / 'b')
  config = {
    'format': json_records.FORMAT,
    'seed': 0,
    'data': {'split': 'vl_dark'},
  }
  (b / 'config.json').write_text(json.dumps(config))
  assert report_of(tmp_path / 'a', b).config_differences == (
    'data.split: vl_strong | vl_dark',
  )


def test_a_run_without_a_protocol_is_compared_by_what_both_tell(tmp_path):
  a = make_run(tmp_path / 'a')
  b = make_run(tmp_path / 'b', kind=BaselineSummary)
  report = report_of(a, b)
  assert report.protocol_differences == ('workflow: finetune | baseline',)
  assert 'no protocol' in compare.describe(report)


def test_summaries_of_another_format_or_workflow_are_refused(tmp_path):
  path = make_run(tmp_path / 'a') / 'summary.json'
  written = json.loads(path.read_text())
  for changes, message in (
    ({'format': None}, 'an earlier format'),
    ({'format': 99}, 'a later format'),
    ({'workflow': 'pretrain'}, 'finetune, evaluate'),
    ({'crop': 'face'}, 'fields crop'),
  ):
    path.write_text(json.dumps(written | changes))
    with pytest.raises(ValueError, match=message):
      predicted_runs.read_run(path.parent)


def test_configs_are_compared(tmp_path):
  runs = make_run(tmp_path / 'a'), make_run(tmp_path / 'b')
  for run, patience in zip(runs, (3, 5), strict=True):
    config = {
      'format': json_records.FORMAT,
      'seed': 0,
      'optimizer': {'patience': patience, 'name': 'adam'},
    }
    (run / 'config.json').write_text(json.dumps(config))
  report = report_of(*runs)
  assert report.config_differences == ('optimizer.patience: 3 | 5',)
  assert 'Protocols: no difference found.' in compare.describe(report)


def test_columns_may_stand_in_any_order_beside_others(tmp_path):
  a = make_run(tmp_path / 'a')
  order = [3, 5, 0, 2, 1]
  write(
    tmp_path / 'b' / 'predictions.csv',
    [[row[i] for i in order] for row in rows()],
    [HEADER[i] for i in order],
  )
  assert report_of(a, tmp_path / 'b').same_answer == 60


def test_what_is_no_finished_run_is_refused(tmp_path):
  with pytest.raises(FileNotFoundError, match='fold_'):
    predicted_runs.read_run(tmp_path)
  write(tmp_path / 'predictions.csv', [], HEADER)
  with pytest.raises(ValueError, match='no video'):
    predicted_runs.read_run(tmp_path)
  write(tmp_path / 'predictions.csv', [[1]], ['video_id'])
  with pytest.raises(ValueError, match='lacks subject, label, prediction'):
    predicted_runs.read_run(tmp_path)


def test_command(tmp_path, capsys):
  a, b = make_run(tmp_path / 'a', ['P001/Fear']), make_run(tmp_path / 'b')
  compare.main([str(a), str(b), '--json'])
  report = json.loads(capsys.readouterr().out)
  assert report['gained'] == ['P001/Fear']
  compare.main([str(a), str(b)])
  printed = capsys.readouterr().out
  assert '59/60 = 98.33 %' in printed and 'training noise' in printed
  with pytest.raises(SystemExit) as stopped:
    compare.main([str(a), str(tmp_path / 'nowhere')])
  assert 'nowhere' in str(stopped.value)


def test_who_is_with_whom_counts_whatever_people_are_called(tmp_path):
  a = make_run(tmp_path / 'a', wrong=['P003/Fear'])
  named = [[video, f'N{p}', *rest] for video, p, *rest in rows()]
  write(tmp_path / 'b' / 'predictions.csv', named)
  assert report_of(a, tmp_path / 'b').gained == ('P003/Fear',)
  for changed in ('N1', 'N99'):  # two people are one, or one is two
    named[-1][1] = changed
    write(tmp_path / 'b' / 'predictions.csv', named)
    with pytest.raises(ValueError, match='disagree on the subject of'):
      report_of(a, tmp_path / 'b')
