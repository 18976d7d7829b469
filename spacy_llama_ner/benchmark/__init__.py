"""Side-by-side measurements with bars, one module for each field; `cli/bench.py` runs them.

`timing` measures, `figures` says what a figure and a report are, `tables` lays a report out.
"""
