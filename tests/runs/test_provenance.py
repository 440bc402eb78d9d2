import dataclasses

import made_runs
import pytest

from stclr_jax.learning.saved import checkpoints
from stclr_jax.runs import build
from stclr_jax.runs import provenance
from stclr_jax.workflows import finetune_origin


@pytest.mark.parametrize(
  'init,scope,told',
  [
    ('scratch', 'none', 'no pretraining'),
    ('kinetics400', 'other_data', 'pretrained on other data (kinetics400)'),
  ],
)
def test_what_begins_without_our_pretraining(
  init, scope, told, tiny_store, tiny_config
):
  config = tiny_config('finetune', init=init)
  dealt = build.make_folds(tiny_store, config.data)
  kept = finetune_origin.make_protocol(
    config, tiny_store, dealt, dealt.fold(0), None
  )
  assert kept.pretrain_scope == scope and told in kept.describe()
  assert not kept.leaks


def test_a_run_goes_on_only_with_the_data_it_was_begun_with(
  tiny_store, tmp_path, monkeypatch
):
  def refused(notes, store):
    monkeypatch.setattr(checkpoints, 'read_notes', lambda workdir: notes)
    try:
      provenance.refuse_other_data(tmp_path, store)
    except ValueError:
      return True
    return False

  notes = made_runs.make_notes(tiny_store, [0]).as_dict()
  order = list(reversed(range(tiny_store.num_videos)))
  turned = dataclasses.replace(
    tiny_store,
    video_id=tuple(tiny_store.video_id[i] for i in order),
    subject=tiny_store.subject[order],
    label=tiny_store.label[order],
  )
  renamed = tuple(f'new/{video}' for video in tiny_store.video_id)
  for changes, other in (
    ({}, False),
    ({'subject': tiny_store.subject + 1}, True),
    ({'label': tiny_store.label % 2}, True),
    ({'video_id': renamed}, True),
  ):
    assert refused(notes, dataclasses.replace(turned, **changes)) is other
    # Without a checkpoint it begins.
    assert not refused(None, dataclasses.replace(turned, **changes))


def test_what_the_paper_does_not_do_reaches_the_number(tiny_store, tiny_config):
  before = tiny_config(
    'pretrain',
    **{
      'negatives.reversed': True,
      'negatives.other_people': 0.5,
      'projection.input': 'change',
    },
  )
  beyond = provenance.beyond_paper(before)
  assert len(beyond) == 3 and not provenance.beyond_paper(
    tiny_config('pretrain')
  )
  earlier = made_runs.make_trained(tiny_store, [0], beyond_paper=beyond)
  config = tiny_config('finetune', **{'batches.composition': 'by_person'})
  dealt = build.make_folds(tiny_store, config.data)
  where = config, tiny_store, dealt, dealt.fold(0)
  told = finetune_origin.make_protocol(*where, earlier).describe()
  assert (
    "Not the paper's method: negatives that show other people weigh 0.5; views "
    'played backwards are negatives; contrast of changes; fine-tuning in '
    'batches by person.'
  ) in told
  notes = finetune_origin.make_notes(
    config, tiny_store, dealt.fold(0), [0], earlier
  )
  assert notes.beyond_paper[:3] == beyond  # a test on other data says so, too
  plain = finetune_origin.make_protocol(
    tiny_config('finetune'), *where[1:], None
  )
  assert 'paper' not in plain.describe()
