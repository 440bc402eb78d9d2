"""The way to the step: records, decoding, views, placement."""
