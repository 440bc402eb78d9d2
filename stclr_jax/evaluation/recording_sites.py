"""Where Oulu-CASIA's people were recorded, and what that confounds."""

import numpy as np

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


def known(data_name):
  """Whether the people of a data set, such as 'oulu_casia:vl_strong', have
  sites."""
  return data_name.startswith('oulu_casia')


def by_site(subject, correct):
  """Counts each site's videos.

  Args:
    subject: person of each video, n numbers, or names such as 'P001'.
    correct: whether each was named rightly, bool [n].

  Returns:
    By site that occurs: 'people', 'correct', 'total' and 'accuracy'; JSON-able.
  """
  numbers = [int(str(person).lstrip('P')) for person in subject]
  subject, correct = np.asarray(numbers), np.asarray(correct)
  counts = {}
  for name, (first, last) in SITES.items():
    here = (first <= subject) & (subject <= last)
    if here.any():
      counts[name] = {
        'people': len(np.unique(subject[here])),
        'correct': int(correct[here].sum()),
        'total': int(here.sum()),
        'accuracy': float(correct[here].mean()),
      }
  return counts
