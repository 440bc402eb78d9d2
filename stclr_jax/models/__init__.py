"""The encoder, its blocks and its heads.

Arrays in, arrays out; no losses, no data. Weights from elsewhere: `weights`.
"""
