"""How to check a plug-in: contract suites and the fakes they run on, for authors of plug-ins.

``python -m torchal.testing my_strategy.py`` checks one strategy and prints a line for each promise. In a test suite,
parametrise over :data:`torchal.testing.strategies.CHECKS`.
"""
