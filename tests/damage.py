"""What can have become of a file, and of the JSON in it: for property tests."""

from hypothesis import strategies as st

# Values of other kinds, and numbers at the ends of what JSON holds.
JSON = st.recursive(
  st.none()
  | st.booleans()
  | st.integers(-(2**70), 2**70)
  | st.floats()
  | st.text(max_size=8),
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=8), inner, max_size=3)
  ),
  max_leaves=6,
)


@st.composite
def damaged(draw, content):
  """Bytes that were cut, flipped, written over, doubled or moved.

  Args:
    draw: hypothesis's.
    content: bytes, at least one.

  Returns:
    bytes.
  """
  place = st.integers(0, len(content) - 1)
  for _ in range(draw(st.integers(1, 3))):
    start = draw(place)
    length = draw(st.sampled_from([1, 2, 4, 8, 64]))
    kind = draw(
      st.sampled_from(['cut', 'flip', 'write', 'insert', 'double', 'zero'])
    )
    before, part = content[:start], content[start : start + length]
    after = content[start + length :]
    if kind == 'cut':
      content = before
    elif kind == 'flip':
      bit = draw(st.integers(0, 7))
      content = before + bytes(b ^ (1 << bit) for b in part) + after
    elif kind == 'write':
      content = before + draw(st.binary(min_size=1, max_size=length)) + after
    elif kind == 'insert':
      content = before + draw(st.binary(max_size=8)) + part + after
    elif kind == 'double':
      content = before + part + part + after
    else:
      content = before + bytes(len(part)) + after
    place = st.integers(0, max(0, len(content) - 1))
  return content


@st.composite
def changed(draw, value):
  """JSON in which one place holds something else, is missing, or is new.

  Args:
    draw: hypothesis's.
    value: what JSON holds.

  Returns:
    Another such value; the one given stays as it is.
  """
  if isinstance(value, dict) and value and draw(st.integers(0, 4)):
    key = draw(st.sampled_from(sorted(value)))
    if not draw(st.integers(0, 5)):
      return {name: one for name, one in value.items() if name != key}
    return {**value, key: draw(changed(value[key]))}
  if isinstance(value, list) and value and draw(st.integers(0, 4)):
    place = draw(st.integers(0, len(value) - 1))
    return [*value[:place], draw(changed(value[place])), *value[place + 1 :]]
  if isinstance(value, dict) and draw(st.booleans()):
    return {**value, draw(st.text(max_size=8)): draw(JSON)}
  return draw(JSON)
