"""The part of a model card that shows how to run what lies beside it."""

from stclr_jax.exports import markdown
from stclr_jax.exports import network_function
from stclr_jax.exports import stablehlo
from stclr_jax.inference import exported_folder
from stclr_jax.models import encoders
from stclr_jax.models import heads
from stclr_jax.models.weights import torchvision_arrays

_TORCH_EPSILON = 1e-5  # of torch.nn.BatchNorm3d
# What each kind of classifier computes of torchvision's h, as torch code.
_READ = {
  'change': 'h(last) - h(first)',
  'change_of_clip': 'h(clips) - {rest}',
  'both': 'torch.cat([h(clips), h(clips) - {rest}], 1)',
}


def section(trained, files, written):
  """Shows how to begin, for each file that is there.

  Args:
    trained: a `trained_network.Trained`.
    files: names of the files in the folder.
    written: a `datetime.date`, when.

  Returns:
    Blocks of Markdown.
  """
  blocks = [*_ours(trained), '### Without it', _clips_line(trained)]
  blocks += _torch(trained)
  if exported_folder.ONNX in files:
    blocks += _onnx(trained)
  if exported_folder.STABLEHLO in files:
    blocks += _stablehlo(trained, written)
  if exported_folder.PROJECTION_HEAD in files:
    blocks.append(
      f'`{exported_folder.PROJECTION_HEAD}` holds the projection head of the '
      'pretraining, two `torch.nn.Linear`: `output(relu(hidden(h)))`. It '
      'serves to go on with the contrast; representations are taken before it.'
    )
  return blocks


def _clips_line(trained):
  """Says what a clip must look like, Markdown."""
  options = trained.view_options
  return (
    f'A clip is uint8 RGB `[b, {options.num_frames}, {options.size}, '
    f'{options.size}, 3]`: {options.num_frames} frames at equal distances from '
    'the first to the last of the window, of each the largest centred square, '
    f'resized to {options.size} pixels as torchvision does with antialiasing. '
    'The videos trained '
    f'on: {markdown.escape(trained.making.describe())}; make others likewise.'
  )


def _ours(trained):
  lines = [
    'import stclr_jax',
    '',
    "model = stclr_jax.load('.')  # this folder; nothing in it is run",
  ]
  if trained.labels is not None:
    calibrate = ''
    if network_function.needs_rest(trained):
      calibrate = ", calibrate='batch'"
    lines += [
      f'probabilities = model.predict_clips(clips{calibrate})  # uint8 '
      '[b, t, h, w, 3]',
      'model.labels, model.info.caveats',
    ]
  lines.append('h = model.encode(clips)')
  return [
    '### With stclr_jax',
    markdown.code('\n'.join(lines), 'python'),
    'It takes clips of any length and size, and makes the view itself.',
  ]


def _torch(trained):
  encoder = trained.encoder
  blocks = ['### With torch']
  if encoder.width != 1:
    return [
      *blocks,
      f"`{exported_folder.WEIGHTS}` has torchvision's names and layout, but "
      f'{encoder.width:g} of its channels, which its constructors cannot make: '
      f'`{encoder.architecture}` there is of width 1. In its place serves an '
      'ONNX graph (`stclr_jax.export --onnx`).',
    ]
  options = trained.view_options
  mean, std = (tuple(map(float, x)) for x in (options.mean, options.std))
  lines = [
    'import torch, torchvision',
    'from safetensors.torch import load_file',
    '',
    f"state = load_file('{exported_folder.WEIGHTS}')",
    *_torch_network(trained),
    'network.load_state_dict(state)  # strict',
    *_torch_epsilon(encoder),
    f'mean, std = torch.tensor({mean}), torch.tensor({std})',
    *_torch_call(trained),
  ]
  return [*blocks, markdown.code('\n'.join(lines), 'python')]


def _torch_network(trained):
  make = f'torchvision.models.video.{trained.encoder.architecture}'
  if trained.labels is not None and trained.input == 'clip':
    return [f'network = {make}(num_classes={len(trained.labels)}).eval()']
  lines = [f'network = {make}().eval()', 'network.fc = torch.nn.Identity()']
  if trained.labels is None:
    return lines
  name = torchvision_arrays.classifier_name(trained.input)
  return [
    '# Not `fc`: it does not read h of one clip, as torchvision would have it.',
    f"weight, bias = (state.pop(f'{name}.{{part}}')",
    "                for part in ('weight', 'bias'))",
    *lines,
  ]


def _torch_epsilon(encoder):
  if encoder.epsilon == _TORCH_EPSILON:
    return []
  return [
    'for module in network.modules():',
    '  if isinstance(module, torch.nn.BatchNorm3d):',
    f"    module.eps = {encoder.epsilon!r}  # not torch's 1e-5",
  ]


def _torch_call(trained):
  call = [
    'def h(clips):  # uint8 [b, t, h, w, 3]',
    '  x = (clips.float() / 255 - mean) / std',
    '  return network(x.permute(0, 4, 1, 2, 3))',
    '',
  ]
  if trained.labels is None:
    return [*call, 'representations = h(clips)']
  if trained.input == 'clip':
    call[0] = call[0].replace('h(clips)', 'classify(clips)')
    return [
      *call,
      f'probabilities = (classify(clips){_by(trained)}).softmax(1)',
    ]
  read = _READ[trained.input].format(rest=_rest(trained))
  still = 'clips[:, {}].expand_as(clips)'
  named = [f'first = {still.format(":1")}', f'last = {still.format("-1:")}']
  if network_function.needs_rest(trained):
    named = ['rest = h(clips_of_the_person).mean(0, keepdim=True)']
  elif trained.input != 'change':
    named = named[:1]
  return [
    *call,
    *named,
    f'read = {read}',
    'logits = read @ weight.T + bias',
    f'probabilities = (logits{_by(trained)}).softmax(1)',
  ]


def _rest(trained):
  return 'rest' if trained.rest == heads.PERSON_MEAN else 'h(first)'


def _by(trained):
  by = network_function.temperature(trained)
  return '' if by == 1 else f' / {by!r}'


def _outputs(trained):
  if trained.labels is None:
    return network_function.EMBEDDING
  return network_function.PROBABILITIES


def _rest_line(trained):
  if not network_function.needs_rest(trained):
    return []
  d = network_function.features(trained)
  return [
    f'`{network_function.REST}`, float32 `[1, {d}]`, is the mean of '
    f'`{network_function.EMBEDDING}` over clips of the person, who should show '
    'all expressions about equally; to compute it, give zeros first.',
  ]


def _onnx(trained):
  given = f"{{'{network_function.CLIPS}': clips}}"
  if network_function.needs_rest(trained):
    given = f"{{'{network_function.CLIPS}': clips, 'rest': rest}}"
  text = (
    'import onnxruntime\n\n'
    f"session = onnxruntime.InferenceSession('{exported_folder.ONNX}')\n"
    f"(found,) = session.run(['{_outputs(trained)}'], {given})"
  )
  return [
    '### With ONNX',
    markdown.code(text, 'python'),
    'Bytes go in: scaling and batch norms are inside. Numbers of clips and '
    'frames, height and width are free; those above are what it was trained '
    f'for, and {encoders.MIN_IMAGE_SIZE} pixels the least.',
    *_rest_line(trained),
  ]


def _stablehlo(trained, written):
  given = 'clips, rest' if network_function.needs_rest(trained) else 'clips'
  text = (
    'import jax.export, pathlib  # and pip install flatbuffers\n\n'
    f"written = pathlib.Path('{exported_folder.STABLEHLO}').read_bytes()\n"
    'function = jax.export.deserialize(bytearray(written)).call\n'
    f"found = function({given})['{_outputs(trained)}']"
  )
  return [
    '### With JAX alone',
    markdown.code(text, 'python'),
    f'A StableHLO program for {", ".join(stablehlo.PLATFORMS)}. JAX promises '
    f'that versions of the {stablehlo.MONTHS_BACKWARD} months after the one '
    f'that wrote a file run it, and those of the {stablehlo.WEEKS_FORWARD} '
    f'weeks before; this one was written on {written}, so until about '
    f'{stablehlo.guaranteed_until(written)}. Later, export it again: what '
    f'lasts is `{exported_folder.WEIGHTS}` with `{exported_folder.CONFIG}`.',
    *_rest_line(trained),
  ]
