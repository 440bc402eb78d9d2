"""Errors that a user can mend."""

import pytest

from stclr_jax import errors


def test_what_is_none_of_the_allowed_is_named_with_them_and_the_remedy():
  errors.check_one_of('init', 'scratch', ('pretrained', 'scratch'))
  errors.check_one_of('init', 'scratch', {'scratch': 1})
  with pytest.raises(errors.UserError) as caught:
    errors.check_one_of('init', ['x'], {'a': 1, 3: 3})
  assert str(caught.value) == "`init` (=['x']) must be one of a, 3."
  with pytest.raises(ValueError) as caught:
    errors.check_one_of('init', 'x', ['a', 'b'], 'a is usual')
  assert str(caught.value) == ("`init` (='x') must be one of a, b; a is usual.")
