"""How much each word matters for the score: the methods, behind one interface.

A file here that registers a method is found by being here. Torch stops in this room: what leaves it
is word saliency as NumPy arrays.
"""
