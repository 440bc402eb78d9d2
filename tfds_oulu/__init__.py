"""The TFDS builder of Oulu-CASIA and of the embedded drawn faces."""
