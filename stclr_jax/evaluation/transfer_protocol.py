"""The protocol of a trained classifier that is tested on other data.

The data trained on stands in place of the folds and selection of `protocol`,
whose classifier was trained on other folds of the data tested.
"""

import dataclasses

from stclr_jax.evaluation import protocol
from stclr_jax.files import json_records

ONE_A_FOLD = 'one a fold'


@dataclasses.dataclass(frozen=True)
class TransferProtocol(json_records.Record):
  """Everything that two such accuracies must share to be compared.

  Attributes:
    data: which data is tested, such as 'oulu_casia:ni_strong'.
    data_hash: `protocol.hash_videos` of all its videos.
    num_videos: how many are tested.
    num_people: how many people they show.
    classifier: workdir of the fine-tuning.
    trained_on: which data, first to last.
    people_trained_on: how many people it shows; None, as of the next counts,
      where the folds of a test differ.
    pretrained_on: which data without labels, first to last; '' without.
    people_pretrained_on: how many people it shows.
    pretrained_epochs: after how many epochs the encoder was taken.
    people_seen: what was done with people trained on: 'refuse', 'drop', 'mark'
      or 'none tested'.
    label_map: from the data's labels to the classifier's; '' without.
    selection: which epoch is tested, as the classifier's own test.
    view: how a video is looked at, see `protocol.describe_view`.
    views_per_video: how many such views are averaged.
    leaks: what pretraining saw of the people tested, in sentences.
    beyond_paper: see `protocol.Protocol`.
  """

  data: str
  data_hash: str
  num_videos: int
  num_people: int
  classifier: str
  trained_on: str
  people_trained_on: int | None
  pretrained_on: str
  people_pretrained_on: int | None
  pretrained_epochs: int | None
  people_seen: str
  label_map: str
  selection: str
  view: str
  views_per_video: int
  leaks: tuple[str, ...]
  beyond_paper: tuple[str, ...] = ()

  def describe(self, seen, unseen):
    """Returns lines to stand beside the number.

    Args:
      seen: `metrics.PeopleCounts` of the people trained on.
      unseen: of all others.
    """
    views = self.views_per_video
    lines = [
      f'{self.data}: {self.num_videos} videos of {self.num_people} people '
      f'tested (data {self.data_hash[:12]})',
      f'trained on {self.trained_on}'
      + (f', pretrained on {self.pretrained_on}' if self.pretrained_on else '')
      + '; last epoch'
      + (f'; labels {self.label_map}' if self.label_map else ''),
      f'{views} view{"" if views == 1 else "s"} a video: {self.view}',
      *protocol.describe_beyond(self.beyond_paper),
    ]
    if seen.total:
      lines.append(
        f'LEAK: The classifier was trained on {seen.people} of these people: '
        f'{seen.describe()} of theirs, {unseen.describe()} of others.'
      )
    return '\n'.join([*lines, *(f'LEAK: {leak}' for leak in self.leaks)])


def pool(protocols):
  """Puts together the protocols of tests on the folds of one data set.

  Args:
    protocols: list of `TransferProtocol`, each of other people.

  Returns:
    A `TransferProtocol`: counts are added up, leaks joined, and what the folds
    do not share is 'one a fold' or, of numbers, None.
  """
  first, shared = protocols[0], {}
  for field in dataclasses.fields(first):
    values = {getattr(one, field.name) for one in protocols}
    apart = ONE_A_FOLD if field.type is str else None
    shared[field.name] = values.pop() if len(values) == 1 else apart
  leaks = [leak for one in protocols for leak in one.leaks]
  beyond = [words for one in protocols for words in one.beyond_paper]
  return TransferProtocol(
    **shared
    | {
      'num_videos': sum(one.num_videos for one in protocols),
      'num_people': sum(one.num_people for one in protocols),
      'leaks': tuple(dict.fromkeys(leaks)),
      'beyond_paper': tuple(dict.fromkeys(beyond)),
    }
  )
