import dataclasses
import datetime
import re

import made_networks
import made_summaries
import numpy as np
import pytest
import yaml

from stclr_jax.evaluation import comparison
from stclr_jax.exports import card_evaluation
from stclr_jax.exports import markdown
from stclr_jax.exports import model_card
from stclr_jax.inference import caveats
from stclr_jax.runs import summaries

SUMMARY = made_summaries.make(summaries.FinetuneSummary)
PRETRAINED = made_summaries.make(summaries.PretrainSummary)
ACCURACY = comparison.accuracy(np.arange(20) < 13, np.arange(20) // 5)
NOBODY = {'correct': None, 'total': None, 'epoch_tested': None, 'protocol': ''}


def write(trained, summary=None, files=(), **options):
  evaluated = card_evaluation.Evaluated(summary)
  if isinstance(summary, summaries.FinetuneSummary):
    shares = (0.0, 0.6, 1.0, 1.0)
    evaluated = card_evaluation.Evaluated(summary, ACCURACY, shares)
  card = model_card.write(
    trained,
    evaluated,
    name='a "model": #1',
    files=files,
    written=datetime.date(2026, 11, 30),
    license=model_card.License(**options),
  )
  _, front, text = card.split('---\n', 2)
  return yaml.safe_load(front), text


def changed(**changes):
  facts = dataclasses.replace(made_networks.TRAINED_ON, **changes)
  return made_networks.make(trained_on=facts)


@pytest.mark.parametrize(
  ('options', 'summary'),
  [
    ({}, SUMMARY),
    ({'what': 'both', 'rest': 'person_mean'}, SUMMARY),
    ({'labels': None}, PRETRAINED),
    ({}, None),
  ],
)
def test_a_card_has_the_hubs_sections(options, summary, shallow_encoder):
  trained = made_networks.make(**options)
  front, text = write(trained, summary, ('model.onnx', 'model.stablehlo'))
  assert front['library_name'] == 'stclr_jax'
  assert front['license'] == 'other' and front['license_name'] == 'not-stated'
  is_encoder = trained.labels is None
  task = 'feature-extraction' if is_encoder else 'video-classification'
  assert front['pipeline_tag'] == task
  assert 'facial-expression-recognition' in front['tags']
  wanted = (
    'Details', 'Uses', 'Bias, risks and limitations', 'How to start',
    'Training', 'Evaluation', 'Environmental impact', 'Licence', 'Citation',
  )  # fmt: skip
  places = [text.index(f'\n## {title}\n') for title in wanted]
  assert places == sorted(places)
  flowing = ' '.join(text.split())
  for said in caveats.of_network(trained):
    assert markdown.escape(said) in flowing
  assert 'Art. 5(1)(f)' in text and '2 February 2025' in flowing
  assert trained.checksum in text
  assert '2027-05-29' in text  # six months after it was written
  assert ('felt' in text) and ('None' not in text)


def test_figures_are_the_runs(shallow_encoder):
  front, text = write(made_networks.make(), SUMMARY)
  (found,) = front['model-index']
  assert found['name'] == 'a "model": #1'
  metrics = {m['type']: m['value'] for m in found['results'][0]['metrics']}
  assert metrics['accuracy'] == 13 / 20
  assert metrics['recall'] == SUMMARY.uar
  for said in ('13/20 = 65.00 %', '1 none', 'from 0 to 100 %', '4 people'):
    assert said in ' '.join(text.split())


def test_calibration_is_told_before_and_after(shallow_encoder):
  measured = dataclasses.replace(SUMMARY.calibration, calibration_error=0.1234)
  summary = dataclasses.replace(SUMMARY, calibration=measured)
  _, text = write(made_networks.make(), summary)
  assert 'people tested: 0.050 (0.123 without).' in ' '.join(text.split())
  _, text = write(made_networks.make(calibration=None), summary)
  text = ' '.join(text.split())
  assert 'not calibrated: no people' in text
  assert 'error on the people tested: 0.123.' in text
  _, text = write(made_networks.make(), None)  # as read from an export
  assert 'without)' not in text


def test_without_a_test_there_is_no_figure(shallow_encoder):
  front, text = write(changed(**NOBODY))
  assert 'model-index' not in front and 'metrics' not in front
  assert 'Nobody has tested it' in text


def test_a_figure_that_leaks_is_no_result(shallow_encoder):
  protocol = made_summaries.make_protocol(fold_assignment='leaky_clips')
  leaky = made_summaries.make(summaries.FinetuneSummary, protocol=protocol)
  told = changed(protocol=protocol.describe())
  for summary in (leaky, None):
    front, text = write(told, summary)
    assert 'model-index' not in front
    assert 'LEAK' in text


def test_others_words_stay_words(shallow_encoder):
  hostile = (
    '```\n# x\x1b[2J <script>alert(1)</script> | [a](javascript:b) \u2028'
  )
  trained = made_networks.make(
    labels=('a | b', '<img src=x>', '*c*'),
    trained_on=dataclasses.replace(
      made_networks.TRAINED_ON, data=hostile, protocol=hostile
    ),
  )
  front, text = write(trained)
  assert '\x1b' not in text
  before, fenced, after = text.split('````')  # longer than what is in it
  assert not re.search(r'(?<!\\)<(script|img)', before + after)
  assert '\n# x' not in before + after
  rows = [line for line in text.splitlines() if line.startswith('| classes')]
  assert [row.replace('\\|', '').count('|') for row in rows] == [3]
  dataset = front['model-index'][0]['results'][0]['dataset']
  assert '\n' not in dataset['name']


@pytest.mark.parametrize('what', ['clip', 'change', 'change_of_clip', 'both'])
def test_code_for_torch_can_be_parsed(what, shallow_encoder):
  trained = made_networks.make(what=what, width=1)
  _, text = write(trained)
  torch = text.split('### With torch')[1].split('```python')[1].split('```')[0]
  compile(torch, 'card', 'exec')
  assert 'module.eps = 0.001' in torch
  name = 'fc' if what == 'clip' else f'classifier_of_{what}'
  assert ('num_classes=3' in torch) == (what == 'clip')
  assert (name in torch) == (what != 'clip')
