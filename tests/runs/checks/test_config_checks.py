import importlib

import pytest

from stclr_jax.runs.checks import config_checks

CONFIGS = (
  'pretrain', 'finetune', 'crossval', 'reproduce', 'evaluate', 'baselines',
)  # fmt: skip


def make_config(name, **changes):
  config = importlib.import_module(f'configs.{name}').get_config()
  config.update_from_flattened_dict(changes)
  return config


@pytest.mark.parametrize('name', CONFIGS)
def test_every_config_of_ours_can_be_meant(name):
  module = importlib.import_module(f'configs.{name}')
  presets = ('demo', 'paper', 'paper_112')
  for preset in presets:
    which = f'all,{preset}' if name == 'reproduce' else preset
    config_checks.check(module.get_config(which))


def test_every_rule_is_about_a_setting():
  keys = {
    f'.{key}'
    for name in CONFIGS
    for key, _ in config_checks.flatten(make_config(name))
  }
  for end in (*config_checks.RULES, *config_checks.WORDS):
    assert any(key.endswith(f'.{end}') for key in keys), end


@pytest.mark.parametrize(
  'name,key,value,words',
  [
    ('pretrain', 'num_epochs', 0, 'at least 1'),
    ('pretrain', 'checkpoint.every_epochs', 0, 'at least 1'),
    ('pretrain', 'knn.every_epochs', -1, 'at least 1'),
    ('pretrain', 'encoder.width', 0.0, 'above 0'),
    ('pretrain', 'optimizer.learning_rate', float('nan'), 'above 0'),
    ('pretrain', 'optimizer.learning_rate', float('inf'), 'above 0'),
    ('pretrain', 'batch_norm.momentum', 1.0, 'below 1'),
    ('pretrain', 'data.frame_size', (30,), 'height and width'),
    ('pretrain', 'views.mean', (0.5,), 'red, green and blue'),
    ('pretrain', 'views.crop.area', (3,), 'two numbers'),
    ('pretrain', 'views.crop.area', ('a', 'b'), 'two numbers'),
    ('crossval', 'finetune.report_every_epochs', 0, 'at least 1'),
    ('crossval', 'pretrain.views.std', (1.0, 2.0), 'three numbers'),
    ('reproduce', 'rows.labelled_draws', (), 'at least one'),
    ('pretrain', 'loss', 'triplet', 'one of nt_xent'),
    ('crossval', 'pretrain.batches.composition', 'sorted', 'of shuffled, by_'),
    ('finetune', 'batches.people', 0, 'at least 1'),
    ('finetune', 'classifier.rest', 'mean', 'first_frame, person_mean'),
    ('finetune', 'views.temporal.distance', 0.2, 'of a pair, and fine-tuning'),
    ('crossval', 'finetune.views.temporal.distance', 0.0, 'fine-tuning has'),
    ('pretrain', 'views.temporal.distance', -0.1, 'between 0 and 1'),
    ('crossval', 'pretrain.negatives.other_people', 1.5, 'between 0 .*and 1'),
    ('pretrain', 'init', 'pretrained', 'one of scratch, kinetics400'),
    ('crossval', 'init', 'imagenet', 'one of pretrained, scratch'),
    ('finetune', 'optimizer.state_between_stages', 'lost', 'fresh, kept'),
    ('evaluate', 'people_seen', 'ignore', 'refuse, drop, mark'),
    ('finetune', 'data.labelled_unit', 'frame', 'clip, person'),
    ('reproduce', 'plan.teraflops', 0.0, 'above 0'),
  ],
)
def test_what_nobody_can_mean_is_refused(name, key, value, words):
  config = make_config(name, **{key: value})
  with pytest.raises(ValueError, match=words) as error:
    config_checks.check(config)
  assert f'`{key}` (={value!r})' in str(error.value)
