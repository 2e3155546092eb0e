"""Builders for the tests: the sealed environment, git by hand, before and after, real servers."""
