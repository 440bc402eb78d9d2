"""Model cards: what a network is, what it is for, and what it must not be.

The sections are those of the template of Hugging Face's hub, whose readers look
for them; the lines between dashes are what a hub reads.
"""

import dataclasses
import datetime
import json
from typing import Any

import jax.numpy as jnp

from stclr_jax.exports import card_evaluation
from stclr_jax.exports import card_usage
from stclr_jax.exports import markdown
from stclr_jax.exports import network_function
from stclr_jax.inference import caveats
from stclr_jax.inference import exported_folder

PAPER = (
  '@inproceedings{roy2021spatiotemporal,\n'
  '  title = {Spatiotemporal Contrastive Learning of Facial Expressions in '
  'Videos},\n'
  '  author = {Roy, Shuvendu and Etemad, Ali},\n'
  '  booktitle = {9th International Conference on Affective Computing and '
  'Intelligent Interaction (ACII)},\n'
  '  year = {2021},\n'
  '  note = {arXiv:2108.03064}\n'
  '}'
)
_READS = {
  'clip': 'h of the clip',
  'change': 'h of the last frame less h of the first, each shown as long as a '
  'clip',
  'change_of_clip': 'h of the clip less h at rest',
  'both': 'h of the clip, then h of the clip less h at rest',
}
_RESTS = {
  'first_frame': 'the first frame, shown as long as a clip',
  'person_mean': "the mean of h over the person's clips",
}
_OUT_OF_SCOPE = (
  'To infer what people feel, mean, or are: a shown expression does not tell. '
  'The model names movements of a face as the people who posed for its data '
  'were asked to make them.',
  'At work or in education, to infer emotions: prohibited in the European '
  'Union since 2 February 2025, except for medical or safety reasons (AI Act, '
  'Regulation (EU) 2024/1689, Art. 5(1)(f)). Other recognition of emotions is '
  'high risk there (Annex III) and must be told to whom it is used on '
  '(Art. 50(3)).',
  'To decide anything about a person: hiring, grading, policing, borders, '
  'insurance, diagnosis.',
  'On people who have not agreed to it.',
)
NO_LICENSE = 'not-stated'


@dataclasses.dataclass(frozen=True)
class License:
  """The licence of the weights, as their owner says.

  Attributes:
    name: an identifier of the hub's, such as 'apache-2.0' or 'cc-by-nc-4.0';
      '' where the owner has said none.
    has_text: whether the folder has its text as a file.
  """

  name: str = ''
  has_text: bool = False


def write(
  trained: Any,
  evaluated: card_evaluation.Evaluated,
  *,
  name: str,
  files: tuple[str, ...],
  written: datetime.date,
  license: License,
) -> str:
  """Writes the card of an exported network.

  Args:
    trained: a `trained_network.Trained`.
    evaluated: its figures.
    name: of the model.
    files: names of the files in the folder.
    written: when.
    license: of the weights.

  Returns:
    Markdown, with the hub's lines before it.
  """
  facts = trained.trained_on
  sections = {
    'Details': [_details(trained)],
    'Uses': _uses(trained),
    'Bias, risks and limitations': _limits(trained),
    'How to start': card_usage.section(trained, files, written),
    'Training': _training(trained, evaluated.summary),
    'Evaluation': card_evaluation.section(trained, evaluated),
    'Environmental impact': [_impact(evaluated.summary)],
    'Licence': [_license(license)],
    'Citation': [
      'The method:',
      markdown.code(PAPER, 'bibtex'),
      'And this network, by the checksum above.',
    ],
  }
  data = markdown.escape(facts.data)
  kind = 'Names the expression that a face shows in a short video'
  if trained.labels is None:
    kind = 'Represents the expression that a face shows in a short video'
  blocks = [
    _front_matter(trained, evaluated, name, license),
    f'# {markdown.escape(name)}',
    f'{kind}. Trained on {data} with stclr_jax, an implementation of ST-CLR '
    '([arXiv:2108.03064](https://arxiv.org/abs/2108.03064)) in JAX.',
    markdown.bullets(
      f'**{markdown.escape(one)}**' for one in caveats.of_network(trained)
    ),
  ]
  for title, section in sections.items():
    blocks += [f'## {title}', *section]
  plain = ('#', '|', '```', '- ', '---')
  return (
    '\n\n'.join(
      block if block.startswith(plain) else markdown.paragraph(block)
      for block in blocks
      if block
    )
    + '\n'
  )


def _front_matter(trained, evaluated, name, license):
  """YAML between dashes. JSON is YAML, whatever others' names contain."""
  encoder = trained.encoder
  is_encoder = trained.labels is None
  task = 'feature-extraction' if is_encoder else 'video-classification'
  said: dict[str, Any] = {
    'library_name': 'stclr_jax',
    'pipeline_tag': task,
    'license': license.name or 'other',
  }
  if not license.name:
    said['license_name'] = NO_LICENSE
  if license.has_text:
    said['license_link'] = exported_folder.LICENSE
  said['tags'] = [
    'jax',
    'flax',
    'facial-expression-recognition',
    encoder.architecture.partition('_')[0],
    *(['synthetic-training-data'] if trained.trained_on.synthetic else []),
  ]
  if found := card_evaluation.model_index(trained, evaluated):
    said['metrics'] = ['accuracy']
    data = markdown.plain(trained.trained_on.data)
    dataset = {'name': data, 'type': data.replace(':', '_')}
    result = {'task': {'type': task}, 'dataset': dataset, 'metrics': found}
    said['model-index'] = [{'name': markdown.plain(name), 'results': [result]}]
  lines = [
    f'{key}: {json.dumps(value, ensure_ascii=False)}'
    for key, value in said.items()
  ]
  return '\n'.join(['---', *lines, '---'])


def _details(trained):
  encoder, options = trained.encoder, trained.view_options
  rows = [
    ('kind', trained.kind),
    (
      'encoder',
      f'{encoder.architecture}, width {encoder.width:g}, epsilon of its batch '
      f'norms {encoder.epsilon:g}',
    ),
    ('representation h', f'{network_function.features(trained)} numbers'),
  ]
  if trained.labels is not None:
    reads = _READS[trained.input]
    if trained.input not in ('clip', 'change'):
      reads += f'; rest is {_RESTS[trained.rest]}'
    rows += [
      ('classes, in order', ', '.join(trained.labels)),
      ('the classifier reads', reads),
    ]
  rows += [
    (
      'a clip',
      f'{options.num_frames} frames of {options.size}x{options.size} pixels',
    ),
    ('trained in', jnp.dtype(encoder.dtype).name),
    ('SHA-256 of the arrays', trained.checksum),
  ]
  return markdown.table(['', ''], rows)


def _uses(trained):
  direct = (
    'To describe which expression is shown over the course of a video, by the '
    'same kind of recording as it was trained on, by people who look at what '
    'it says.'
  )
  if trained.labels is None:
    direct = (
      'To be fine-tuned, or read by a small classifier of your own, on people '
      'whom you have asked.'
    )
  return [
    '### Direct use',
    direct,
    '### Out of scope',
    markdown.bullets(_OUT_OF_SCOPE),
  ]


def _limits(trained):
  said = [
    'Faces of other ages, skin tones and cultures, other light, other cameras '
    'and other angles than in the data trained on were not tested, and are '
    'likely to be named worse.',
    'Posed expressions differ from those that are felt, and from those of '
    'people who talk.',
  ]
  if trained.labels is not None:
    said.append(
      'It names one of its classes for whatever it is shown, a hand or an '
      'empty room as well: find the face first, and leave out windows without '
      'one.'
    )
  return [markdown.bullets(said)]


def _training(trained, summary):
  facts = trained.trained_on
  drawn = ' (drawn faces, not people)' if facts.synthetic else ''
  said = (
    f'{facts.clips} videos of {facts.people} people of '
    f'{markdown.escape(facts.data)}{drawn}, '
    f'{facts.epochs} {"epoch" if facts.epochs == 1 else "epochs"}.'
  )
  if facts.init is not None:
    begun = {
      'scratch': 'random weights',
      'kinetics400': 'weights trained on Kinetics-400',
      'pretrained': 'a contrastive pretraining',
    }
    said += f' It began with {begun.get(facts.init, "another network")}'
    if facts.pretrained_on:
      said += f' on {markdown.escape(facts.pretrained_on)}'
    said += '.'
  blocks = [said, f'Videos: {markdown.escape(trained.making.describe())}.']
  remarks = getattr(summary, 'remarks', ())
  return (
    blocks + [markdown.bullets(map(markdown.escape, remarks))][: bool(remarks)]
  )


def _impact(summary):
  if summary is None:
    return 'Not measured.'
  return (
    f'The run took {summary.seconds / 3600:.2f} hours, without what it began '
    'with. Energy was not measured.'
  )


def _license(license):
  if not license.name:
    said = 'Whoever exported the weights has not stated a licence'
  else:
    said = f'The weights: {markdown.escape(license.name)}'
  if license.has_text:
    said += f', see [{exported_folder.LICENSE}]({exported_folder.LICENSE})'
  return (
    f'{said}. Licences of data sets of faces often say who may have what was '
    'made from them: ask before you hand these weights on.'
  )
