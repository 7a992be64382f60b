"""
The conformance kit: it drives clients, workers and servers through the vectors of the specification.

`tools/conformance` is the program, proto/CONFORMANCE.md its manual, proto/vectors/ the vectors.
"""
