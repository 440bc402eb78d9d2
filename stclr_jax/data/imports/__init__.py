"""Makes a data set of listed recordings, and reports what went in.

Reading recordings and writing records; finding them is for `listings`.
"""
