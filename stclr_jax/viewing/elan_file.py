"""Segments as an ELAN file (.eaf), which opens with its video by a click."""

import datetime
import mimetypes
import pathlib
import xml.etree.ElementTree as ET

from stclr_jax.files import whole

_SCHEMA = 'http://www.mpi.nl/tools/elan/EAFv3.0.xsd'
_XSI = 'http://www.w3.org/2001/XMLSchema-instance'
_TYPE = 'expression'


def write(path, *, media, tiers):
  """Writes an ELAN file: a tier each face, an annotation each segment.

  Args:
    path: of the file, .eaf; one that is there is replaced.
    media: path of the video, relative to the file, or absolute.
    tiers: {name of the tier: `viewer_page.Segment`s in order}. Segments without
      an answer, and those that round to no millisecond, become none.

  Source: ELAN Annotation Format 3.0, Max Planck Institute for
    Psycholinguistics.
  """
  root = ET.Element(
    'ANNOTATION_DOCUMENT',
    {
      'AUTHOR': 'stclr_jax',
      'DATE': datetime.datetime.now(datetime.UTC).isoformat('T', 'seconds'),
      'FORMAT': '3.0',
      'VERSION': '3.0',
      'xmlns:xsi': _XSI,
      'xsi:noNamespaceSchemaLocation': _SCHEMA,
    },
  )
  header = ET.SubElement(
    root, 'HEADER', MEDIA_FILE='', TIME_UNITS='milliseconds'
  )
  kind = mimetypes.guess_type(media)[0] or 'video/mp4'
  video = pathlib.PurePath(media)
  where = video.as_uri() if video.is_absolute() else f'./{video.as_posix()}'
  ET.SubElement(
    header,
    'MEDIA_DESCRIPTOR',
    MEDIA_URL=where,
    RELATIVE_MEDIA_URL=where,
    MIME_TYPE=kind,
  )
  order = ET.SubElement(root, 'TIME_ORDER')
  slots = annotations = 0
  for name, segments in tiers.items():
    tier = ET.SubElement(
      root, 'TIER', TIER_ID=_legal(name), LINGUISTIC_TYPE_REF=_TYPE
    )
    for segment in segments:
      first, last = (round(1000 * s) for s in (segment.start_s, segment.end_s))
      if not segment.label or last <= first:
        continue
      for value in (first, last):
        slots += 1
        ET.SubElement(
          order, 'TIME_SLOT', TIME_SLOT_ID=f'ts{slots}', TIME_VALUE=str(value)
        )
      annotations += 1
      aligned = ET.SubElement(
        ET.SubElement(tier, 'ANNOTATION'),
        'ALIGNABLE_ANNOTATION',
        ANNOTATION_ID=f'a{annotations}',
        TIME_SLOT_REF1=f'ts{slots - 1}',
        TIME_SLOT_REF2=f'ts{slots}',
      )
      ET.SubElement(aligned, 'ANNOTATION_VALUE').text = _legal(segment.label)
  ET.SubElement(
    root,
    'LINGUISTIC_TYPE',
    LINGUISTIC_TYPE_ID=_TYPE,
    TIME_ALIGNABLE='true',
    GRAPHIC_REFERENCES='false',
  )
  ET.indent(root)
  with whole.writing(path, 'wb') as file:
    ET.ElementTree(root).write(file, encoding='UTF-8', xml_declaration=True)


def _legal(text):
  """Text without what XML cannot hold."""
  return ''.join(c if c.isprintable() else ' ' for c in text)
