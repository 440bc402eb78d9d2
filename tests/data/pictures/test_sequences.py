import random

from stclr_jax.data.pictures import sequences


def numbered(text, numbers=range(1, 6)):
  return [text.format(i) for i in numbers]


def same(name, other):
  """All that is called a copy is one."""
  return 'Copy' in name or '(1)' in name or 'f01' in name


ONE = {  # what is one sequence: its names in order, and words of its notes
  'CASME II': (numbered('reg_img{}.jpg', range(46, 131)), ''),
  'SMIC': (numbered('image{:06d}.jpg', range(99, 120)), ''),
  'CK+': (numbered('S005_001_{:08d}.png'), ''),
  'SAMM': (numbered('006_{:05d}.jpg', range(9990, 10012)), ''),
  'numbered by Windows': (numbered('img ({}).jpg', range(1, 12)), ''),
  'another number behind': (numbered('f_{:03d}_1920x1080.png'), ''),
  'capitals': (['F2.png', 'f10.png'], ''),
  'index and clock': ([f'f{i}_{977 * i + 100}.png' for i in range(6)], ''),
  'every fifth': (numbered('f{}.jpg', range(0, 50, 5)), ''),
  'far holes': (
    numbered('f{}.jpg', (1, 2, 3, 4, 50, 51, 52, 9000)),
    '8992 frame numbers missing: 5, 6, 7',
  ),
  'every fifth with a hole': (
    numbered('f{}.jpg', (0, 5, 10, 15, 30, 35)),
    '2 frame numbers missing: 20, 25',
  ),
  'a hole': (numbered('f{}.jpg', (1, 2, 3, 4, 6, 9)), 'missing: 5, 7, 8'),
  'nanoseconds': (numbered('{}.png', (10**18, 10**18 + 4 * 10**9)), ''),
  'many digits': (['1' * 240 + '.png', '2' * 240 + '.png'], ''),
  'Arabic digits': (['f٩.png', 'f١٠.png'], ''),
  'signs': (numbered('f{}.jpg', range(-3, 5)), 'with their signs'),
  'both signs': (numbered('f{:+}.jpg', range(-2, 3)), 'with their signs'),
  'a separator': (numbered('f-{}.jpg'), ''),
  'decimals': (numbered('{}.jpg', ('0.5', '0.75', '1.0', '1.25')), 'decimals'),
  'with a comma': (numbered('{}.jpg', ('0,8', '0,9', '1,0')), 'decimals'),
  'no decimals': (numbered('1.{}.jpg', range(1, 13)), ''),
  'dates': (numbered('2024-01-31_23-59-{}.png', ('58.900', '59.020')), ''),
  'screenshots': (
    numbered('Screenshot 2024-01-31 at 12.{}.png', ('29.59', '30.00')), '',
  ),
  'one picture': (['anna.jpg'], ''),
}  # fmt: skip


def test_what_is_one_sequence(subtests):
  for kind, (names, words) in ONE.items():
    with subtests.test(kind=kind):
      shuffled = random.Random(0).sample(names, len(names))
      (found,) = sequences.find_sequences(shuffled).found
      assert list(found.names) == names and found.part == ''
      assert words in str(found.notes) and (words or not found.notes)


LEFT_OUT = {  # what stays out of a sequence of five, and words of the note
  'a thumbnail': (['thumbnail.jpg'], 'no numbered sequence'),
  'of another kind': (['apex_3.jpg', 'onset_1.jpg'], 'no numbered sequence'),
  'once more, as JPEG': (numbered('f{}.jpg'), 'their number is there'),
  'copies': (numbered('f{} - Copy.png'), 'the same to the last byte'),
  'downloaded twice': (numbered('f{} (1).png'), 'the same to the last byte'),
  'a superscript': (['x²1.png'], 'no numbered sequence'),
}


def test_what_is_left_out_is_noted(subtests):
  names = numbered('f{}.png')
  for kind, (others, words) in LEFT_OUT.items():
    with subtests.test(kind=kind):
      result = sequences.find_sequences([*others, *names], same)
      (found,) = result.found
      assert list(found.names) == names
      assert result.left_out == len(others)
      assert words in str(found.notes) and others[0] in str(found.notes)


SEVERAL = {  # {part: its names}
  'cameras': {c: numbered(c + '_{:04d}.jpg') for c in ('cam1', 'cam2')},
  'KMU-FED': {
    s: numbered(s + '_{:04d}.jpg') for s in ('01_AN_LC', '01_HA_LC', '02_AN_LC')
  },
  'CK+48': {
    'S010_002': numbered('S010_002_{:08d}.png', (12, 13, 14)),
    'S010_004': numbered('S010_004_{:08d}.png', (17, 18, 19)),
    'S011_001': numbered('S011_001_{:08d}.png', (14, 15, 16)),
  },
  'sides': {f'f#_{s}': numbered(f'f{{}}_{s}.png') for s in ('left', 'right')},
  'copies that differ': {
    'f': numbered('f{}.png'), 'f#~': numbered('f{}~.png'),
  },
  'shots': {s: numbered(s + '.{:04d}.png') for s in ('shot1', 'shot2')},
  'scenes': {str(s): numbered(f'{s}.{{}}.png', (1, 2, 3)) for s in (1, 2)},
}  # fmt: skip


def test_several_sequences_are_told_apart(subtests):
  for kind, parts in SEVERAL.items():
    with subtests.test(kind=kind):
      names = sum(parts.values(), [])
      result = sequences.find_sequences(
        random.Random(0).sample(names, len(names)), lambda a, b: False
      )
      assert {f.part: list(f.names) for f in result.found} == parts
      assert all(
        f'{len(parts)} sequences' in str(f.notes) for f in result.found
      )


def test_an_order_is_not_invented(subtests):
  for names in [
    ['anna.jpg', 'ben.jpg', 'zoe.jpg'],
    ['onset_001.jpg', 'apex_014.jpg', 'offset_030.jpg'],
    [f'S{p:03d}_00{q}_0000001{q}.png' for p, q in ((5, 1), (9, 4), (10, 2))],
    ['f1.jpg', 'f2.jpg', 'anna.jpg', 'ben.jpg', 'zoe.jpg'],
    ['f1.png', 'f001.png', 'f2.png'],  # both number 1
  ]:
    with subtests.test(names=names):
      result = sequences.find_sequences(names)
      assert not result.found
      assert names[-1] in result.problem or 'f001.png' in result.problem
      assert (
        'number the pictures' in result.problem or 'rename' in result.problem
      )


def test_no_picture_is_lost_or_used_twice():
  draw = random.Random(0)
  pieces = ['f', 'F', '-', '+', '_', '.', ' ', '1', '2', '10', '007', 'a', '²',
            '١', '0.5', ' (1)', ' - Copy', '20240131_125959', 'é']  # fmt: skip
  outcomes = set()
  for _ in range(400):
    names = {
      ''.join(draw.choices(pieces, k=draw.randint(1, 4)))
      + draw.choice(['.jpg', '.JPG', '.png'])
      for _ in range(draw.randint(1, 12))
    }
    result = sequences.find_sequences(names, lambda a, b: draw.random() < 0.5)
    used = [name for found in result.found for name in found.names]
    assert len(set(used)) == len(used) and set(used) <= names
    outcomes.add(bool(result.found))
    if result.found:
      assert len(used) + result.left_out == len(names), names
      parts = [found.part for found in result.found]
      assert len(set(parts)) == len(parts), parts
    else:
      assert result.problem
  assert outcomes == {True, False}
