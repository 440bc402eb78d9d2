"""Fingerprints of parts of recordings: a file may show several people."""

import bisect
import collections

# chosen: of 2**64, no two of a million are equal by chance
HASH_LENGTH = 16


def fingerprint_part(checksum, start, last):
  """Fingerprints a part of a recording.

  Args:
    checksum: of the recording, SHA-256 in hexadecimal.
    start: time of the part's first frame, in seconds.
    last: of its last one.

  Returns:
    Text; `Parts` tells which have a time in common.
  """
  return f'{checksum[:HASH_LENGTH]}@{start:.3f}-{last:.3f}'


def fingerprint_unnamed(checksum):
  """Fingerprints the person of a recording, if nobody named one.

  Args:
    checksum: of the recording, SHA-256 in hexadecimal.

  Returns:
    Text; the same for all parts.
  """
  return f'{checksum[:HASH_LENGTH]}@unnamed'


class Parts:
  """Parts of recordings.

  Args:
    fingerprints: iterable of text; those that are of no part are passed over.
  """

  def __init__(self, fingerprints):
    parts = collections.defaultdict(list)
    for fingerprint in fingerprints:
      checksum, start, last = _parse(fingerprint)
      if checksum:
        parts[checksum].append((start, last))
    self._merged = {of: _merge(sorted(p)) for of, p in parts.items()}

  def overlap(self, fingerprint):
    """Says whether one of the parts has a time in common with another.

    Args:
      fingerprint: text, of the other.
    """
    checksum, start, last = _parse(fingerprint)
    merged = self._merged.get(checksum, ())
    # The last one that begins no later than the other ends.
    place = bisect.bisect_right(merged, last, key=lambda part: part[0])
    return place > 0 and merged[place - 1][1] >= start


def _parse(fingerprint):
  """Returns (checksum, start, last); (None, 0, 0) of what is no part's."""
  checksum, _, times = fingerprint.partition('@')
  start, dash, last = times.partition('-')
  return (checksum, float(start), float(last)) if dash else (None, 0.0, 0.0)


def _merge(parts):
  merged = []
  for start, last in parts:
    if merged and start <= merged[-1][1]:
      start, before = merged.pop()
      last = max(last, before)
    merged.append((start, last))
  return merged
