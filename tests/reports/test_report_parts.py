import dataclasses

import made_summaries
import numpy as np
import pytest

from stclr_jax.experiments.finished.fold_summaries import PooledSummary
from stclr_jax.files import json_records
from stclr_jax.reports import figures
from stclr_jax.reports import pages
from stclr_jax.reports import report_parts
from stclr_jax.runs import summaries
from stclr_jax.runs import workdirs

EXPRESSIONS = ('Anger', 'Disgust', 'Fear', 'Happiness', 'Sadness', 'Surprise')


def make_tree(folder, data, labels):
  """A finished fine-tuning of which nothing was logged, and its summary."""
  fold = folder / 'fold_0'
  fold.mkdir()
  workdirs.write_json(
    fold / workdirs.CONFIG, {'format': json_records.FORMAT, 'init_from': ''}
  )
  (fold / 'metrics.jsonl').write_text('')
  summary = made_summaries.make(
    PooledSummary,
    data=data,
    labels=labels,
    confusion=np.eye(len(labels), dtype=int).tolist(),
  )
  return {0: fold}, summary


@pytest.mark.parametrize(
  'data,labels,beside',
  [
    ('oulu_casia:vl_strong', EXPRESSIONS, True),
    ('oulu_casia_cropped:vl_strong', EXPRESSIONS[::-1], True),
    ('oulu_casia:ni_strong', EXPRESSIONS, False),
    ('synthetic_demo:vl_strong', EXPRESSIONS, False),
    ('oulu_casia_cropped:vl_strong', ('happy', 'sad'), False),
  ],
)
def test_the_papers_findings_stand_only_beside_its_own_data(
  tmp_path, monkeypatch, data, labels, beside
):
  drawn = {}
  draw = figures.save_confusion_matrix
  monkeypatch.setattr(
    figures,
    'save_confusion_matrix',
    lambda *given, **named: drawn.update(named) or draw(*given, **named),
  )
  blocks = report_parts.result_blocks(
    tmp_path, *make_tree(tmp_path, data, labels), with_faces=False
  )
  assert bool(drawn['outlined']) == beside
  assert ('Disgust is best' in drawn['title']) == beside
  # A report shows all of these, also where there is nothing to be seen.
  shown = [block.path for block in blocks if isinstance(block, pages.Image)]
  assert len(shown) == 3 and all(path.exists() for path in shown)


def test_a_fold_shows_the_audit_of_its_pretraining_and_the_picture(tmp_path):
  folds, summary = make_tree(tmp_path, 'tiny:vl_strong', EXPRESSIONS)
  before = tmp_path / 'pretrain'
  before.mkdir()
  found = made_summaries.make_audit(expression=0.4, subject=0.9, num_videos=20)
  summaries.write(
    made_summaries.make(summaries.PretrainSummary, audit=found), before
  )
  workdirs.write_json(
    folds[0] / workdirs.CONFIG,
    {'format': json_records.FORMAT, 'init_from': str(before)},
  )
  blocks = report_parts.result_blocks(
    tmp_path, folds, summary, with_faces=False
  )
  shown = [block.path for block in blocks if isinstance(block, pages.Image)]
  assert tmp_path / 'figures' / 'expression_0.png' in shown
  assert all(path.exists() for path in shown)
  said = [block.text for block in blocks if isinstance(block, pages.Code)]
  assert any('names the expression of 40 %' in text for text in said)


@pytest.mark.parametrize('drawn', [False, True])
@pytest.mark.parametrize('with_faces', [False, True])
def test_a_tree_shows_people_only_if_asked_to(tmp_path, drawn, with_faces):
  folds, summary = make_tree(tmp_path, 'tiny:vl_strong', EXPRESSIONS)
  summary = dataclasses.replace(summary, synthetic=drawn)
  before = tmp_path / 'pretrain'
  workdirs.write_json(
    folds[0] / workdirs.CONFIG,
    {'format': json_records.FORMAT, 'init_from': str(before)},
  )
  # The pretraining has been asked to, whatever the tree is.
  for folder in ('figures', 'figures/faces'):
    (before / folder).mkdir(parents=True)
  where = 'figures' if drawn else 'figures/faces'
  figures.save_curves(before / where / 'views_1_a.png', [], title='')
  blocks = report_parts.result_blocks(
    tmp_path, folds, summary, with_faces=with_faces
  )
  shown = [block.path for block in blocks if isinstance(block, pages.Image)]
  target = tmp_path / where / 'views_1_a.png'
  assert (target in shown) == target.exists() == (drawn or with_faces)
  said = ' '.join(b.text for b in blocks if isinstance(b, pages.Text))
  assert ('are left out' in said) == (not drawn and not with_faces)
