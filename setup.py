"""What pyproject.toml cannot say: a wheel carries `configs/` in the package.

A folder `configs` beside the package would be everybody's; so it goes to
`stclr_jax/carried/configs`, which `stclr_jax/train.py` looks into.
"""

import setuptools

setuptools.setup(
  packages=[
    *setuptools.find_packages(include=['stclr_jax*', 'tfds_oulu*']),
    'stclr_jax.carried.configs',
  ],
  package_dir={'stclr_jax.carried.configs': 'configs'},
)
