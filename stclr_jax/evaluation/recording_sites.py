"""The two places where Oulu-CASIA was recorded, and what they confound."""

import dataclasses

import numpy as np

from stclr_jax import oulu_casia
from stclr_jax.evaluation import metrics

# By the data set's own numbers. To be confirmed from its papers: public lists
# and code agree on the numbers, none of them quotes a source.
SITES = {'Oulu': (1, 50), 'Beijing': (51, 80)}

CONFOUNDING = (
  'P001 to P050 were recorded in Oulu and P051 to P080 in Beijing (to be '
  "confirmed from the data's own papers). Site, camera, light and the people's "
  'origin change together, and with consecutive folds of ten 0 to 5 test Oulu '
  'only, 7 to 9 Beijing only and 6 both: a difference between folds may be one '
  'of sites, and one between sites may be any of these.'
)


@dataclasses.dataclass(frozen=True)
class Sites:
  """Counts of each site, with what must be known to read them.

  Attributes:
    by_site: `metrics.PeopleCounts` of each site that occurs.
    confounding: what changes together with the site.
  """

  by_site: dict[str, metrics.PeopleCounts]
  confounding: str = CONFOUNDING


def count(data_name, subject, correct):
  """Counts each site's videos.

  Args:
    data_name: such as 'oulu_casia:vl_strong'.
    subject: person of each video, n numbers, or names such as 'P001'.
    correct: whether each was named rightly, bool [n].

  Returns:
    `Sites`; None of a data set whose people have no known sites.
  """
  if oulu_casia.family(data_name) != oulu_casia.LICENSED:
    return None
  number = np.array([int(str(person).lstrip('P')) for person in subject])
  correct, by_site = np.asarray(correct), {}
  for name, (first, last) in SITES.items():
    here = (first <= number) & (number <= last)
    if here.any():
      by_site[name] = metrics.count(correct[here], number[here])
  return Sites(by_site)
