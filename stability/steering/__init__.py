"""Steering: a vector added to, or projected out of, the states of a text, and its dose.

Each part rests only on those before it: `passes`, `vectors`, `crossings`, `doses`, `checks`, `texts`,
`scenes`.
"""
