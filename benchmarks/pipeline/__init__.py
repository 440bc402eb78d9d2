"""What comes before the step: records, decoding, views, placement."""
