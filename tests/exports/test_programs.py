"""The network as ONNX graph and as StableHLO program, against our own."""

import json
import re
import sys

import jax
import jax.numpy as jnp
import made_networks
import numpy as np
import pytest

from stclr_jax.exports import agreement
from stclr_jax.exports import network_function
from stclr_jax.exports import network_onnx
from stclr_jax.exports import stablehlo
from stclr_jax.inference.model import Model

# Kinds of networks: what the classifier reads, and what that takes for
# rest; None without one.
KINDS = (
  (None, 'first_frame'),
  ('clip', 'first_frame'),
  ('change', 'first_frame'),
  ('both', 'first_frame'),
  ('change_of_clip', 'person_mean'),
)
# Rounding of float32 over 20 layers.
ROUNDING = 5e-6


def make(what, rest='first_frame', architecture='r2plus1d_18', **options):
  if what is None:
    return made_networks.make(architecture, labels=None, **options)
  return made_networks.make(architecture, what=what, rest=rest, **options)


def write(writer, trained):
  written = writer.build(trained)
  assert isinstance(written, bytes)
  return written


@pytest.mark.parametrize(('what', 'rest'), KINDS)
def test_programs_compute_what_our_network_does(what, rest, shallow_encoder):
  trained = make(what, rest)
  tried = agreement.try_ours(trained)
  found = {}
  for writer in (network_onnx, stablehlo):
    outputs = writer.run(write(writer, trained), tried.inputs)
    assert agreement.largest_difference(tried, outputs) < ROUNDING
    found[writer] = outputs
    if what is not None:
      # Calibrated, as the model's are.
      logits = outputs['logits'] / made_networks.CALIBRATION.temperature
      np.testing.assert_allclose(
        jax.nn.softmax(logits), outputs['probabilities'], atol=1e-6
      )
  graph, program = found.values()
  assert graph.keys() == program.keys()
  for name, output in graph.items():
    np.testing.assert_allclose(output, program[name], rtol=1e-4, atol=1e-5)


def test_an_output_that_is_another_is_found(shallow_encoder):
  trained = make('clip')
  tried = agreement.try_ours(trained)
  outputs = network_onnx.run(write(network_onnx, trained), tried.inputs)
  other = make('clip', calibration=None)
  uncalibrated = network_onnx.run(write(network_onnx, other), tried.inputs)
  assert agreement.largest_difference(tried, uncalibrated) > 1e-3
  broken = outputs | {'embedding': outputs['embedding'] * np.nan}
  difference = agreement.largest_difference(tried, broken)
  assert not difference <= agreement.TOLERANCE


def test_numbers_of_clips_frames_and_pixels_are_free(shallow_encoder):
  trained = make(None)
  random = np.random.default_rng(0)
  clips = random.integers(0, 256, (3, 7, 20, 24, 3), np.uint8)
  x = clips / 255 - np.asarray(made_networks.OPTIONS.mean)[(None,) * 4]
  x /= np.asarray(made_networks.OPTIONS.std)[(None,) * 4]
  encode = jax.jit(lambda v, x: trained.encoder.apply(v, x, train=False))
  h = encode(trained.encoder_variables, x.astype(np.float32))
  found = network_onnx.run(write(network_onnx, trained), {'clips': clips})
  np.testing.assert_allclose(found['embedding'], h, rtol=1e-4, atol=1e-5)


def test_half_precision_is_not_written_down(shallow_encoder):
  trained = make(None, dtype=jnp.bfloat16)
  inputs = agreement.try_ours(trained).inputs
  exact, half = (
    Model(one).encode(inputs['clips'])
    for one in (network_function.exact(trained), trained)
  )
  found = network_onnx.run(write(network_onnx, trained), inputs)
  np.testing.assert_allclose(found['embedding'], exact, rtol=1e-4, atol=1e-5)
  assert np.abs(half - exact).max() > 1e-3


def test_a_graph_says_what_it_takes_and_means(shallow_encoder):
  onnx, _ = network_onnx.import_onnx()
  model = onnx.load_from_string(write(network_onnx, make('both')))
  said = {one.key: one.value for one in model.metadata_props}
  assert json.loads(said['labels']) == list(made_networks.LABELS)
  assert said['classifier_reads'] == 'both'
  assert '4 frames' in said['clips'] and '16 pixels' in said['clips']
  kinds = {node.op_type for node in model.graph.node}
  assert 'BatchNormalization' not in kinds  # folded
  (opset,) = model.opset_import
  assert (opset.version, model.ir_version) == (17, 8)


def test_a_program_is_for_three_platforms_and_any_number(shallow_encoder):
  written = write(stablehlo, make('clip'))
  exported = jax.export.deserialize(bytearray(written))
  assert exported.platforms == ('cpu', 'cuda', 'tpu')
  (clips,) = exported.in_avals
  assert str(clips.shape) == '(b, 4, 16, 16, 3)'
  # Calls of what only this computer has would not be portable.
  calls = re.findall(r'stablehlo.custom_call @(\w+)', exported.mlir_module())
  assert set(calls) == {'shape_assertion'}


@pytest.mark.parametrize('package', ['onnx', 'onnxruntime', 'flatbuffers'])
def test_a_package_that_is_missing_is_named(package, monkeypatch):
  monkeypatch.setitem(sys.modules, package, None)
  missing = (
    stablehlo.check_packages
    if package == 'flatbuffers'
    else network_onnx.import_onnx
  )
  with pytest.raises(ImportError, match=f'{package}.*pip install'):
    missing()
