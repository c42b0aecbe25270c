"""Linear regression on one-hot encodings: what the models `pls` and `ridge` share.

It lies here, and not with one of them, because an image holds the files of one model and this library. numpy, imported
where it is used.
"""
