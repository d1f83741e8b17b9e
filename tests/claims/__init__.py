"""What documents say in numbers, as sentences made again from the committed metrics.

For each document a module holds `claims()`: fragments of its text, f-strings into which numbers of
the metrics are put, and `GIVEN`: fragments whose numbers no metrics tell, each with the reason.
`tests/test_numbers.py` finds each fragment in the document, and each number of the document in a
fragment.
"""
