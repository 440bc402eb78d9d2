"""Runs one workflow: `python main.py --config=configs/NAME.py[:PRESET]`."""

from stclr_jax.files import huge_pages

if __name__ == '__main__':
  huge_pages.use()  # before all that takes a second to import

from stclr_jax import train

if __name__ == '__main__':
  train.start()
