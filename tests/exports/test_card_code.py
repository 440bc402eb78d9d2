"""The code in model cards, run by somebody who has none of ours."""

import subprocess
import sys

import made_networks
import numpy as np
import pytest

import stclr_jax
from stclr_jax.exports import agreement
from stclr_jax.exports import hub_folder
from stclr_jax.inference import exported_description
from stclr_jax.inference import exported_folder
from stclr_jax.models import architectures
from stclr_jax.models.weights import safetensors_files

# Rounding of float32 over 20 layers.
ROUNDING = 5e-6
# Before the card's code, and behind it.
PREFACE = """
import numpy
given = numpy.load('given.npz')
clips, rest = given['clips'], given['rest']
"""
TORCH_PREFACE = """
import torch
clips = torch.from_numpy(clips)
clips_of_the_person = torch.from_numpy(given['others'])
torch.set_grad_enabled(False)
"""
ENDING = """
import sys
numpy.save('found.npy', found)
assert not any(name.startswith('stclr_jax') for name in sys.modules)
"""


def export(
  folder, *, what='clip', rest='first_frame', programs=True, **options
):
  """An exported folder of a network that nobody trained."""
  source = folder / 'source'
  source.mkdir()
  trained = made_networks.make(what=what, rest=rest, **options)
  described = exported_description.describe(trained, created='')
  exported_description.write(source / 'config.json', described)
  arrays = exported_folder.arrays(trained)
  safetensors_files.write(source / 'model.safetensors', arrays)
  out = folder / 'out'
  settings = hub_folder.Options(onnx=programs, stablehlo=programs)
  hub_folder.write(source, out, settings)
  return out


def run_code(out, title, *, preface='', found='found'):
  """Runs the code of a section of the card in a process of its own."""
  card = (out / 'README.md').read_text()
  code = card.split(f'### {title}')[1].split('```python')[1].split('```')[0]
  script = f'{PREFACE}{preface}{code}\nfound = {found}\n{ENDING}'
  # -I: neither this folder nor PYTHONPATH is looked into.
  subprocess.run([sys.executable, '-I', '-c', script], check=True, cwd=out)
  return np.load(out / 'found.npy')


def give(out):
  """Clips for that code, and probabilities by our own network."""
  model = stclr_jax.load(out)
  clips, others = np.random.default_rng(1).integers(
    0, 256, (2, 5, 4, 16, 16, 3), np.uint8
  )
  rest = model.encode(others).mean(0, keepdims=True)
  np.savez(out / 'given.npz', clips=clips, others=others, rest=rest)
  of_person = model.trained.rest == 'person_mean'
  return model.predict_clips(clips, others if of_person else None)


@pytest.mark.slow
@pytest.mark.parametrize('architecture', architectures.ARCHITECTURES)
def test_graph_and_program_do_without_our_code(architecture, tmp_path):
  out = export(tmp_path, architecture=architecture, width=1 / 8)
  expected = give(out)
  for title in ('With ONNX', 'With JAX alone'):
    found = run_code(out, title)
    assert np.abs(found - expected).max() < ROUNDING


@pytest.mark.slow
def test_the_rest_of_a_person_is_a_second_input(tmp_path):
  out = export(tmp_path, what='both', rest='person_mean', architecture='mc3_18')
  expected = give(out)
  for title in ('With ONNX', 'With JAX alone'):
    found = run_code(out, title)
    assert np.abs(found - expected).max() < ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize(
  ('what', 'rest'),
  [
    ('clip', 'first_frame'),
    ('change', 'first_frame'),
    ('change_of_clip', 'first_frame'),
    ('both', 'person_mean'),
  ],
)
def test_torch_loads_it_strictly(what, rest, tmp_path):
  pytest.importorskip('torch', reason='not required; try it with torchvision')
  pytest.importorskip('torchvision.models', reason='not required')
  out = export(
    tmp_path,
    what=what,
    rest=rest,
    architecture='mc3_18',
    width=1,
    programs=False,
  )
  expected = give(out)
  found = run_code(
    out, 'With torch', preface=TORCH_PREFACE, found='probabilities.numpy()'
  )
  assert np.abs(found - expected).max() < agreement.TOLERANCE
